/**
 * The test kit: a whole server in one line with every part replaceable, scripted agents, rollouts, recording clients with
 * expectations of order and scope, faults, a mock app server for people who test clients, and conformance suites for
 * layers of one's own. No test runner is needed; any will do.
 */
export * as AgentSuite from "./conformance/AgentSuite.ts"
export * as Conformance from "./conformance/Suite.ts"
export * as RolloutStoreSuite from "./conformance/RolloutStoreSuite.ts"
export * as ThreadCatalogSuite from "./conformance/ThreadCatalogSuite.ts"
export * as DeterministicIds from "./DeterministicIds.ts"
export * as Expect from "./Expect.ts"
export * as ExpectOrder from "./ExpectOrder.ts"
export * as Faults from "./Faults.ts"
export * as MockAppServer from "./MockAppServer.ts"
export * as PassingTime from "./PassingTime.ts"
export * as RecordingConnection from "./RecordingConnection.ts"
export * as RolloutBuilder from "./RolloutBuilder.ts"
export * as RolloutLines from "./RolloutLines.ts"
export * as Testing from "./Testing.ts"
export * as Transcript from "./Transcript.ts"
export * as TurnInputs from "./TurnInputs.ts"
export * as WireClient from "./WireClient.ts"
