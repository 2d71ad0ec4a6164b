/** Listening on Node: an HTTP server on a port or a Unix socket, and what a WebSocket's server asks of a connection. */
export * from "./ListenFailed.ts"
export * as NodeConnection from "./NodeConnection.ts"
export * as NodeListener from "./NodeListener.ts"
