/**
 * What every `ThreadCatalog` must do, whatever it keeps and where.
 */
import { listing } from "./CatalogLists.ts"
import { searches } from "./CatalogSearches.ts"
import { type CatalogCapability, catalogCapabilities, type CatalogUnderTest } from "./CatalogUnderTest.ts"
import type { Suite } from "./Suite.ts"

export { type CatalogCapability, CatalogUnderTest, layerOf } from "./CatalogUnderTest.ts"

export const threadCatalogSuite: Suite<CatalogCapability, CatalogUnderTest> = {
  name: "ThreadCatalog",
  capabilities: catalogCapabilities,
  cases: [...listing, ...searches]
}
