/**
 * Kills a server in the middle of its turns and looks at what is left. Each round is one process: it resumes the thread
 * that the process before it left behind, is checked against what that one had told, streams a turn, and is killed.
 *
 * What was told to the client was written before: that, and at most one torn line, is what a kill may leave.
 */
import { Data, Deferred, Effect, Equal, Exit, Option, type Scope } from "effect"
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { isRecord, type JsonRecord, own, parseExact, printExact } from "../../src/domain/Json.ts"
import { at, listAt, usages } from "../conformance/Case.ts"
import type { Program } from "../conformance/Child.ts"
import { initializeParams } from "../conformance/Peer.ts"
import type { Dice } from "../fuzz/Dice.ts"

/** What a kill must not do. */
export class Broken extends Data.TaggedError("Broken")<{ readonly round: number; readonly problem: string }> {
  override get message(): string {
    return `round ${this.round}: ${this.problem}`
  }
}

interface Victim {
  readonly send: (message: unknown) => void
  /** The first frame, of those so far and to come, that answers to the condition. */
  readonly until: (condition: (frame: JsonRecord) => boolean) => Effect.Effect<JsonRecord>
  readonly frames: Array<JsonRecord>
  /** SIGKILL; everything that it had said has arrived when this returns. */
  readonly kill: Effect.Effect<void>
}

const start = ({ args, command, env }: Program): Effect.Effect<Victim, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(command, args, { env })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const gone = yield* Deferred.make<void>()
    const frames: Array<JsonRecord> = []
    let waiting: ReadonlyArray<(frame: JsonRecord) => boolean> = []
    let rest = ""
    child.stdin.on("error", () => {})
    child.stderr.resume()
    child.stdout.setEncoding("utf8")
    child.stdout.on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n")
      rest = lines.pop() ?? ""
      for (const frame of lines.flatMap((line) => Option.toArray(Option.filter(parseExact(line), isRecord)))) {
        frames.push(frame)
        // Who is woken may wait again before this is through.
        const asked = waiting
        waiting = []
        const still = asked.filter((take) => !take(frame))
        waiting = [...still, ...waiting]
      }
    })
    child.on("close", () => void Deferred.doneUnsafe(gone, Exit.void))
    return {
      frames,
      send: (message) => void child.stdin.write(`${JSON.stringify(message)}\n`),
      until: (condition) =>
        Effect.callback((resume) => {
          const found = frames.find(condition)
          if (found !== undefined) return resume(Effect.succeed(found))
          waiting = [
            ...waiting,
            (frame) => {
              const matches = condition(frame)
              if (matches) resume(Effect.succeed(frame))
              return matches
            }
          ]
        }),
      kill: Effect.andThen(
        Effect.sync(() => child.kill("SIGKILL")),
        Deferred.await(gone)
      )
    }
  })

const isNotification = (method: string) => (frame: JsonRecord) => own(frame, "method") === method
const isAnswer = (id: number) => (frame: JsonRecord) => own(frame, "id") === id && !Object.hasOwn(frame, "method")

/** A file as lines: those that are JSON, and how many are not. */
const readRollout = (path: string) => {
  const bytes = existsSync(path) ? readFileSync(path, "utf8") : ""
  const lines = bytes.split("\n").filter((line) => line !== "")
  const whole = lines.flatMap((line) => Option.toArray(Option.filter(parseExact(line), isRecord)))
  return { lines: whole, torn: lines.length - whole.length }
}

const isEvent = (line: JsonRecord, type: string, turnId?: string): boolean =>
  own(line, "type") === "event_msg" &&
  at(line, "payload", "type") === type &&
  (turnId === undefined || at(line, "payload", "turn_id") === turnId)

const isNotice = (line: JsonRecord): boolean =>
  own(line, "type") === "response_item" &&
  String(at(line, "payload", "content", 0, "text")).startsWith("<turn_aborted>")

/** What a process had told of a thread when it was killed. */
interface Told {
  readonly threadId: string
  /** Has it a rollout? A thread that dies before its first turn has none. */
  readonly stored: boolean
  /** Torn lines in the file before. */
  readonly torn: number
  /** The turn that it began, if it said so. */
  readonly turnId: string | null
  readonly items: ReadonlyArray<JsonRecord>
  readonly completed: string | null
  readonly usage: JsonRecord | null
}

const textOf = (item: unknown): string => {
  const text = at(item, "text")
  const parts = listAt(item, "content").map((part) => String(at(part, "text")))
  return typeof text === "string" ? text : parts.join("")
}

/** What is wrong with a thread, as its next server restores it and as its file has it; empty if nothing is. */
const check = (
  told: Told,
  path: string,
  resumed: JsonRecord,
  replays: ReadonlyArray<JsonRecord>
): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const { lines, torn } = readRollout(path)
  if (torn > told.torn + 1) problems.push(`${torn - told.torn} torn lines`)
  const turns = listAt(resumed, "result", "thread", "turns")
  const turn = turns.find((one) => at(one, "id") === told.turnId)
  if (told.turnId !== null && turn === undefined) problems.push(`turn ${told.turnId} was told of, and is not there`)
  for (const item of told.items) {
    const kept = listAt(turn, "items").find((one) => at(one, "id") === at(item, "id"))
    if (kept === undefined || textOf(kept) !== textOf(item)) {
      problems.push(`an item that was told of is not there, or not the same: ${printExact(item)} / ${printExact(kept)}`)
    }
  }
  if (told.turnId !== null && turn !== undefined) {
    const written = lines.some((line) => isEvent(line, "task_complete", told.turnId ?? ""))
    const wanted = told.completed ?? (written ? "completed" : "interrupted")
    if (at(turn, "status") !== wanted) problems.push(`turn is ${String(at(turn, "status"))}, not ${wanted}`)
  }
  const counts = lines.filter((line) => isEvent(line, "token_count") && isRecord(at(line, "payload", "info")))
  const lastWritten = at(counts.at(-1), "payload", "info", "total_token_usage", "total_tokens")
  const replayed = replays.map((replay) => String(replay["total"]).split(" ")[0])
  const wanted = lastWritten === undefined ? [] : [printExact(lastWritten)]
  if (!Equal.equals(replayed, wanted)) problems.push(`usage ${printExact(replayed)}, written ${printExact(wanted)}`)
  const toldTotal = told.usage === null ? null : String(told.usage["total"]).split(" ")[0]
  const kept = counts.map((line) => printExact(at(line, "payload", "info", "total_token_usage", "total_tokens")))
  if (toldTotal !== null && toldTotal !== undefined && !kept.slice(-2).includes(toldTotal)) {
    problems.push(
      `the usage that was told last (${toldTotal}) is none of the last that were written: ${kept.slice(-2).join()}`
    )
  }
  return problems
}

/** After the next turn has begun: was the model told, once and before it, that the one that was left open is over? */
const checkMarker = (path: string, left: string, next: string): ReadonlyArray<string> => {
  const { lines } = readRollout(path)
  const began = lines.findIndex((line) => isEvent(line, "task_started", left))
  const nextBegan = lines.findIndex((line) => isEvent(line, "task_started", next))
  const between = lines.slice(began + 1, nextBegan === -1 ? 0 : nextBegan)
  const notices = between.filter(isNotice).length
  const aborts = between.filter((line) => isEvent(line, "turn_aborted", left)).length
  return notices === 1 && aborts === 1
    ? []
    : [`${notices} notices and ${aborts} ends between turn ${left} and the next`]
}

/** How the rounds went. */
export interface Tally {
  rounds: number
  torn: number
  interrupted: number
  completed: number
}

/** Runs so many rounds over one home; a new thread begins with every eighth. */
export const run = Effect.fn("Killing.run")(function* (rounds: number, dice: Dice, program: Program) {
  const tally: Tally = { rounds: 0, torn: 0, interrupted: 0, completed: 0 }
  let left: Told | null = null
  for (let round = 1; round <= rounds; round++) {
    left = yield* Effect.scoped(oneRound(round, dice, program, left, tally))
    tally.rounds++
  }
  return tally
})

/** A thread that the next turn runs in. */
interface Scene {
  readonly threadId: string
  /** Null before its first turn. */
  readonly path: string | null
  /** The turn that was found open. */
  readonly open: string | null
  readonly torn: number
}

/** Comes to a thread: a new one, or one that was left behind. */
const come = Effect.fnUntraced(function* (server: Victim, id: number, method: string, params: JsonRecord) {
  server.send({ id, method, params })
  const answer = yield* server.until(isAnswer(id))
  const threadId = at(answer, "result", "thread", "id")
  if (typeof threadId !== "string") return yield* Effect.die(`${method}: ${printExact(answer)}`)
  // Requests about one thread are answered in order: then the replay has come too.
  server.send({ id: id + 1, method: "thread/read", params: { threadId } })
  yield* server.until(isAnswer(id + 1))
  return { answer, threadId }
})

const begin = Effect.fnUntraced(function* (server: Victim, dice: Dice) {
  const historyMode = dice.pick(["legacy", "paginated"])
  const { threadId } = yield* come(server, 20, "thread/start", { historyMode })
  return { threadId, path: null, open: null, torn: 0 } satisfies Scene
})

const comeBack = Effect.fnUntraced(function* (server: Victim, left: Told, round: number, tally: Tally) {
  const { answer, threadId } = yield* come(server, 10, "thread/resume", { threadId: left.threadId })
  const path = String(at(answer, "result", "thread", "path"))
  const problems = check(left, path, answer, usages(server.frames))
  if (problems.length > 0) return yield* new Broken({ round, problem: problems.join("; ") })
  const last = at(answer, "result", "thread", "turns", -1, "id")
  const { lines, torn } = readRollout(path)
  const ended = (id: string) =>
    lines.some((line) => isEvent(line, "task_complete", id) || isEvent(line, "turn_aborted", id))
  const open = typeof last === "string" && !ended(last) ? last : null
  tally.torn += torn - left.torn
  if (open === null) tally.completed++
  else tally.interrupted++
  return { threadId, path, open, torn } satisfies Scene
})

const oneRound = Effect.fnUntraced(function* (
  round: number,
  dice: Dice,
  program: Program,
  left: Told | null,
  tally: Tally
): Effect.fn.Return<Told, Broken, Scope.Scope> {
  const server = yield* start(program)
  server.send({ id: 1, method: "initialize", params: initializeParams() })
  const found: Scene | null = left === null || !left.stored ? null : yield* comeBack(server, left, round, tally)
  const { open, path, threadId, torn }: Scene = found === null || round % 8 === 1 ? yield* begin(server, dice) : found

  server.frames.length = 0
  const text = Array.from({ length: 1 + dice.roll(12) }, (_, word) => `word${round}.${word}`).join(" ")
  server.send({ id: 4, method: "turn/start", params: { threadId, input: [{ type: "text", text, text_elements: [] }] } })
  // It dies some frames into the turn, and some moments after.
  const frames = dice.roll(22)
  let seen = 0
  yield* server.until((frame) => isNotification("turn/completed")(frame) || seen++ >= frames)
  yield* Effect.sleep(dice.roll(60))
  yield* server.kill

  const turnId = server.frames
    .map((frame) => at(frame, "result", "turn", "id") ?? at(frame, "params", "turn", "id"))
    .find((id) => typeof id === "string")
  if (open !== null && path !== null && turnId !== undefined) {
    const problems = checkMarker(path, open, turnId)
    if (problems.length > 0) return yield* new Broken({ round, problem: problems.join("; ") })
  }
  const completed = server.frames.find(isNotification("turn/completed"))
  return {
    threadId,
    stored: path !== null || turnId !== undefined,
    torn,
    turnId: turnId ?? null,
    items: server.frames
      .filter(isNotification("item/completed"))
      .map((frame) => at(frame, "params", "item"))
      .filter(isRecord),
    completed: completed === undefined ? null : String(at(completed, "params", "turn", "status")),
    usage: usages(server.frames).at(-1) ?? null
  }
})
