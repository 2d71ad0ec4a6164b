/**
 * What genuine Codex said, frame by frame, played to the client: everything is understood, and each usage is told for
 * what it is. What it is, the recordings show by themselves: a replay stands directly behind the answer that it follows.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import type { CallError } from "../../src/rpc/client/ClientError.ts"
import type { Attachment } from "../../src/rpc/client/Attachment.ts"
import type { CodexClient } from "../../src/rpc/client/CodexClient.ts"
import { connected } from "./support/Connected.ts"
import type { FakePeer } from "./support/FakeServer.ts"
import * as Taking from "./support/Taking.ts"

const folder = join(import.meta.dirname, "../../fixtures/transcripts")

const Line = Schema.fromJsonString(
  Schema.Struct({ dir: Schema.Literals(["c2s", "s2c"]), msg: Schema.Record(Schema.String, Schema.Unknown) })
)
const isQuestion = (frame: JsonRecord) => Object.hasOwn(frame, "id") && Object.hasOwn(frame, "method")

const decodeLine = Schema.decodeUnknownSync(Line)
const transcript = (file: string) =>
  readFileSync(join(folder, file), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => decodeLine(line))

const at = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((found, key) => (isRecord(found) ? own(found, key) : undefined), value)

const isUsage = (frame: JsonRecord | undefined, threadId: unknown): boolean =>
  frame !== undefined &&
  own(frame, "method") === "thread/tokenUsage/updated" &&
  at(frame, "params", "threadId") === threadId

/** Comes to a thread as the transcript's client did; null for what is no such request. */
const attach = (client: CodexClient["Service"], method: string, params: JsonRecord) => {
  const threadId = String(own(params, "threadId"))
  switch (method) {
    case "thread/resume":
      return client.resume(threadId)
    case "thread/fork":
      return client.fork(threadId)
    case "thread/start":
      return client.start()
    default:
      return null
  }
}

/** Any other request, answered by the schema of its method where it has one here. */
const ask = (client: CodexClient["Service"], method: string, params: JsonRecord) => {
  const threadId = String(own(params, "threadId"))
  if (method === "turn/start") return client.request(method, { threadId, input: [] })
  if (method === "thread/read") return client.request(method, { threadId })
  return client.call(method, params)
}

const isAnswerTo = (frame: JsonRecord, id: unknown) => own(frame, "id") === id && !Object.hasOwn(frame, "method")

/** The id of the next request; answers to questions are passed over. */
const nextRequest = Effect.fnUntraced(function* (peer: FakePeer) {
  while (true) {
    const frame = yield* peer.next
    if (Object.hasOwn(frame, "method")) return own(frame, "id")
  }
})

const play = Effect.fnUntraced(function* (file: string) {
  const lines = transcript(file)
  let asked = 0
  const { client, peer } = yield* connected({
    onRequest: {
      "item/commandExecution/requestApproval": () =>
        Effect.sync(() => {
          asked++
          return { decision: "accept" } as const
        })
    }
  })
  const notifications = yield* Taking.from(client.notifications)
  const reading = yield* Effect.forkScoped(notifications.rest, { startImmediately: true })
  const ids = new Map<unknown, unknown>()
  const answers: Array<Fiber.Fiber<unknown, CallError>> = []
  const attaching: Array<{ readonly id: unknown; readonly fiber: Fiber.Fiber<Attachment, CallError> }> = []
  const said = lines.flatMap(({ dir, msg }) =>
    dir === "s2c" && at(msg, "result", "userAgent") === undefined ? [msg] : []
  )

  for (const { dir, msg } of lines) {
    const [id, method, params] = [own(msg, "id"), own(msg, "method"), own(msg, "params")]
    if (dir === "s2c" && said.includes(msg)) {
      const isAnswer = id !== undefined && method === undefined
      yield* peer.send(isAnswer ? { ...msg, id: ids.get(id) } : msg)
    } else if (dir === "c2s" && typeof method === "string" && id !== undefined && method !== "initialize") {
      const record = isRecord(params) ? params : {}
      const coming = attach(client, method, record)
      if (coming === null) {
        answers.push(yield* Effect.forkScoped(ask(client, method, record), { startImmediately: true }))
      } else {
        attaching.push({ id, fiber: yield* Effect.forkScoped(coming, { startImmediately: true }) })
      }
      ids.set(id, yield* nextRequest(peer))
    }
  }
  yield* TestClock.adjust("1 second")
  const attachments = yield* Effect.forEach(attaching, ({ fiber }) => Fiber.join(fiber))
  for (const answer of answers) yield* Fiber.join(answer)
  yield* peer.cut
  yield* client.lost
  const { seen } = yield* Fiber.join(reading)
  return { said, asked, seen, attachments: attachments.map((made, n) => ({ made, id: attaching[n]?.id })) }
})

/** The frames that stand directly behind an answer and tell of its thread's usage. */
const replaysIn = (said: ReadonlyArray<JsonRecord>, ids: ReadonlyArray<unknown>): ReadonlySet<JsonRecord> =>
  new Set(
    said.filter((frame, place) => {
      const before = said[place - 1]
      return (
        before !== undefined &&
        ids.some((id) => isAnswerTo(before, id)) &&
        isUsage(frame, at(before, "result", "thread", "id"))
      )
    })
  )

describe("what genuine Codex said", () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".jsonl"))) {
    it.effect(`in ${file} is understood, and each usage told for what it is`, () =>
      Effect.gen(function* () {
        const { asked, attachments, said, seen } = yield* play(file)
        const problems = seen.flatMap(({ event }) =>
          event._tag === "Unrecognized" && Option.isSome(event.problem) ? [event.problem.value.message] : []
        )
        assert.deepStrictEqual(problems, [])
        assert.strictEqual(seen.length, said.filter((frame) => !Object.hasOwn(frame, "id")).length)
        assert.strictEqual(asked, new Set(said.flatMap((frame) => (isQuestion(frame) ? [own(frame, "id")] : []))).size)
        const replays = replaysIn(
          said,
          attachments.map(({ id }) => id)
        )
        assert.isAbove(attachments.length, 0)
        for (const { id, made } of attachments) {
          const answer = said.findIndex((frame) => isAnswerTo(frame, id))
          const usages = said.slice(answer + 1).filter((frame) => isUsage(frame, made.thread.id))
          const mine = said[answer + 1]
          const replayed = mine !== undefined && replays.has(mine)
          const { seen: events } = yield* Effect.flatMap(Taking.from(made.events), (taken) => taken.rest)
          assert.strictEqual(events.filter(({ _tag }) => _tag === "UsageReplayed").length, replayed ? 1 : 0)
          assert.strictEqual(
            events.filter(({ _tag }) => _tag === "UsageUpdated").length,
            usages.filter((frame) => !replays.has(frame)).length
          )
          const total = Option.map(made.usage, ({ tokenUsage }) => Number(tokenUsage.total.totalTokens))
          const told = replayed ? at(mine, "params", "tokenUsage", "total", "totalTokens") : null
          assert.strictEqual(Option.getOrNull(total), told)
        }
      })
    )
  }
})
