/**
 * Rollouts in the short names of the acceptance matrix: `S um am U C`. Each name is a step over the
 * rollout builder; a script is a list of steps.
 */
import { makeLineScanner, type RawLine } from "../../src/domain/LineScanner.ts"
import { type ReadLine, readLine } from "../../src/domain/RolloutLine.ts"
import type { SessionMeta } from "../../src/domain/SessionMeta.ts"
import * as SessionProjection from "../../src/domain/SessionProjection.ts"
import type { HistoryMode } from "../../src/domain/Thread.ts"
import { rollout, type RolloutBuilder, type RolloutOptions } from "../../src/testing/RolloutBuilder.ts"

export type Step = (builder: RolloutBuilder) => RolloutBuilder

type Fields = { readonly [key: string]: unknown }

/** The builder after these steps. */
export const script = (steps: ReadonlyArray<Step>, options: RolloutOptions = {}): RolloutBuilder =>
  steps.reduce((builder, step) => step(builder), rollout(options))

/** Any event. */
export const event =
  (type: string, fields: Fields = {}): Step =>
  (builder) =>
    builder.event({ type, ...fields })

/** Any response item. */
export const item =
  (type: string, fields: Fields = {}): Step =>
  (builder) =>
    builder.item({ type, ...fields })

/** Text that stands in the file as it is. */
export const raw =
  (text: string): Step =>
  (builder) =>
    builder.raw(text)

/** The user's message as an event: what a person sees. */
export const um = (message = "question", fields: Fields = {}): Step => event("user_message", { message, ...fields })
/** The agent's message as an event. */
export const am = (message = "answer"): Step => event("agent_message", { message })
/** The user's message as an item: what the model sees. */
export const uitem = (text = "question"): Step =>
  item("message", { role: "user", content: [{ type: "input_text", text }] })
/** The agent's message as an item. */
export const aitem = (text = "answer"): Step =>
  item("message", { role: "assistant", content: [{ type: "output_text", text }] })
/** A turn starts. */
export const S = (id: string, fields: Fields = {}): Step =>
  event("task_started", { turn_id: id, model_context_window: 200000, ...fields })
/** A turn completes. */
export const C = (id: string, fields: Fields = {}): Step =>
  event("task_complete", { turn_id: id, last_agent_message: null, ...fields })
/** A turn is interrupted. */
export const abort = (id: string | null, fields: Fields = {}): Step =>
  event("turn_aborted", { turn_id: id, reason: "interrupted", ...fields })
/** The last turns are rolled back. */
export const rb = (turns: number): Step => event("thread_rolled_back", { num_turns: turns })
/** A compaction as a line, without or with what replaces the history. */
export const compacted =
  (message = "SUM", replacement?: ReadonlyArray<unknown>): Step =>
  (builder) =>
    builder.line("compacted", { message, ...(replacement === undefined ? {} : { replacement_history: replacement }) })
/** A compaction as an event. */
export const contextCompacted: Step = event("context_compacted")

/** What the record of {@link U} says of the last response. */
export const lastOf = (total: number): bigint => BigInt(total + 5)

/** Usage: a total of `total` tokens; the last response has {@link lastOf} it. */
export const U =
  (total: number, window: number | null = 200000): Step =>
  (builder) =>
    builder.usage({ total: { total, input: total }, last: { total: total + 5 }, window })
/** Rate limits only: `info` is null. */
export const Unull: Step = (builder) => builder.rateLimits()

const encoder = new TextEncoder()

/** Bytes of a text. */
export const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? encoder.encode(content) : content

/** Cuts bytes into lines, fed to the scanner in pieces of the given sizes (the rest in one). */
export const rawLines = (
  content: string | Uint8Array,
  sizes: ReadonlyArray<number> = [],
  maxLineBytes?: number
): ReadonlyArray<RawLine> => {
  const bytes = bytesOf(content)
  const scanner = makeLineScanner(maxLineBytes)
  const found: Array<RawLine> = []
  const keep = (raw: RawLine) => void found.push({ ...raw, bytes: raw.bytes?.slice() ?? null })
  let at = 0
  for (const size of sizes) {
    // The scanner may not keep a chunk: what it was given is overwritten.
    const chunk = bytes.slice(at, at + size)
    scanner.push(chunk, keep)
    chunk.fill(0x2a)
    at += size
  }
  scanner.push(bytes.subarray(Math.min(at, bytes.length)), keep)
  scanner.finish(keep)
  return found
}

/** Reads every line. */
export const readLines = (content: string | Uint8Array): ReadonlyArray<ReadLine> =>
  rawLines(content).map((raw) => readLine(raw))

/** The first line that tells whose the rollout is. */
export const metaOf = (lines: ReadonlyArray<ReadLine>): SessionMeta => {
  for (const { line } of lines) if (line?.record._tag === "SessionMeta") return line.record.meta
  throw new Error("the script has no session_meta")
}

/** A session as the projections tell it, and whether skimming was enough to be sure. */
export interface Projected extends SessionProjection.ProjectedSession {
  readonly uncertain: boolean
}

/** Runs the projections over a rollout: over every line read whole, or over lines that are skimmed where that goes. */
export const project = (
  content: string | Uint8Array | RolloutBuilder,
  options: { readonly skims?: boolean; readonly mode?: HistoryMode } = {}
): Projected => {
  const bytes = typeof content === "string" || content instanceof Uint8Array ? bytesOf(content) : content.build().bytes
  const lines = readLines(bytes)
  const meta = metaOf(lines)
  const projection = SessionProjection.make(
    meta,
    options.mode ?? (meta.historyMode === "paginated" ? "paginated" : "legacy")
  )
  if (options.skims === true) {
    const scanner = makeLineScanner()
    const step = (raw: RawLine) => projection.step(readLine(raw), 0)
    scanner.push(bytes, step, (looked, count) => projection.skim(looked, count, 0))
    scanner.finish(step)
  } else for (const line of lines) projection.step(line, 0)
  return { ...projection.result(), uncertain: projection.isUncertain() }
}

/** Turns in short: `id:status`. */
export const statuses = (
  turns: ReadonlyArray<{ readonly id: string; readonly status: string }>
): ReadonlyArray<string> => turns.map((turn) => `${turn.id}:${turn.status}`)
