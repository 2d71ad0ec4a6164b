/** What can be done: the services of a thread server, their layers and errors. */
export * from "./Agent.ts"
export * from "./Approvals.ts"
export type { LiveThread, TurnRequest } from "./LiveThread.ts"
export * from "./Checkpoints.ts"
export * as Metrics from "./Metrics.ts"
export * from "./NotificationDelivery.ts"
export * from "./Rethread.ts"
export * from "./RolloutDoctor.ts"
export * from "./RolloutParser.ts"
export * from "./RolloutStore.ts"
export * from "./RolloutWriter.ts"
export * from "./ServerConfig.ts"
export * from "./SessionReconstruction.ts"
export * from "./ThreadCatalog.ts"
export * from "./ThreadCommands.ts"
export * from "./ThreadError.ts"
export type { ForkRequest, NewThreadRequest } from "./ThreadForks.ts"
export * from "./ThreadLifecycle.ts"
export * from "./Threads.ts"
export type {
  ClientToolCall,
  CommandQuestion,
  Decision,
  FileChangeQuestion,
  PermissionsQuestion,
  TurnQuestions,
  UserQuestion
} from "./TurnQuestions.ts"
export { nobodyToAsk } from "./TurnQuestions.ts"
