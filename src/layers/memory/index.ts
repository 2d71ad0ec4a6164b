/** Stores in memory, for tests, demos and embedding. */
export * as MemoryRolloutStore from "./MemoryRolloutStore.ts"
