/** How the services are reached: the Codex app-server wire and its transports. */
export * as CodexHandlers from "./codex/Handlers.ts"
export * as InProcessTransport from "./codex/InProcessTransport.ts"
export * from "./codex/JsonRpcServer.ts"
export * from "./codex/Protocol.ts"
export * from "./codex/ServerInfo.ts"
export * as StdioTransport from "./codex/StdioTransport.ts"
export * from "./codex/Transport.ts"
export * as WebSocketTransport from "./codex/WebSocketTransport.ts"
