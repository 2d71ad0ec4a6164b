/**
 * A whole server in memory with its native face, and clients of that: in the same process, and over a real WebSocket.
 */
import { NodeWS } from "@effect/platform-node"
import { Context, Effect, Layer, type Scope, Stream } from "effect"
import type { Notification, NotificationMethod } from "../../../src/domain/Notification.ts"
import type { AttachmentOptions } from "../../../src/rpc/native/NativeAttachment.ts"
import { NativeClient, type WebSocketOptions } from "../../../src/rpc/native/NativeClient.ts"
import type { Event, Following } from "../../../src/rpc/native/NativeElement.ts"
import * as NativeHandlers from "../../../src/rpc/native/NativeHandlers.ts"
import { NativeServer, type Options } from "../../../src/rpc/native/NativeServer.ts"
import type { JsonRpcServer } from "../../../src/rpc/codex/JsonRpcServer.ts"
import { type LiveServerOptions, server } from "../../live/Server.ts"
import { listen, type ListeningOptions } from "../../rpc/support/Listening.ts"

export interface WorldOptions extends LiveServerOptions {
  /** What may wait for one stream. */
  readonly attachments?: AttachmentOptions
  readonly native?: Options
}

/** The server, both its faces. */
export const world = ({ attachments = {}, native = {}, ...options }: WorldOptions = {}) =>
  NativeServer.layer(native).pipe(
    Layer.provideMerge(NativeHandlers.layerWith(attachments)),
    Layer.provideMerge(server(options))
  )

/** What is in a world. */
export type World = Layer.Success<ReturnType<typeof world>>

/** Makes clients; each has a connection of its own, which lasts as long as the scope. */
export type Connect = Effect.Effect<NativeClient["Service"], never, Scope.Scope>

const clientOf = <R>(layer: Layer.Layer<NativeClient, never, R>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, NativeClient))

/** Clients in the process of the server. */
export const inProcess: Effect.Effect<Connect, never, World> = Effect.map(Effect.context<World>(), (context) =>
  Effect.provideContext(clientOf(NativeClient.layerInProcess), context)
)

/** Listens with both faces, and gives the URL of the native one. */
export const listening = Effect.fnUntraced(function* (options: Omit<ListeningOptions, "faces"> = {}) {
  const { serve } = yield* NativeServer
  return `${yield* listen({ ...options, faces: new Map([["/rpc", serve]]) })}/rpc`
})

/** A client over a real WebSocket. */
export const connectTo = (url: string, options: WebSocketOptions = {}): Connect =>
  clientOf(Layer.provide(NativeClient.layerWebSocket(url, options), NodeWS.layerWebSocketConstructor))

/** Clients over real WebSockets. */
export const overWebSocket: Effect.Effect<Connect, never, NativeServer | JsonRpcServer | Scope.Scope> = Effect.map(
  Effect.orDie(listening()),
  (url) => connectTo(url)
)

export const isEvent =
  (method: NotificationMethod) =>
  (element: Following): boolean =>
    element._tag === "Event" && element.notification.method === method

/** The elements up to the first of this method, that one included. */
export const upTo = <E, R>(events: Stream.Stream<Following, E, R>, method: NotificationMethod) =>
  Stream.runCollect(Stream.takeUntil(events, isEvent(method)))

const isAnEvent = (element: Following): element is Event => element._tag === "Event"

/** What was told, in order. */
export const notificationsOf = (elements: ReadonlyArray<Following>): ReadonlyArray<Notification> =>
  elements.filter(isAnEvent).map(({ notification }) => notification)

/** The texts of a message, as a client puts them together. */
export const textOf = (elements: ReadonlyArray<Following>): string =>
  notificationsOf(elements)
    .map((told) => (told.method === "item/agentMessage/delta" ? told.params.delta : ""))
    .join("")

/** A user's words as input. */
export const say = (text: string) => [{ type: "text" as const, text }]
