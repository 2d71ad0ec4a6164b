import { it } from "@effect/vitest"
import * as SqliteThreadCatalog from "../../src/layers/sqlite/SqliteThreadCatalog.ts"
import { register } from "../../src/testing/conformance/Suite.ts"
import { layerOf, threadCatalogSuite } from "../../src/testing/conformance/ThreadCatalogSuite.ts"

register(
  it,
  { ...threadCatalogSuite, name: "SqliteThreadCatalog" },
  { layer: layerOf(SqliteThreadCatalog.layerMemory) }
)
