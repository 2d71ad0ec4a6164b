/**
 * What the user sees, what is counted and what the model receives agree after any sequence of turns, steering,
 * interruptions, crashes, rollbacks, compactions and forks.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import * as Compaction from "../../src/domain/Compaction.ts"
import type { ThreadItem } from "../../src/domain/ThreadItem.ts"
import type { Turn } from "../../src/domain/Turn.ts"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import type { TurnInput } from "../../src/services/Agent.ts"
import * as Fold from "./Fold.ts"
import { asFiles, connect, isAbout, say, server } from "./Server.ts"

const Deed = Schema.Union([
  Schema.Struct({ deed: Schema.Literals(["talk", "work", "steer", "interrupt", "crash", "fail"]) }),
  Schema.Struct({ deed: Schema.Literals(["compact", "fork", "forkRunning"]) }),
  Schema.Struct({
    deed: Schema.Literal("rollback"),
    turns: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 }))
  })
])
const Deeds = Schema.Array(Deed).check(Schema.isMaxLength(12))

const spent = 10n
const settle = Effect.replicateEffect(Effect.yieldNow, 60, { discard: true })

/** A part of the conversation, as both sides may tell it. */
type Part = { readonly by: "user" | "agent" | "summary"; readonly text: string } | { readonly by: "notice" }

const textIn = (part: unknown): string => {
  const text = isRecord(part) ? own(part, "text") : null
  return typeof text === "string" ? text : ""
}
const textOf = (content: unknown): string => (Array.isArray(content) ? content : []).map(textIn).join("")

const summaryStart = Compaction.summaryMessage("").trim()

/** What the model was given, in parts. Reasoning and tools are left out. */
const heard = (history: ReadonlyArray<JsonRecord>): ReadonlyArray<Part> =>
  history.flatMap((item): ReadonlyArray<Part> => {
    if (item["type"] !== "message") return []
    const text = textOf(item["content"])
    if (text.startsWith("<turn_aborted>")) return [{ by: "notice" }]
    if (text.startsWith(summaryStart)) return [{ by: "summary", text: text.slice(summaryStart.length).trim() }]
    return [{ by: item["role"] === "user" ? "user" : "agent", text }]
  })

const partOf = (item: ThreadItem): ReadonlyArray<Part> => {
  if (item.type === "userMessage") return [{ by: "user", text: textOf(item.content) }]
  return item.type === "agentMessage" ? [{ by: "agent", text: item.text }] : []
}

/** What the model should have been given, by what the user is shown. */
const expected = (turns: ReadonlyArray<Turn>, summaries: ReadonlyMap<string, string>): ReadonlyArray<Part> => {
  let parts: ReadonlyArray<Part> = []
  for (const turn of turns) {
    if (turn.items.some((item) => item.type === "contextCompaction")) {
      const kept = parts.filter((part) => part.by === "user")
      parts = [...kept, { by: "summary", text: summaries.get(turn.id) ?? "" }]
    } else parts = [...parts, ...turn.items.flatMap(partOf)]
    if (turn.status === "interrupted") parts = [...parts, { by: "notice" }]
  }
  return parts
}

it.effect.prop(
  "shown, counted and sent to the model agree",
  { deeds: Deeds, paginated: Schema.Boolean },
  ({ deeds, paginated }) =>
    Effect.gen(function* () {
      const summaries = new Map<string, string>()
      const histories: Array<ReadonlyArray<JsonRecord>> = []
      let reported = 0n
      let count = 0
      const report = () => {
        reported += spent
        return Scripted.usage({ inputTokens: spent })
      }
      const play = (input: TurnInput): Scripted.TurnScript => {
        const words = textOf(input.input)
        const number = count++
        if (words === Compaction.PROMPT) {
          summaries.set(input.turnId, `summary ${number}`)
          return [...Scripted.message("m", [`summary ${number}`]), report()]
        }
        histories.push(input.history)
        const answer = Scripted.message("m", [`answer ${number} `, "to that"])
        if (words.startsWith("work")) {
          return [
            ...Scripted.reasoning("r", ["hm"], "sealed"),
            ...Scripted.tool(`c${number}`, "look", {}, "seen"),
            report(),
            ...answer,
            report()
          ]
        }
        if (words.startsWith("wait")) {
          return [report(), { _tag: "TextDelta", id: "m", delta: `begun ${number}` }, Scripted.hang]
        }
        if (words.startsWith("fail")) return [...answer, report(), Scripted.fail("serverOverloaded")]
        return [...answer, report()]
      }
      const agent = Scripted.layer(play)
      const open = Effect.fnUntraced(function* (files: ReadonlyMap<string, Uint8Array>) {
        const context = yield* Layer.build(server({ agent, files: yield* asFiles(files), seed: ++count }))
        const client = yield* Effect.provideContext(connect(), context)
        return {
          client,
          files: Effect.provideContext(
            MemoryFiles.use((files) => files.snapshot),
            context
          )
        }
      })
      let { client, files } = yield* open(new Map())
      const started = yield* client.ask("thread/start", { historyMode: paginated ? "paginated" : "legacy" })
      let threadId = Fold.seenIn(started).id
      const begin = Effect.fnUntraced(function* (words: string) {
        const { turn } = yield* client.ask("turn/start", { threadId, input: say(`${words} ${count}`) })
        yield* settle
        return isRecord(turn) ? String(turn["id"]) : ""
      })
      const rest = Effect.fnUntraced(function* (from: number) {
        yield* client.until(isAbout("turn/completed", threadId), from)
      })
      const fork = Effect.gen(function* () {
        yield* TestClock.adjust("1 millis")
        threadId = Fold.seenIn(yield* client.ask("thread/fork", { threadId })).id
      })

      let isStored = false
      for (const deed of deeds) {
        yield* TestClock.adjust("1 second")
        const from = client.log.length
        switch (deed.deed) {
          case "talk":
          case "work":
          case "fail":
            yield* begin(deed.deed)
            yield* rest(from)
            break
          case "steer":
          case "interrupt": {
            const turnId = yield* begin("wait")
            if (deed.deed === "steer") {
              yield* client.ask("turn/steer", { threadId, input: say(`steered ${count}`), expectedTurnId: turnId })
            }
            yield* client.ask("turn/interrupt", { threadId, turnId })
            break
          }
          case "crash": {
            yield* begin("wait")
            const opened = yield* open(yield* files)
            client = opened.client
            files = opened.files
            yield* client.ask("thread/resume", { threadId })
            break
          }
          case "forkRunning": {
            const turnId = yield* begin("wait")
            const source = threadId
            yield* fork
            yield* client.ask("turn/interrupt", { threadId: source, turnId })
            break
          }
          case "fork":
            if (isStored) yield* fork
            break
          case "compact":
            yield* client.ask("thread/compact/start", { threadId })
            yield* rest(from)
            break
          case "rollback":
            if (isStored) yield* client.ask("thread/rollback", { threadId, numTurns: deed.turns })
            break
        }
        isStored = isStored || (deed.deed !== "fork" && deed.deed !== "rollback")
      }

      const shown = Fold.seenIn(yield* client.ask("thread/read", { threadId, includeTurns: true }))
      assert.strictEqual(shown.usage?.tokenUsage.total.totalTokens ?? 0n, reported)
      const from = client.log.length
      yield* begin("talk")
      yield* rest(from)
      assert.deepStrictEqual(heard(histories.at(-1) ?? []), expected(shown.turns, summaries))
    }).pipe(Effect.scoped),
  { arbitrary: { runs: 200, size: 60 } }
)
