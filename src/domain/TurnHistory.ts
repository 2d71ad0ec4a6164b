/**
 * The first projection: the turns of a thread, with their items and statuses.
 *
 * It also owns the notion of a turn for the other two: each turn gets a serial number when it opens,
 * and usage and model context are filed under that number, so that a rollback or a fork takes the same
 * turns away from all three. Source: docs/codex.md, "Turns".
 */
import * as HistoryItem from "./HistoryItem.ts"
import { ItemId, type TurnId } from "./Ids.ts"
import { noTimes } from "./ItemParts.ts"
import type { TurnFacts, Words } from "./LineSkim.ts"
import type { BeforePassage, Passage, WholeTurn, WholeTurns } from "./LineTable.ts"
import { agentMessage, hookPrompt, userMessage as userMessageItem } from "./MessageItems.ts"
import { ItemPrinter, printedAlone } from "./PrintedItems.ts"
import { reviewOutcome, reviewRequest } from "./ReviewItems.ts"
import type { EventOf, RolloutEvent } from "./RolloutEvent.ts"
import type { RolloutLine } from "./RolloutLine.ts"
import { eventsOfBareItem } from "./BareFormat.ts"
import type { HistoryMode } from "./Thread.ts"
import type { ThreadItem } from "./ThreadItem.ts"
import type { Turn } from "./Turn.ts"
import { TurnDraft, type TurnOpened, type TurnSerial } from "./TurnDraft.ts"
import { concernsTurn, turnError } from "./TurnFailure.ts"

export type { TurnSerial } from "./TurnDraft.ts"

/** A turn as history tells it: `inProgress` when it never ended. */
export interface RestoredTurn {
  readonly serial: TurnSerial
  /** Opened by the agent under its own id, not implied by a message. */
  readonly explicit: boolean
  readonly turn: Turn
}

/** A turn by its names. */
export type OpenedTurn = Pick<RestoredTurn, "serial" | "explicit"> & { readonly id: TurnId }

/** The fold. `step` takes usable lines in order; the rest may be asked at any time. */
export interface TurnHistory {
  readonly step: (line: RolloutLine) => void
  /** Steps over so many usable lines that are of no interest to turns. */
  readonly pass: (lines: number) => void
  /** Steps over a line that was skimmed: what was said, as it stands in the line. */
  readonly said: (bytes: Uint8Array, words: Words) => void
  /** What a passage would go on from; null where lines have to be looked at one by one. */
  readonly beforePassage: () => BeforePassage | null
  /** Steps over a passage that went on from there. */
  readonly passage: (passage: Passage) => void
  /** The number that the first item of the next turn would have, if whole turns may come; else null. */
  readonly beforeTurns: () => number | null
  /** Steps over whole turns, and tells of each when it is there. */
  readonly whole: (
    turns: WholeTurns,
    factsOf: (turn: WholeTurn) => TurnFacts,
    told: (turn: WholeTurn, opened: OpenedTurn) => void
  ) => void
  /** The open turn, else the one closed last, else null. */
  readonly activeTurn: () => TurnSerial | null
  /** The turn opened last, whatever became of it. */
  readonly lastOpened: () => OpenedTurn | null
  /** Is a turn open that the agent opened itself? */
  readonly inExplicitTurn: () => boolean
  /** Is it still part of the thread (not rolled back)? */
  readonly survives: (serial: TurnSerial) => boolean
  /** {@link survives} as of now, whatever happens later. */
  readonly survivors: () => (serial: TurnSerial) => boolean
  /** Items left out because they name a turn that never was, each in a few words. */
  readonly orphans: () => ReadonlyArray<string>
  /** How many ends named a turn that is not here. */
  readonly strayEnds: () => number
  /** Is no turn open? Then nothing that comes changes what is there, but by naming it. */
  readonly isAtRest: () => boolean
  /** The id that the next item will have that is counted and not named (`item-K`). */
  readonly nextItemId: () => string
  /** The turns so far, an open one last. */
  readonly turns: () => ReadonlyArray<RestoredTurn>
}

/** Items of a paginated history that event-style history tells by events instead; read twice they would double. */
const toldByEvents: ReadonlySet<string> = new Set(["UserMessage", "AgentMessage", "Reasoning", "ContextCompaction"])

/**
 * An empty history. `mode` decides who tells of messages: events, or completed items. `firstItem`: the number of the first
 * item that is counted and not named.
 */
export const make = (mode: HistoryMode, firstItem = 1): TurnHistory => {
  let closed: Array<TurnDraft> = []
  let current: TurnDraft | null = null
  const printer = new ItemPrinter()
  let serials = 0
  let lastOpened: OpenedTurn | null = null
  let nextItem = firstItem
  let index = -1
  let strayEnds = 0
  // Items whose turn has not been told of yet (a paginated review files them before it starts).
  const waiting = new Map<string, Array<ThreadItem>>()
  const dropped = new Set<TurnSerial>()

  const close = () => {
    if (current === null) return
    current.close()
    if (current.explicit || current.count > 0 || current.sawCompaction) closed.push(current)
    else {
      dropped.add(current.serial)
      printer.drop()
    }
    current = null
  }

  const open = (opened: Omit<TurnOpened, "serial">): TurnDraft => {
    close()
    const draft = new TurnDraft({ ...opened, serial: serials++ }, printer)
    for (const item of waiting.get(opened.id) ?? []) draft.put(item)
    waiting.delete(opened.id)
    lastOpened = { serial: draft.serial, id: draft.id, explicit: draft.explicit }
    current = draft
    return draft
  }

  const ensure = (): TurnDraft =>
    current ?? open({ id: `rollout-${index}`, explicit: false, rootTurnId: null, startedAt: null })

  const nextId = () => `item-${nextItem++}`

  // The open turn wins over an older one of the same id; of several closed ones the first is meant.
  const find = (turnId: string): TurnDraft | undefined =>
    current?.id === turnId ? current : closed.find((turn) => turn.id === turnId)

  const reasoning = (part: string, field: "summary" | "content") => {
    if (part !== "") ensure().reason(part, field, nextId)
  }

  // A user's message ends an implied turn before it, unless that has only a compaction yet.
  const turnOfUser = (): TurnDraft => {
    const compactionOnly = current !== null && current.sawCompaction && current.count === 0
    if (current !== null && !current.explicit && !compactionOnly) close()
    return ensure()
  }

  const said = (bytes: Uint8Array, words: Words) => {
    const { kind } = words
    // An empty text, which is two quotes, says nothing.
    if (kind !== "user_message" && words.textTo - words.textFrom <= 2) return
    const turn = kind === "user_message" ? turnOfUser() : ensure()
    if (turn.takesPrint) {
      if (turn.print(bytes, words, nextItem)) nextItem++
      return
    }
    const [item] = printedAlone(bytes, words, nextItem)
    if (item === undefined) return
    if (item.type === "reasoning") turn.reason(item.summary[0] ?? "", "summary", nextId)
    else {
      nextItem++
      turn.add(item)
    }
  }

  // In a paginated history an end may be the first that is told of a turn: it opens it.
  const ended = (event: EventOf<"task_complete"> | EventOf<"turn_aborted">): TurnDraft | undefined => {
    const named = typeof event.turn_id === "string" && event.turn_id !== "" ? event.turn_id : null
    const turn = named === null ? undefined : find(named)
    if (named !== null && turn === undefined) strayEnds++
    if (turn !== undefined || named === null || mode === "legacy") return turn
    return open({
      id: named,
      explicit: true,
      rootTurnId: event.root_turn_id ?? null,
      startedAt: event.started_at ?? null
    })
  }

  const aborted = (event: EventOf<"turn_aborted">) => {
    // One that names a turn which is not here concerns none of these.
    const turn = typeof event.turn_id === "string" ? ended(event) : current
    if (turn === null || turn === undefined) return
    turn.status = "interrupted"
    turn.completedAt = event.completed_at ?? null
    turn.durationMs = event.duration_ms ?? null
  }

  const complete = (event: EventOf<"task_complete">) => {
    const turn = ended(event) ?? current
    if (turn === null) return
    if (turn.status === "inProgress" || turn.status === "completed") turn.status = "completed"
    turn.completedAt = event.completed_at ?? null
    turn.durationMs = event.duration_ms ?? null
    const error = turnError(event.error)
    if (error !== null) {
      turn.status = "failed"
      turn.error = error
    }
    if (turn === current) close()
  }

  const rollBack = (count: number) => {
    close()
    const kept = count >= closed.length ? 0 : closed.length - count
    for (const turn of closed.slice(kept)) dropped.add(turn.serial)
    closed = closed.slice(0, kept)
    nextItem = 1 + closed.reduce((items, turn) => items + turn.count, 0)
  }

  const recordItem = (event: EventOf<"item_started"> | EventOf<"item_completed">) => {
    if (mode === "legacy" && toldByEvents.has(event.item.type)) return
    if (mode === "legacy" && event.type === "item_started") return
    const item = HistoryItem.itemOfRecord(event.item, {
      startedAtMs: event.started_at_ms ?? null,
      completedAtMs: event.completed_at_ms ?? null
    })
    if (item.type === "plan" && item.text === "") return
    place(event.turn_id === "" ? null : event.turn_id, item)
  }

  // An item of a turn that event-style history does not have is dropped; a paginated one may still tell of it.
  const place = (turnId: string | null, item: ThreadItem) => {
    const turn = turnId === null ? ensure() : find(turnId)
    if (turn !== undefined) return turn.put(item)
    const items = waiting.get(turnId ?? "") ?? []
    waiting.set(turnId ?? "", [...items, item])
  }

  // These name their turn; other calls belong to whatever turn is open.
  const call = (event: HistoryItem.CallEvent) => {
    const named = "turn_id" in event && typeof event.turn_id === "string" && event.turn_id !== "" ? event.turn_id : null
    place(named, HistoryItem.itemOfCall(event))
  }

  const apply = (event: RolloutEvent): void => {
    switch (event.type) {
      case "task_started":
        open({
          id: event.turn_id,
          explicit: true,
          rootTurnId: event.root_turn_id ?? null,
          startedAt: event.started_at ?? null
        })
        return
      case "task_complete":
        return complete(event)
      case "turn_aborted":
        return aborted(event)
      case "thread_rolled_back":
        return rollBack(event.num_turns)
      case "user_message":
        turnOfUser().add(userMessageItem(event, nextId()))
        return
      case "agent_message":
        if (event.message === "") return
        ensure().add(agentMessage(nextId(), event.message, event.phase, event.memory_citation, noTimes))
        return
      case "agent_reasoning":
        return reasoning(event.text, "summary")
      case "agent_reasoning_raw_content":
        return reasoning(event.text, "content")
      case "context_compacted":
        ensure().add({ type: "contextCompaction", id: ItemId.make(nextId()), ...noTimes })
        return
      case "entered_review_mode":
        ensure().add({
          type: "enteredReviewMode",
          id: ItemId.make(nextId()),
          review: reviewRequest(event.user_facing_hint),
          ...noTimes
        })
        return
      case "exited_review_mode":
        ensure().add({
          type: "exitedReviewMode",
          id: ItemId.make(nextId()),
          review: reviewOutcome(event.review_output),
          ...noTimes
        })
        return
      case "error": {
        if (current === null || !concernsTurn(event.codex_error_info)) return
        current.status = "failed"
        current.error = turnError({ message: event.message, codex_error_info: event.codex_error_info })
        return
      }
      case "item_started":
      case "item_completed":
        return recordItem(event)
      case "exec_command_end":
      case "patch_apply_end":
      case "mcp_tool_call_end":
      case "web_search_end":
      case "view_image_tool_call":
      case "image_generation_end":
      case "dynamic_tool_call_response":
      case "collab_agent_spawn_end":
      case "collab_agent_interaction_end":
      case "collab_waiting_end":
      case "collab_close_end":
      case "collab_resume_end":
        return call(event)
      case "token_count":
      case "thread_name_updated":
      case "thread_settings_applied":
        return
    }
  }

  return {
    pass: (lines) => {
      index += lines
    },
    said: (bytes, words) => {
      index++
      said(bytes, words)
    },
    step: (line) => {
      index++
      switch (line.record._tag) {
        case "Event":
          apply(line.record.event)
          break
        case "Compacted":
          ensure().sawCompaction = true
          break
        case "ResponseItem": {
          const prompt = hookPrompt(line.record.item.item, `item-${nextItem}`)
          if (prompt !== null && mode === "legacy") {
            nextItem++
            ensure().add(prompt)
          }
          break
        }
        case "BareItem":
          for (const event of eventsOfBareItem(line.record.item.item)) apply(event)
          break
        case "SessionMeta":
        case "TurnContext":
        case "Ignored":
          break
      }
    },
    beforePassage: () =>
      current?.explicit === true && current.takesPrint
        ? { nextItem, items: current.count, reasons: current.reasons }
        : null,
    passage: (passage) => {
      index += passage.lines
      nextItem += passage.items
      current?.take(passage)
    },
    beforeTurns: () => (current === null && waiting.size === 0 ? nextItem : null),
    whole: ({ items, lines, printed, turns }, factsOf, told) => {
      const taken = printer.takeTurns(printed)
      let from = 0
      for (const turn of turns) {
        const { end, itemsEnd, itemsFrom } = turn
        const { completedAt, durationMs, ...facts } = factsOf(turn)
        const views = { items: taken.subarray(itemsFrom, itemsEnd), whole: taken.subarray(from, end) }
        const ended = { completedAt, durationMs, printed: views, count: turn.items }
        const draft = new TurnDraft({ ...facts, serial: serials++, explicit: true }, printer, ended)
        closed.push(draft)
        lastOpened = { serial: draft.serial, id: draft.id, explicit: true }
        told(turn, lastOpened)
        from = end
      }
      index += lines
      nextItem += items
    },
    activeTurn: () => current?.serial ?? closed.at(-1)?.serial ?? null,
    lastOpened: () => lastOpened,
    inExplicitTurn: () => current?.explicit === true,
    survives: (serial) => !dropped.has(serial),
    survivors: () => {
      const gone = new Set(dropped)
      return (serial) => !gone.has(serial)
    },
    nextItemId: () => `item-${nextItem}`,
    orphans: () =>
      Array.from(waiting, ([turnId, items]) =>
        items.map((item) => `${item.type} ${item.id} names turn ${turnId}`)
      ).flat(),
    strayEnds: () => strayEnds,
    isAtRest: () => current === null,
    turns: () => {
      const open = current !== null && (current.explicit || current.count > 0 || current.sawCompaction)
      return (open && current !== null ? [...closed, current] : closed).map((draft) => ({
        serial: draft.serial,
        explicit: draft.explicit,
        turn: draft.turn()
      }))
    }
  }
}
