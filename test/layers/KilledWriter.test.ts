/**
 * A writer's process killed in the middle of its work, again and again: what it had acknowledged is in
 * the rollout, and its successor begins a fresh line.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Option, Random, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ThreadId } from "../../src/domain/Ids.ts"
import { isRecord, own, parseExact } from "../../src/domain/Json.ts"
import { layer } from "../../src/layers/codex-home/CodexHomeStore.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"

const kills = 30
const id = ThreadId.make("01a20000-0000-7000-8000-000000000001")
const child = join(import.meta.dirname, "../support/AppendingProcess.ts")

/** Bytes that the system takes at a time: all of a line, or so few that most kills fall into the middle of one. */
const pieces = (kill: number): string => (kill % 2 === 0 ? "Infinity" : "100")

interface Moment {
  /** The writer is killed this long (milliseconds) after it acknowledged so many lines: anywhere in its work. */
  readonly lines: number
  readonly delay: number
}

/** Runs a writer from `first` on, kills it at that moment, and gives the last number it acknowledged. */
const runAndKill = (home: string, first: number, pieces: string, { delay, lines }: Moment) =>
  Effect.callback<number, string>((resume) => {
    const writer = spawn(process.execPath, [child, home, id, String(first), pieces], {
      stdio: ["ignore", "pipe", "pipe"]
    })
    let out = ""
    let err = ""
    writer.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text
      if (out.split("\n").length > lines) setTimeout(() => writer.kill("SIGKILL"), delay)
    })
    writer.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text
    })
    writer.once("close", (_code, signal) => {
      const last = out.split("\n").slice(0, -1).at(-1)
      resume(
        signal === "SIGKILL" && last !== undefined ? Effect.succeed(Number(last)) : Effect.fail(`writer ended: ${err}`)
      )
    })
    return Effect.sync(() => writer.kill("SIGKILL"))
  })

it.live(
  "a killed writer loses nothing that it acknowledged, and leaves at most one torn line",
  () =>
    Effect.gen(function* () {
      const home = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "rethread-killed-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
      )
      yield* Effect.gen(function* () {
        const store = yield* RolloutStore
        const ref = yield* store.create({ threadId: id, createdAt: 1_772_000_000_000 }, Stream.empty)
        const acknowledged = new Set<number>()
        let next = 0
        for (let kill = 0; kill < kills; kill++) {
          const moment = { lines: 1 + (yield* Random.nextIntBetween(0, 60)), delay: yield* Random.nextBetween(0, 8) }
          const last = yield* runAndKill(home, next, pieces(kill), moment)
          for (let number = next; number <= last; number++) acknowledged.add(number)
          // The line after the last one acknowledged may be there, whole: its number is not used again.
          next = last + 2
        }
        yield* Effect.flatMap(store.writer(ref), (writer) => writer.append([JSON.stringify({ number: -1 })])).pipe(
          Effect.scoped
        )
        const lines = readFileSync(ref.path, "utf8").split("\n")
        assert.strictEqual(lines.pop(), "")
        const numbers = lines.map((line) => {
          const record = Option.getOrUndefined(parseExact(line))
          return isRecord(record) ? own(record, "number") : undefined
        })
        assert.strictEqual(numbers.at(-1), -1)
        const whole = numbers.slice(0, -1).filter((number) => typeof number === "number")
        const torn = numbers.length - 1 - whole.length
        assert.isAbove(torn, 0)
        assert.isAtMost(torn, kills)
        assert.deepStrictEqual(
          whole,
          whole.toSorted((a, b) => a - b)
        )
        assert.strictEqual(new Set(whole).size, whole.length)
        const found = new Set(whole)
        assert.deepStrictEqual(
          Array.from(acknowledged).filter((number) => !found.has(number)),
          []
        )
      }).pipe(
        Effect.provide(
          layer({ home }).pipe(
            Layer.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, SecureRandom.layerWebCrypto))
          )
        )
      )
    }),
  120_000
)
