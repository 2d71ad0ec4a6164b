/**
 * The items of the turn that runs: agent events in, rollout records and notifications out.
 *
 * One message or reasoning is open at a time: another one's first piece ends it, and so does a tool call.
 * A read shows items in the order in which they end; what is open is part of every snapshot, behind them.
 * The ids that clients are told (`item-K` in event-style history) are the ids that a later read counts.
 */
import type { AgentEvent } from "../domain/AgentEvent.ts"
import { ItemId } from "../domain/Ids.ts"
import type { ItemTimes } from "../domain/ItemParts.ts"
import { agentMessage } from "../domain/MessageItems.ts"
import type { Notification } from "../domain/Notification.ts"
import type { DynamicToolCallItem, ReasoningItem, ThreadItem } from "../domain/ThreadItem.ts"
import * as TurnLines from "../domain/TurnLines.ts"

/** A change to the turn: records to be written first, then what clients are told. */
export interface Change {
  readonly records: ReadonlyArray<TurnLines.RecordDraft>
  /** Asked after the records are part of the thread. `itemOf` finds an item of this turn as a read shows it. */
  readonly notify: (itemOf: (id: string) => ThreadItem | undefined) => ReadonlyArray<Notification>
}

interface OpenText {
  readonly kind: "text"
  readonly agentId: string
  readonly id: ItemId
  readonly startedAt: number
  readonly order: number
  text: string
}

interface OpenReasoning {
  readonly kind: "reasoning"
  agentId: string
  readonly id: ItemId
  readonly startedAt: number
  readonly order: number
  readonly summary: Array<string>
  readonly encrypted: Array<string>
  /** Where the current agent id's paragraphs begin. */
  base: number
  /** Paragraphs and blobs of it that are written already: a paragraph that is written is not added to. */
  written: { readonly summary: number; readonly encrypted: number }
}

interface OpenCall {
  readonly kind: "call"
  readonly id: string
  readonly name: string
  readonly arguments: unknown
  readonly startedAt: number
  readonly order: number
}

export interface TurnItems {
  /** What an event brings about. `now` in Unix milliseconds. */
  readonly on: (
    event: Exclude<AgentEvent, { readonly _tag: "UsageReport" | "PlanUpdate" }>,
    now: number
  ) => ReadonlyArray<Change>
  /** Ends whatever message or reasoning is open, as far as it came. */
  readonly settle: (now: number) => ReadonlyArray<Change>
  /** Ends everything: also the calls that nobody answers any more. */
  readonly finish: (now: number) => ReadonlyArray<Change>
  /** The items that have begun and not ended, in the order in which they began, as of now. */
  readonly open: () => ReadonlyArray<ThreadItem>
  /** An item that is open and not made of agent events; null when it has ended. */
  readonly hold: (item: ThreadItem | null) => void
  /** The last message of the agent that was ended; null before the first. */
  readonly lastMessage: () => string | null
}

export interface TurnItemsOptions {
  readonly place: TurnLines.TurnPlace
  /** Event-style history: the id that the next counted item will have. Paginated: ignored. */
  readonly nextItemId: () => string
}

const nothing: ReadonlyArray<Change> = []

export const make = ({ nextItemId, place }: TurnItemsOptions): TurnItems => {
  const { mode, threadId, turnId } = place
  const ids = { threadId, turnId }
  let current: OpenText | OpenReasoning | null = null
  let lastMessage: string | null = null
  let held: ThreadItem | null = null
  let begun = 0
  const calls = new Map<string, OpenCall>()

  const times = (startedAt: number): ItemTimes =>
    mode === "paginated" ? { startedAtMs: startedAt, completedAtMs: null } : { startedAtMs: null, completedAtMs: null }

  // Paginated histories name their items: the turn's id makes them unique in the thread.
  let named = 0
  const itemId = (prefix: string) => ItemId.make(mode === "paginated" ? `${prefix}${turnId}_${named++}` : nextItemId())

  const reasoningItem = (open: OpenReasoning): ReasoningItem => ({
    type: "reasoning",
    id: open.id,
    summary: open.summary.slice(),
    content: [],
    ...times(open.startedAt)
  })
  const callItem = (call: OpenCall): DynamicToolCallItem => ({
    type: "dynamicToolCall",
    id: ItemId.make(call.id),
    namespace: null,
    tool: call.name,
    arguments: call.arguments,
    status: "inProgress",
    contentItems: null,
    success: null,
    durationMs: null,
    ...times(call.startedAt)
  })
  const currentItem = (open: OpenText | OpenReasoning): ThreadItem =>
    open.kind === "text" ? agentMessage(open.id, open.text, null, null, times(open.startedAt)) : reasoningItem(open)

  const tell = (...notifications: ReadonlyArray<Notification>): Change => ({
    records: [],
    notify: () => notifications
  })
  const started = (item: ThreadItem, startedAtMs: number): Change =>
    tell({ method: "item/started", params: { item, ...ids, startedAtMs } })
  const completed = (records: ReadonlyArray<TurnLines.RecordDraft>, id: string, completedAtMs: number): Change => ({
    records,
    notify: (itemOf) => {
      const item = itemOf(id)
      return item === undefined ? [] : [{ method: "item/completed", params: { item, ...ids, completedAtMs } }]
    }
  })

  /** What of a reasoning is not written yet, which from here on it is. */
  const unwritten = (open: OpenReasoning, now: number): ReadonlyArray<TurnLines.RecordDraft> => {
    const { encrypted, summary, written } = open
    open.written = { summary: summary.length, encrypted: encrypted.length }
    const span = { startedAt: open.startedAt, completedAt: now }
    return TurnLines.reasoning(place, open.id, summary.slice(written.summary), encrypted.slice(written.encrypted), span)
  }

  /**
   * Before a call. A reader of event-style history takes the reasonings before and after a call for one, as long as the
   * call has no item: so it stays open there, and what the model wants back before the call is written.
   */
  const settleBeforeCall = (now: number): ReadonlyArray<Change> =>
    mode === "legacy" && current?.kind === "reasoning"
      ? [{ records: unwritten(current, now), notify: () => [] }]
      : settle(now)

  const settle = (now: number, phase: string | null = null): ReadonlyArray<Change> => {
    const open = current
    current = null
    if (open === null) return nothing
    const span = { startedAt: open.startedAt, completedAt: now }
    if (open.kind === "reasoning") return [completed(unwritten(open, now), open.id, now)]
    lastMessage = open.text
    return [completed(TurnLines.agentMessage(place, open.id, open.text, phase, span), open.id, now)]
  }

  const onText = (agentId: string, delta: string, now: number): ReadonlyArray<Change> => {
    if (delta === "") return nothing
    const changes: Array<Change> = []
    if (current?.kind !== "text" || current.agentId !== agentId) {
      changes.push(...settle(now))
      // Its id may depend on what was just ended: it is chosen once that is part of the thread.
      changes.push({
        records: [],
        notify: () => {
          const open: OpenText = { kind: "text", agentId, id: itemId("msg_"), startedAt: now, order: begun++, text: "" }
          current = open
          return started(currentItem(open), now).notify(() => undefined)
        }
      })
    }
    changes.push({
      records: [],
      notify: () => {
        if (current?.kind !== "text") return []
        current.text += delta
        return [{ method: "item/agentMessage/delta", params: { ...ids, itemId: current.id, delta } }]
      }
    })
    return changes
  }

  const onReasoning = (agentId: string, part: number, delta: string, now: number): ReadonlyArray<Change> => {
    if (delta === "") return nothing
    const changes: Array<Change> = []
    // A reader of event-style history takes reasonings that follow each other for one.
    const goesOn = current?.kind === "reasoning" && (current.agentId === agentId || mode === "legacy")
    if (!goesOn) {
      changes.push(...settle(now))
      changes.push({
        records: [],
        notify: () => {
          const open: OpenReasoning = {
            kind: "reasoning",
            agentId,
            id: itemId("rs_"),
            startedAt: now,
            order: begun++,
            summary: [],
            encrypted: [],
            base: 0,
            written: { summary: 0, encrypted: 0 }
          }
          current = open
          return started(currentItem(open), now).notify(() => undefined)
        }
      })
    }
    changes.push({
      records: [],
      notify: () => {
        if (current?.kind !== "reasoning") return []
        if (current.agentId !== agentId) {
          current.agentId = agentId
          current.base = current.summary.length
        }
        if (current.base + part < current.written.summary) current.base = current.summary.length - part
        const summaryIndex = current.base + part
        const at = { ...ids, itemId: current.id, summaryIndex }
        const added: Array<Notification> = []
        while (current.summary.length <= summaryIndex) {
          current.summary.push("")
          const index = current.summary.length - 1
          added.push({ method: "item/reasoning/summaryPartAdded", params: { ...at, summaryIndex: index } })
        }
        current.summary[summaryIndex] = `${current.summary[summaryIndex] ?? ""}${delta}`
        return [...added, { method: "item/reasoning/summaryTextDelta", params: { ...at, delta } }]
      }
    })
    return changes
  }

  const end = (call: OpenCall, output: string | null, success: boolean, now: number): Change => {
    calls.delete(call.id)
    const span = { startedAt: call.startedAt, completedAt: now }
    return completed(TurnLines.toolResult(place, { ...call, output, success }, span), call.id, now)
  }

  return {
    on: (event, now) => {
      switch (event._tag) {
        case "TextDelta":
          return onText(event.id, event.delta, now)
        case "TextEnd":
          return current?.kind === "text" && current.agentId === event.id ? settle(now, event.phase) : nothing
        case "ReasoningDelta":
          return onReasoning(event.id, event.part, event.delta, now)
        case "ReasoningEnd": {
          if (current?.kind !== "reasoning" || current.agentId !== event.id) {
            return event.encrypted === null
              ? nothing
              : [{ records: TurnLines.opaqueReasoning(event.encrypted), notify: () => [] }]
          }
          if (event.encrypted !== null) current.encrypted.push(event.encrypted)
          return mode === "paginated" ? settle(now) : nothing
        }
        case "ToolCall": {
          const call: OpenCall = {
            kind: "call",
            id: event.id,
            name: event.name,
            arguments: event.arguments ?? null,
            startedAt: now,
            order: begun++
          }
          const before = settleBeforeCall(now)
          return [
            ...before,
            {
              records: TurnLines.toolCall(call.id, call.name, call.arguments),
              notify: () => {
                calls.set(call.id, call)
                return started(callItem(call), now).notify(() => undefined)
              }
            }
          ]
        }
        case "ToolResult": {
          const call = calls.get(event.id)
          return call === undefined ? nothing : [...settle(now), end(call, event.output, event.success, now)]
        }
      }
    },
    settle,
    finish: (now) => [...settle(now), ...Array.from(calls.values(), (call) => end(call, null, false, now))],
    open: () => {
      const items = [...calls.values(), ...(current === null ? [] : [current])].toSorted((a, b) => a.order - b.order)
      return [
        ...(held === null ? [] : [held]),
        ...items.map((one) => (one.kind === "call" ? callItem(one) : currentItem(one)))
      ]
    },
    hold: (item) => {
      held = item
    },
    lastMessage: () => lastMessage
  }
}
