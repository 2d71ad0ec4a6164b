/**
 * The third projection: what the model sees next.
 *
 * It holds places of lines, not their content: a long conversation costs a few words an item, and the
 * items are read when a turn needs them. Items are filed under the turn they belong to, so that a
 * rollback takes from the model exactly what it takes from the user. Source: docs/codex.md, "Model context".
 */
import { type FiledLine, FiledLines, type LinePlace } from "./FiledLines.ts"
import { type JsonRecord, own } from "./Json.ts"
import type { Looked } from "./LineScanner.ts"
import { type FiledItems, LineKind, type Passage } from "./LineTable.ts"
import type { ResponseItem, RolloutLine } from "./RolloutLine.ts"
import { isFromUser } from "./Said.ts"
import type { TurnHistory, TurnSerial } from "./TurnHistory.ts"

export type { LinePlace } from "./FiledLines.ts"

/** One part of the model's input. `summary`: a compaction's text, sent as a user message. */
export interface ContextEntry {
  readonly kind: "item" | "summary"
  readonly at: LinePlace
}

/** The model's next input, as places. */
export interface ModelContext {
  /** The compaction whose `replacement_history` comes first; null without one. */
  readonly base: LinePlace | null
  readonly entries: ReadonlyArray<ContextEntry>
}

/** What an item means for the conversation: its type, and who speaks in a message (null where it does not matter). */
interface HeardItem {
  readonly type: string
  readonly role: "user" | "assistant" | null
}

/** The fold. Step it after the turn history has seen the line. */
export interface ContextHistory {
  readonly step: (line: RolloutLine, segment: number, turns: TurnHistory) => void
  /** Files `count` items that were looked over, of which a user said none. */
  readonly passed: (items: Looked, count: number, segment: number, turns: TurnHistory) => void
  /** Files the items of a passage, and hears the rest of it. */
  readonly passage: (passage: Passage, segment: number, turns: TurnHistory) => void
  /** Is nothing waiting for the turn that it belongs to? */
  readonly isSettled: () => boolean
  /** Files items that were taken with a whole turn, `from` (inclusive) to `to`; the agent ended it. */
  readonly turn: (filed: FiledItems, from: number, to: number, segment: number, serial: TurnSerial) => void
  /** Files an item in which a user speaks. */
  readonly asked: (at: LinePlace, turns: TurnHistory) => void
  /** Hears of an event by its type. */
  readonly heard: (type: string, turns: TurnHistory) => void
  /** Is the conversation of an implied turn waiting for the agent (a question or a tool call without an answer)? */
  readonly awaitsAgent: (turns: TurnHistory) => boolean
  readonly result: (turns: TurnHistory) => ModelContext
}

/** Who spoke last in a turn: `asks` when the agent has the next word. */
interface LastWord {
  readonly serial: TurnSerial | null
  readonly asks: boolean
}

const isToolItem = (type: string): boolean => type.endsWith("_call") || type.endsWith("_call_output")

/** An empty context. */
export const make = (): ContextHistory => {
  const filedLines = new FiledLines()
  // In history without explicit turns a user's item comes just before the event that opens its turn. Until that comes,
  // it is filed under the turn before.
  let early: ReadonlyArray<FiledLine> = []
  const lastWords: Array<LastWord> = []

  const say = (asks: boolean, serial: TurnSerial | null) => {
    const last = lastWords.at(-1)
    if (last?.serial === serial && last.asks === asks) return
    if (last?.serial === serial) lastWords.pop()
    lastWords.push({ serial, asks })
  }

  const fileEarly = (serialOf: (entry: FiledLine) => TurnSerial | null) => {
    if (early.length === 0) return
    for (const entry of early) {
      const serial = serialOf(entry)
      filedLines.push({ ...entry, serial })
      say(true, serial)
    }
    early = []
  }

  const passed = (items: Looked, count: number, segment: number, turns: TurnHistory) => {
    const serial = turns.activeTurn()
    if (early.length > 0) fileEarly(() => serial)
    filedLines.pushItems(items, count, segment, serial)
    // Of what is said in a row the last counts.
    for (let at = items.at + count - 1; at >= items.at; at--) {
      const kind = items.table.kind(at)
      if (kind !== LineKind.item) return say(kind === LineKind.toolItem, serial)
    }
  }

  const filedItem = ({ role, type }: HeardItem, at: LinePlace, turns: TurnHistory) => {
    const serial = turns.activeTurn()
    const fromUser = role === "user"
    if (fromUser && !turns.inExplicitTurn()) {
      early = [...early, { serial, kind: "item", fromUser, at }]
      return
    }
    if (early.length > 0) fileEarly(() => serial)
    filedLines.push({ serial, kind: "item", fromUser, at })
    if (fromUser || isToolItem(type)) say(true, serial)
    else if (role === "assistant") say(false, serial)
  }

  const heard = (type: string, turns: TurnHistory) => {
    const ends = type === "agent_message" || type === "turn_aborted" || type === "task_complete"
    // What was put in between turns is not part of the next: that one told of its beginning.
    if (type === "task_started" || type === "thread_rolled_back") fileEarly((entry) => entry.serial)
    if (type !== "user_message" && !ends) return
    const serial = turns.activeTurn()
    fileEarly(() => serial)
    if (ends) say(false, serial)
  }

  return {
    passed,
    passage: ({ filed, lastWord }, segment, turns) => {
      const serial = turns.activeTurn()
      if (serial === null) return
      filedLines.pushFiled(filed, 0, filed.lines.length, segment, serial)
      if (lastWord !== null) say(lastWord === "asks", serial)
    },
    isSettled: () => early.length === 0,
    turn: (filed, from, to, segment, serial) => {
      filedLines.pushFiled(filed, from, to, segment, serial)
      say(false, serial)
    },
    asked: (at, turns) => filedItem({ type: "message", role: "user" }, at, turns),
    heard,
    step: (line, segment, turns) => {
      const record = line.record
      const at = () => ({ segment, line: line.line, offset: line.offset, length: line.length })
      switch (record._tag) {
        case "ResponseItem":
          return filedItem(heardIn(record.item), at(), turns)
        case "BareItem": {
          const { role, type } = heardIn(record.item)
          const serial = turns.activeTurn()
          fileEarly(() => serial)
          filedLines.push({ serial, kind: "item", fromUser: role === "user", at: at() })
          if (role === "user" || isToolItem(type)) say(true, serial)
          else if (role === "assistant") say(false, serial)
          return
        }
        case "Compacted": {
          const serial = turns.activeTurn()
          fileEarly(() => serial)
          const replaced = Array.isArray(record.compacted.replacement_history)
          filedLines.push({ serial, kind: replaced ? "replacement" : "summary", fromUser: true, at: at() })
          return
        }
        case "Event":
          return heard(record.event.type, turns)
        case "SessionMeta":
        case "TurnContext":
        case "Ignored":
          return
      }
    },
    awaitsAgent: (turns) =>
      early.length > 0 || lastWords.findLast(({ serial }) => serial === null || turns.survives(serial))?.asks === true,
    result: (turns) => {
      // What is asked for later is what it was now.
      const count = filedLines.length
      const waiting = early
      const survives = turns.survivors()
      let made: ModelContext | null = null
      const known = () => (made ??= contextOf(filedLines, count, waiting, survives))
      return {
        get base() {
          return known().base
        },
        get entries() {
          return known().entries
        }
      }
    }
  }
}

/** Who speaks in an item; a user only where a person said it. */
const heardIn = ({ item, type }: ResponseItem): HeardItem => {
  if (isFromUser(item)) return { type, role: "user" }
  return { type, role: type === "message" && own(item, "role") === "assistant" ? "assistant" : null }
}

const contextOf = (
  filed: FiledLines,
  count: number,
  early: ReadonlyArray<FiledLine>,
  survives: (serial: TurnSerial) => boolean
): ModelContext => {
  let base: LinePlace | null = null
  let kept: Array<FiledLine> = []
  const add = (entry: FiledLine) => {
    if (entry.serial !== null && !survives(entry.serial)) return
    if (entry.kind === "replacement") {
      base = entry.at
      kept = []
      return
    }
    if (entry.kind === "summary") kept = kept.filter((earlier) => earlier.fromUser && earlier.kind === "item")
    kept.push(entry)
  }
  for (let index = 0; index < count; index++) add(filed.at(index))
  for (const entry of early) add(entry)
  return {
    base,
    entries: kept.map((entry) => ({ kind: entry.kind === "summary" ? "summary" : "item", at: entry.at }))
  }
}

/**
 * Makes a list of items sendable: an output without its call is left out; a call without an output gets
 * one that says it was aborted, right after it.
 */
export const complete = (items: ReadonlyArray<JsonRecord>): ReadonlyArray<JsonRecord> => {
  const typed = (item: JsonRecord, suffix: string) => String(own(item, "type")).endsWith(suffix)
  const callId = (item: JsonRecord) => own(item, "call_id")
  const calls = new Set(items.filter((item) => typed(item, "_call")).map(callId))
  const answered = new Set(items.filter((item) => typed(item, "_call_output")).map(callId))
  return items.flatMap((item) => {
    if (typed(item, "_call_output")) return calls.has(callId(item)) ? [item] : []
    if (!typed(item, "_call") || callId(item) === undefined || answered.has(callId(item))) return [item]
    const type = own(item, "type") === "custom_tool_call" ? "custom_tool_call_output" : "function_call_output"
    return [item, { type, call_id: callId(item), output: "aborted" }]
  })
}
