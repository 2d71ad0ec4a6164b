import * as SqliteThreadCatalog from "../../src/layers/sqlite/SqliteThreadCatalog.ts"
import { threadCatalogSuite } from "../conformance/ThreadCatalogSuite.ts"

threadCatalogSuite("SqliteThreadCatalog", () => SqliteThreadCatalog.layerMemory)
