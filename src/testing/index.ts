/** The test kit: builders for rollouts, a recording connection, deterministic ids. */
export * as DeterministicIds from "./DeterministicIds.ts"
export * as RecordingConnection from "./RecordingConnection.ts"
export * as RolloutBuilder from "./RolloutBuilder.ts"
export * as RolloutLines from "./RolloutLines.ts"
