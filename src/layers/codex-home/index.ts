/** A Codex home on disk: its rollouts and its configuration. */
export * as CodexHomeConfig from "./CodexHomeConfig.ts"
export * as CodexHomeStore from "./CodexHomeStore.ts"
