/**
 * What a person does to a thread, as requests on the wire, and what is to be seen of it afterwards. Every server that takes
 * part understands these; a refusal is a defect of the test.
 */
import { Effect, type Scope } from "effect"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import { at, listAt, usages } from "../conformance/Case.ts"
import type { Client, ServerGone } from "../conformance/Client.ts"
import type { Home } from "../conformance/Home.ts"
import type { Peer, PeerUnavailable } from "../conformance/Peer.ts"
import { contextOf, linesOf, Model } from "./World.ts"

/** What keeps a step from being taken. */
export type Trouble = ServerGone | PeerUnavailable

/** An answer that is none is a mistake of the script or of the server; either way it is shown whole. */
const ask = Effect.fnUntraced(function* (client: Client, method: string, params: JsonRecord) {
  const answer = yield* client.request(method, params)
  const result = own(answer, "result")
  if (!isRecord(result)) return yield* Effect.die(new Error(`${method}: ${JSON.stringify(own(answer, "error"))}`))
  return result
})

const idAt = (value: unknown, ...path: ReadonlyArray<string>): string => String(at(value, ...path))

/** A thread, and the connection over which it is driven. */
export interface Actor {
  readonly client: Client
  readonly threadId: string
}

/** Starts a thread; without a mode the server chooses. */
export const start = Effect.fnUntraced(function* (client: Client, historyMode: "legacy" | "paginated" | null) {
  const result = yield* ask(client, "thread/start", { cwd: "/", ...(historyMode === null ? {} : { historyMode }) })
  return { client, threadId: idAt(result, "thread", "id") } satisfies Actor
})

/** Comes back to a thread. */
const resume = Effect.fnUntraced(function* (client: Client, threadId: string) {
  yield* ask(client, "thread/resume", { threadId })
  return { client, threadId } satisfies Actor
})

const begin = Effect.fnUntraced(function* ({ client, threadId }: Actor, text: string) {
  yield* client.forget
  const input = [{ type: "text", text, text_elements: [] }]
  return idAt(yield* ask(client, "turn/start", { threadId, input }), "turn", "id")
})

/** A turn, from its start to its end; the turn's id. */
export const say = Effect.fnUntraced(function* (actor: Actor, text: string) {
  const turnId = yield* begin(actor, text)
  yield* actor.client.until(
    `the end of turn ${turnId}`,
    (frame) => own(frame, "method") === "turn/completed" && at(frame, "params", "turn", "id") === turnId
  )
  return turnId
})

/** A turn that hangs after its first words. */
export const beginSlow = Effect.fnUntraced(function* (actor: Actor) {
  const turnId = yield* begin(actor, "SLOW please")
  yield* actor.client.notification("item/agentMessage/delta")
  return turnId
})

/** Ends the turn that hangs. */
export const interrupt = Effect.fnUntraced(function* ({ client, threadId }: Actor, turnId: string) {
  yield* ask(client, "turn/interrupt", { threadId, turnId })
  yield* client.notification("turn/completed")
})

export const compact = Effect.fnUntraced(function* ({ client, threadId }: Actor) {
  yield* client.forget
  yield* ask(client, "thread/compact/start", { threadId })
  yield* client.notification("turn/completed")
})

export const rollback = ({ client, threadId }: Actor, numTurns: number) =>
  Effect.asVoid(ask(client, "thread/rollback", { threadId, numTurns }))

export const revert = ({ client, threadId }: Actor, beforeTurnId: string) =>
  Effect.asVoid(ask(client, "thread/revert", { threadId, beforeTurnId }))

/** A fork, and the client on it. */
export const fork = Effect.fnUntraced(function* ({ client, threadId }: Actor, options: JsonRecord = {}) {
  const result = yield* ask(client, "thread/fork", { threadId, ...options })
  return { client, threadId: idAt(result, "thread", "id") } satisfies Actor
})

/** A connection to a server of its own, which ends with it. */
export const visit = <A, R>(
  peer: Peer,
  home: Home,
  body: (client: Client) => Effect.Effect<A, Trouble, R>
): Effect.Effect<A, Trouble, Exclude<R, Scope.Scope>> =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* peer.serve(home, 1)
      return yield* body(yield* server.connect())
    })
  )

const words = (parts: ReadonlyArray<unknown>): string =>
  parts.map((part) => (typeof part === "string" ? part : String(at(part, "text")))).join("|")

const itemOf = (item: unknown): string => {
  const type = String(at(item, "type"))
  const id = String(at(item, "id"))
  switch (type) {
    case "userMessage":
      return `${type}/${id} ${words(listAt(item, "content"))}`
    case "agentMessage":
      return `${type}/${id} ${String(at(item, "text"))} (${String(at(item, "phase"))})`
    case "reasoning":
      return `${type}/${id} ${words(listAt(item, "summary"))}`
    case "dynamicToolCall":
      return `${type}/${id} ${String(at(item, "tool"))} ${String(at(item, "status"))} ${words(listAt(item, "contentItems"))}`
    case "commandExecution":
      return `${type}/${id} ${String(at(item, "command"))} ${String(at(item, "status"))}`
    default:
      return `${type}/${id}`
  }
}

/** A thread as a client that resumes it sees it. */
export interface View {
  readonly turns: ReadonlyArray<{
    readonly turn: string
    readonly error: unknown
    readonly items: ReadonlyArray<string>
  }>
  /** The usage notifications of the resume. */
  readonly usage: ReadonlyArray<JsonRecord>
}

/** Resumes a thread on a server of its own. */
export const view = (peer: Peer, home: Home, threadId: string) =>
  visit(
    peer,
    home,
    Effect.fnUntraced(function* (client) {
      const result = yield* ask(client, "thread/resume", { threadId })
      const frames = yield* client.settle
      const turns = listAt(result, "thread", "turns").map((turn) => ({
        turn: `${String(at(turn, "id"))} ${String(at(turn, "status"))}`,
        error: at(turn, "error", "message") ?? null,
        items: listAt(turn, "items").map(itemOf)
      }))
      return { turns, usage: usages(frames) } satisfies View
    })
  )

/** Resumes a thread on a server of its own, takes a turn, and tells what the model was sent for it. */
export const goOn = (peer: Peer, home: Home, threadId: string, text: string) =>
  visit(
    peer,
    home,
    Effect.fnUntraced(function* (client) {
      const before = (yield* (yield* Model).asked).length
      yield* say(yield* resume(client, threadId), text)
      const asked = (yield* (yield* Model).asked)[before]
      return asked === undefined ? [] : contextOf(asked)
    })
  )

/** What is wrong with the numbers of a paginated rollout's lines; empty for one that has none. */
export const ordinalProblems = Effect.fnUntraced(function* (path: string) {
  const ordinals = (yield* linesOf(path)).map((line) => own(line, "ordinal"))
  const [first] = ordinals
  if (ordinals.every((ordinal) => ordinal === undefined)) return []
  return ordinals.flatMap((ordinal, index) =>
    ordinal === Number(first) + index ? [] : [`line ${index + 1} has ordinal ${String(ordinal)}`]
  )
})
