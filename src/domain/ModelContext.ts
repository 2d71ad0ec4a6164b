/**
 * The third projection: what the model sees next.
 *
 * It holds places of lines, not their content: a long conversation costs a few words an item, and the
 * items are read when a turn needs them. Items are filed under the turn they belong to, so that a
 * rollback takes from the model exactly what it takes from the user. Source: docs/codex.md, "Model context".
 */
import { type JsonRecord, own } from "./Json.ts"
import type { RolloutLine } from "./RolloutLine.ts"
import { isFromUser } from "./Said.ts"
import type { TurnHistory, TurnSerial } from "./TurnHistory.ts"

/** Where a line is: the rollout (of a chain of them, base first), the line's number, its bytes. */
export interface LinePlace {
  readonly segment: number
  readonly line: number
  readonly offset: number
  readonly length: number
}

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

/** The fold. Step it after the turn history has seen the line. */
export interface ContextHistory {
  readonly step: (line: RolloutLine, segment: number, turns: TurnHistory) => void
  /** Is the conversation of an implied turn waiting for the agent (a question or a tool call without an answer)? */
  readonly awaitsAgent: (turns: TurnHistory) => boolean
  readonly result: (turns: TurnHistory) => ModelContext
}

interface Filed {
  readonly serial: TurnSerial | null
  readonly kind: "item" | "summary" | "replacement"
  readonly fromUser: boolean
  readonly at: LinePlace
}

/** Who spoke last in a turn: `asks` when the agent has the next word. */
interface LastWord {
  readonly serial: TurnSerial | null
  readonly asks: boolean
}

const isToolItem = (type: string): boolean => type.endsWith("_call") || type.endsWith("_call_output")

/** An empty context. */
export const make = (): ContextHistory => {
  const filed: Array<Filed> = []
  // In history without explicit turns a user's item comes just before the event that opens its turn. Until that comes,
  // it is filed under the turn before.
  let early: Array<Filed> = []
  const lastWords: Array<LastWord> = []

  const say = (asks: boolean, serial: TurnSerial | null) => {
    if (lastWords.at(-1)?.serial === serial) lastWords.pop()
    lastWords.push({ serial, asks })
  }

  const fileEarly = (serialOf: (entry: Filed) => TurnSerial | null) => {
    for (const entry of early) {
      const serial = serialOf(entry)
      filed.push({ ...entry, serial })
      say(true, serial)
    }
    early = []
  }

  return {
    step: (line, segment, turns) => {
      const at: LinePlace = { segment, line: line.line, offset: line.offset, length: line.length }
      const record = line.record
      const serial = turns.activeTurn()
      const active = () => serial
      switch (record._tag) {
        case "ResponseItem":
        case "BareItem": {
          const { item, type } = record.item
          const fromUser = isFromUser(item)
          if (record._tag === "ResponseItem" && fromUser && !turns.inExplicitTurn()) {
            early.push({ serial, kind: "item", fromUser, at })
            return
          }
          fileEarly(active)
          filed.push({ serial, kind: "item", fromUser, at })
          if (fromUser || isToolItem(type)) say(true, serial)
          else if (type === "message" && own(item, "role") === "assistant") say(false, serial)
          return
        }
        case "Glanced": {
          const { role, type } = record
          fileEarly(active)
          filed.push({ serial, kind: "item", fromUser: false, at })
          if (isToolItem(type)) say(true, serial)
          else if (role === "assistant") say(false, serial)
          return
        }
        case "Compacted": {
          fileEarly(active)
          const replaced = Array.isArray(record.compacted.replacement_history)
          filed.push({ serial, kind: replaced ? "replacement" : "summary", fromUser: true, at })
          return
        }
        case "Event": {
          const { type } = record.event
          const ends = type === "agent_message" || type === "turn_aborted" || type === "task_complete"
          // What was put in between turns is not part of the next: that one told of its beginning.
          if (type === "task_started" || type === "thread_rolled_back") fileEarly((entry) => entry.serial)
          if (type === "user_message" || ends) fileEarly(active)
          if (ends) say(false, serial)
          return
        }
        case "SessionMeta":
        case "TurnContext":
        case "Ignored":
          return
      }
    },
    awaitsAgent: (turns) =>
      early.length > 0 || lastWords.findLast(({ serial }) => serial === null || turns.survives(serial))?.asks === true,
    result: (turns) => {
      let base: LinePlace | null = null
      let kept: Array<Filed> = []
      for (const entry of [...filed, ...early]) {
        if (entry.serial !== null && !turns.survives(entry.serial)) continue
        if (entry.kind === "replacement") {
          base = entry.at
          kept = []
        } else {
          if (entry.kind === "summary") kept = kept.filter((earlier) => earlier.fromUser && earlier.kind === "item")
          kept.push(entry)
        }
      }
      return {
        base,
        entries: kept.map((entry) => ({ kind: entry.kind === "summary" ? "summary" : "item", at: entry.at }))
      }
    }
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
