/**
 * One reading of a rollout for the catalog: the facts that its later lines change, and everything that the user
 * and the agent said in it. Lines that tell neither are known by their heads and not parsed.
 *
 * A reading that ended with a whole line can be gone on from when the file has grown: a scan remembers how far it
 * came, and the bytes before that place, by which it sees that what it read is still there.
 */
import { Effect, Stream } from "effect"
import { makeLineScanner, type RawLine, type Skim } from "../domain/LineScanner.ts"
import { messageText, spoken } from "../domain/Said.ts"
import { readLine, type RolloutLine } from "../domain/RolloutLine.ts"
import { collapse } from "../domain/SearchText.ts"
import type { Thread } from "../domain/Thread.ts"
import { makeFactsFold } from "./FactsFold.ts"
import * as CatalogLine from "./CatalogLine.ts"
import type { ThreadFacts } from "./ThreadEntries.ts"

/** How far a rollout is read. */
export interface ScanMark {
  /** Bytes that are read; 0 when the next reading begins anew. */
  readonly offset: number
  /** The last of them, as Latin-1. */
  readonly guard: string
}

/** What a reading found out. */
export interface Scanned {
  readonly mark: ScanMark
  /** Null without a usable `session_meta`. */
  readonly facts: ThreadFacts | null
}

/** What a reading goes on from: as an earlier one left it. */
export interface ScanStart extends Scanned {
  readonly threadId: string
}

/** The longest line that is read. */
export const maxLineBytes = 16 * 1024 * 1024
/** Characters of one text that can be searched. */
const maxTextLength = 256 * 1024
const guardBytes = 96

/** Bytes as Latin-1, few of them: a decoder takes ten times as long for these. */
const latin1 = (bytes: Uint8Array): string => {
  const text: unknown = Reflect.apply(String.fromCharCode, undefined, bytes)
  return String(text)
}

/** The mark of a reading that cannot be gone on from. */
export const nothing: ScanMark = { offset: 0, guard: "" }

/** How far a reading came that ended with the whole line before `offset`; `bytes` end there. */
export const markAt = (offset: number, bytes: Uint8Array): ScanMark => ({
  offset,
  guard: latin1(bytes.subarray(Math.max(0, bytes.length - guardBytes)))
})

/** What was said in a line, by the user or the agent; null when nothing was. */
const saidIn = (line: RolloutLine): { readonly text: string; readonly by: "event" | "item" } | null => {
  const { record } = line
  if (record._tag === "Event") {
    const { event } = record
    if (event.type === "agent_message") return { text: event.message, by: "event" }
    if (event.type === "item_completed" && event.item.type === "AgentMessage") {
      return { text: messageText(event.item), by: "event" }
    }
  }
  const words = spoken(line)
  if (words !== null) return words
  if (record._tag !== "ResponseItem" && record._tag !== "BareItem") return null
  const { item } = record.item
  return item["type"] === "message" && item["role"] === "assistant" ? { text: messageText(item), by: "item" } : null
}

/** The bytes before the place to go on from are not what they were: the reading has to begin anew. */
const diverged = Symbol("diverged")

interface Pass {
  readonly scanned: Scanned
  readonly events: number
}

/** Whose words count: those that events tell, those of the model's conversation, or nobody's: facts alone are wanted. */
type Words = "event" | "item" | "none"

/** One way through the bytes. What cannot count is known by its head, and not even parsed. */
const makePass = (from: ScanStart | null, take: Words) => {
  const scanner = makeLineScanner(maxLineBytes)
  const begin = from?.mark.offset ?? 0
  const fold = makeFactsFold(from)
  let events = 0
  let texts: Array<string> = []
  let position = 0
  let whole = begin
  let torn = false
  let same = true
  let tail = ""

  const visit = (raw: RawLine) => {
    if (raw.end === "") torn = true
    else whole = begin + raw.offset + raw.length + raw.end.length
    const { line } = readLine(raw)
    if (line === null) return
    fold.step(line)
    const words = take === "none" ? null : saidIn(line)
    if (words === null || words.text === "") return
    if (words.by === "event") events++
    if (words.by === take) texts.push(collapse(words.text.slice(0, maxTextLength)))
  }

  /** Takes the lines that cannot count. */
  const skim: Skim | undefined =
    take === "item"
      ? undefined
      : ({ at, bytes, offset, table }) => {
          const from = table.from(at)
          const to = table.to(at)
          const kind = CatalogLine.kindOf(bytes, from, to)
          const isSkipped =
            kind === CatalogLine.other || kind === CatalogLine.item || (kind === CatalogLine.words && take === "none")
          if (!isSkipped) return 0
          whole = begin + offset + to - from + 1
          return 1
        }

  return {
    /** False when there is no use in reading on. */
    push: (chunk: Uint8Array): boolean => {
      const at = position
      position += chunk.length
      tail = (tail + latin1(chunk.subarray(Math.max(0, chunk.length - guardBytes)))).slice(-guardBytes)
      if (position < begin) return true
      if (at < begin) {
        const read = latin1(chunk.subarray(Math.max(0, begin - at - guardBytes), begin - at))
        const held = from?.mark.guard ?? ""
        const overlap = Math.min(read.length, held.length)
        same = read.slice(read.length - overlap) === held.slice(held.length - overlap)
      }
      if (same) scanner.push(chunk.subarray(Math.max(0, begin - at)), visit, skim)
      return same
    },
    /** The texts since the last time. */
    texts: (): ReadonlyArray<string> => {
      const found = texts
      texts = []
      return found
    },
    /** `complete`: everything was read. */
    finish: (complete: boolean): Pass | typeof diverged => {
      if (!same || position < begin) return diverged
      if (complete) scanner.finish(visit)
      // A last line without its end may yet go on: the next reading cannot go on behind it.
      const mark = torn || take === "item" || whole !== position ? nothing : { offset: whole, guard: tail }
      return {
        scanned: { mark, facts: fold.facts() },
        events
      }
    }
  }
}

/** Where what was said goes. */
export interface SaidSink<E, R> {
  /** What was heard before is void: the rollout is read from its beginning. */
  readonly restart: Effect.Effect<void, E, R>
  /** Some texts, in order; false when no more are wanted. */
  readonly said: (texts: ReadonlyArray<string>) => Effect.Effect<boolean, E, R>
}

const run = <E, E2, R>(
  bytes: Stream.Stream<Uint8Array, E2>,
  from: ScanStart | null,
  take: Words,
  said: SaidSink<E, R>["said"]
): Effect.Effect<Pass | typeof diverged, E | E2, R> =>
  Effect.suspend(() => {
    const pass = makePass(from, take)
    let going = true
    const tell = Effect.suspend(() => {
      const texts = pass.texts()
      return texts.length === 0 ? Effect.void : Effect.map(said(texts), (more) => void (going &&= more))
    })
    return bytes.pipe(
      Stream.takeWhile(() => going),
      Stream.runForEach((chunk) => {
        going = pass.push(chunk)
        return tell
      }),
      Effect.andThen(
        Effect.suspend(() => {
          const done = pass.finish(going)
          return Effect.as(tell, done)
        })
      )
    )
  })

/**
 * Reads a rollout, from where `from` ended if it can. What events tell counts; where there are no such events, what the
 * model's conversation tells.
 */
export const scanRollout = <E, E2, R>(
  bytes: Stream.Stream<Uint8Array, E2>,
  from: ScanStart | null,
  sink: SaidSink<E, R>
): Effect.Effect<Scanned, E | E2, R> =>
  Effect.gen(function* () {
    if (from !== null && from.mark.offset > 0) {
      const more = yield* run(bytes, from, "event", sink.said)
      if (more !== diverged) return more.scanned
    }
    yield* sink.restart
    const first = yield* run(bytes, null, "event", sink.said)
    if (first === diverged) return { mark: nothing, facts: null }
    if (first.events > 0) return first.scanned
    const second = yield* run(bytes, null, "item", sink.said)
    return second === diverged ? first.scanned : second.scanned
  })

const silence = () => Effect.succeed(true)

/** Reads only what changes the facts of a thread, from where `from` ended if it can. */
export const scanFacts = <E>(bytes: Stream.Stream<Uint8Array, E>, from: ScanStart | null): Effect.Effect<Scanned, E> =>
  Effect.gen(function* () {
    if (from !== null && from.mark.offset > 0) {
      const more = yield* run(bytes, from, "none", silence)
      if (more !== diverged) return more.scanned
    }
    const all = yield* run(bytes, null, "none", silence)
    return all === diverged ? { mark: nothing, facts: null } : all.scanned
  })

/** {@link scanFacts} of bytes that are all there. */
export const factsIn = (bytes: Uint8Array): Scanned => {
  const pass = makePass(null, "none")
  pass.push(bytes)
  const done = pass.finish(true)
  return done === diverged ? { mark: nothing, facts: null } : done.scanned
}

/**
 * What the end of a rollout that is too long to be read whole for a list says of its thread: its repository and its name,
 * as far as they are told there.
 */
export const toldAtEnd = (
  tail: Uint8Array,
  thread: Pick<Thread, "id" | "gitInfo">
): Pick<ThreadFacts, "git" | "name"> => {
  const facts = { git: thread.gitInfo, settings: {}, name: null }
  const pass = makePass({ mark: nothing, facts, threadId: thread.id }, "none")
  pass.push(tail)
  const done = pass.finish(true)
  return done === diverged ? facts : (done.scanned.facts ?? facts)
}

/** {@link scanRollout} of bytes that are all there, with everything that was said. */
export const scanWhole = (bytes: Uint8Array): { readonly scanned: Scanned; readonly texts: ReadonlyArray<string> } => {
  const of = (take: "event" | "item") => {
    const pass = makePass(null, take)
    pass.push(bytes)
    const done = pass.finish(true)
    return done === diverged ? null : { ...done, texts: pass.texts() }
  }
  const first = of("event")
  const chosen = first !== null && first.events > 0 ? first : of("item")
  return { scanned: chosen?.scanned ?? { mark: nothing, facts: null }, texts: chosen?.texts ?? [] }
}
