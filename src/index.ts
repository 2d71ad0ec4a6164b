/** A thread server for Effect: everything but the platform, the wire and the test kit. */
export * from "./domain/index.ts"
export * from "./services/index.ts"
