/**
 * A client of a thread server: of one in this process, over the home's threads, or (`--remote`) of one that runs.
 *
 * Whatever an agent asks leave for is declined: nobody sits here to answer.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Effect, Layer, Option, Schema } from "effect"
import { VERSION } from "../domain/Version.ts"
import { CannotAnswer, CodexClient, type ConnectionLost, type HandshakeFailed } from "../rpc/client/index.ts"
import * as Server from "./Server.ts"

/** The URL is none that a server listens at. */
export class InvalidRemote extends Schema.TaggedError<InvalidRemote>()("InvalidRemote", { input: Schema.String }) {
  override get message(): string {
    return `unsupported --remote URL ${JSON.stringify(this.input)}: expected ws://HOST:PORT, wss://HOST or unix:///PATH`
  }
}

const unattended = "nobody is there to answer: this is a command that runs by itself"

const clientOptions = {
  clientInfo: { name: "rethread-cli", title: "Rethread", version: VERSION },
  onRequest: {
    "item/commandExecution/requestApproval": () => Effect.succeed({ decision: "decline" as const }),
    "item/fileChange/requestApproval": () => Effect.succeed({ decision: "decline" as const }),
    "item/permissions/requestApproval": () => Effect.succeed({ permissions: {}, scope: "turn" as const }),
    "item/tool/requestUserInput": () => Effect.fail(new CannotAnswer({ message: unattended })),
    "item/tool/call": () => Effect.fail(new CannotAnswer({ message: unattended }))
  }
}

/** The client. */
export const layer = (
  url: Option.Option<string>,
  options: Server.ServerOptions
): Layer.Layer<CodexClient, ConnectionLost | HandshakeFailed | InvalidRemote> => {
  if (Option.isNone(url)) {
    return CodexClient.layerInProcess(clientOptions).pipe(Layer.provide(Server.layer(options)))
  }
  const path = /^unix:\/\/(\/.*)$/i.exec(url.value)?.[1]
  const socket = Layer.provide(NodeWS.layerWebSocketConstructor, NodeServices.layer)
  if (path !== undefined) return Layer.provide(CodexClient.layerUnix(path, clientOptions), socket)
  return /^wss?:\/\/./i.test(url.value)
    ? Layer.provide(CodexClient.layerWebSocket(url.value, clientOptions), socket)
    : Layer.effect(CodexClient, Effect.fail(new InvalidRemote({ input: url.value })))
}
