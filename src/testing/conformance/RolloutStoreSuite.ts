/**
 * What every `RolloutStore` must do, whatever it stores in. Given are a fresh store for each case, and a way to its files
 * behind the store's back (`StoreFiles`, or `layerNoFiles` where there are none).
 */
import type { RolloutStore } from "../../services/RolloutStore.ts"
import { basicCases } from "./StoreBasics.ts"
import { type StoreCapability, storeCapabilities, type StoreFiles } from "./StoreFiles.ts"
import { locating, resolving } from "./StoreFinding.ts"
import { moves, names } from "./StoreMoving.ts"
import { creatingCases, naming, readingCases } from "./StoreReading.ts"
import type { Suite } from "./Suite.ts"
import { writing } from "./StoreWriting.ts"

export { layerNoFiles, type StoreCapability, StoreFiles } from "./StoreFiles.ts"

export const rolloutStoreSuite: Suite<StoreCapability, RolloutStore | StoreFiles> = {
  name: "RolloutStore",
  capabilities: storeCapabilities,
  cases: [
    ...basicCases,
    ...locating,
    ...resolving,
    ...readingCases,
    ...creatingCases,
    ...naming,
    ...writing,
    ...moves,
    ...names
  ]
}
