/**
 * A turn as it is recorded: what happens in it is written to the thread's journal and, only then, told.
 *
 * Nothing here waits for its turn: the thread that the turn runs in does one thing at a time, and asks for
 * each of these at its instant.
 */
import { Clock, Effect } from "effect"
import type { SecureRandom } from "effect/crypto"
import type { AgentEvent } from "../domain/AgentEvent.ts"
import { ItemId } from "../domain/Ids.ts"
import type { Notification } from "../domain/Notification.ts"
import type { JsonRecord } from "../domain/Json.ts"
import type { ThreadItem, UserInput } from "../domain/ThreadItem.ts"
import type { ThreadSettings } from "../domain/ThreadSettings.ts"
import * as Compaction from "../domain/Compaction.ts"
import * as TokenUsage from "../domain/TokenUsage.ts"
import * as TurnLines from "../domain/TurnLines.ts"
import type { Recorder } from "./Metrics.ts"
import type { RolloutWriteFailed } from "./RolloutWriter.ts"
import type { ThreadJournal } from "./ThreadJournal.ts"
import * as TurnItems from "./TurnItems.ts"

/** How a turn came to its end. A failure that cannot be recorded is a failure to write: it is not asked for here. */
export type TurnEnd =
  | { readonly _tag: "completed"; readonly error: TurnLines.RecordedError | null }
  | { readonly _tag: "interrupted" }

export interface TurnRecording {
  readonly place: TurnLines.TurnPlace
  /** The settings that the turn runs under. */
  readonly settings: ThreadSettings
  /** The turn's written items with those that are open. */
  readonly shown: (items: ReadonlyArray<ThreadItem>) => ReadonlyArray<ThreadItem>
  /** Writes what the user says, behind `before`; what there is to tell of it is for the caller to tell. */
  readonly say: (
    input: ReadonlyArray<UserInput>,
    clientId: string | null,
    now: number,
    before: ReadonlyArray<TurnLines.RecordDraft>
  ) => Effect.Effect<ReadonlyArray<Notification>, RolloutWriteFailed>
  /** The user speaks while the agent does: what the agent is saying ends, as far as it came. */
  readonly interject: (
    input: ReadonlyArray<UserInput>,
    clientId: string | null
  ) => Effect.Effect<void, RolloutWriteFailed>
  /** What the agent says, does, and has spent. */
  readonly on: (event: AgentEvent) => Effect.Effect<void, RolloutWriteFailed>
  /** Writes the turn's first lines, and holds a compaction open; what there is to tell of it is for the caller to tell. */
  readonly beginCompaction: (
    now: number,
    lines: ReadonlyArray<TurnLines.RecordDraft>
  ) => Effect.Effect<ReadonlyArray<Notification>, RolloutWriteFailed>
  /** For the model, a summary takes the place of the history. */
  readonly compacted: (history: ReadonlyArray<JsonRecord>, summary: string) => Effect.Effect<void, RolloutWriteFailed>
  /** Ends the items that are open, and the turn. */
  readonly end: (how: TurnEnd, now: number) => Effect.Effect<void, RolloutWriteFailed>
}

export interface TurnRecordingOptions {
  readonly place: TurnLines.TurnPlace
  readonly settings: ThreadSettings
  /** Unix milliseconds. */
  readonly startedAt: number
  readonly journal: ThreadJournal
  readonly random: SecureRandom.SecureRandom["Service"]
  /** Tells whoever listens to the thread. */
  readonly publish: (notification: Notification) => Effect.Effect<void>
  readonly metrics: Recorder
}

const nothingToTell: ReadonlyArray<Notification> = []

export const make = (options: TurnRecordingOptions): TurnRecording => {
  const { journal, metrics, place, publish, random, settings, startedAt } = options
  const { mode, threadId, turnId } = place
  const items = TurnItems.make({ place, nextItemId: journal.nextItemId })
  let spent = TokenUsage.zero
  let compactionId = ""

  const itemOf = (id: string): ThreadItem | undefined =>
    journal
      .projected()
      .turns.findLast(({ turn }) => turn.id === turnId)
      ?.turn.items.findLast((item) => item.id === id)

  /** Writes what a change brings, then tells of it. */
  const apply = (changes: ReadonlyArray<TurnItems.Change>) =>
    Effect.forEach(
      changes,
      (change) =>
        Effect.andThen(
          journal.append(change.records),
          Effect.suspend(() => Effect.forEach(change.notify(itemOf), publish, { discard: true }))
        ),
      { discard: true }
    )

  const say: TurnRecording["say"] = Effect.fnUntraced(function* (input, clientId, now, before) {
    const id = mode === "paginated" ? yield* random.uuidV7() : journal.nextItemId()
    yield* journal.append([...before, ...TurnLines.userMessage(place, id, input, clientId, now)])
    const item = itemOf(id)
    if (item === undefined) return nothingToTell
    const at = { item, threadId, turnId }
    const told: ReadonlyArray<Notification> = [
      { method: "item/started", params: { ...at, startedAtMs: now } },
      { method: "item/completed", params: { ...at, completedAtMs: now } }
    ]
    return told
  })

  const report = Effect.fnUntraced(function* (event: Extract<AgentEvent, { _tag: "UsageReport" }>) {
    const before = journal.projected().usage?.info.total ?? TokenUsage.zero
    spent = TokenUsage.add(spent, event.usage)
    metrics.spent(event.usage)
    yield* journal.append(
      TurnLines.usage(place, {
        last: event.usage,
        turn: spent,
        total: TokenUsage.add(before, event.usage),
        modelContextWindow: event.modelContextWindow ?? settings.modelContextWindow
      })
    )
    const { usage } = journal.projected()
    if (usage === null || usage.owner === null) return
    yield* publish({
      method: "thread/tokenUsage/updated",
      params: { threadId, turnId: usage.owner, tokenUsage: usage.info }
    })
  })

  return {
    place,
    settings,
    shown: (written) => withOpen(written, items.open()),
    say,
    interject: Effect.fn("TurnRecording.interject")(function* (input, clientId) {
      const now = yield* Clock.currentTimeMillis
      yield* apply(items.settle(now))
      yield* Effect.forEach(yield* say(input, clientId, now, []), publish, { discard: true })
    }),
    // Without a span: one for each piece of text would tell nothing.
    on: Effect.fnUntraced(function* (event) {
      if (event._tag === "UsageReport") return yield* report(event)
      if (event._tag === "PlanUpdate") {
        const { explanation, steps } = event
        return yield* publish({ method: "turn/plan/updated", params: { threadId, turnId, explanation, plan: steps } })
      }
      return yield* apply(items.on(event, yield* Clock.currentTimeMillis))
    }),
    beginCompaction: Effect.fn("TurnRecording.beginCompaction")(function* (now, lines) {
      yield* journal.append(lines)
      compactionId = mode === "paginated" ? `compaction_${turnId}` : journal.nextItemId()
      const item: ThreadItem = {
        type: "contextCompaction",
        id: ItemId.make(compactionId),
        startedAtMs: mode === "paginated" ? now : null,
        completedAtMs: null
      }
      items.hold(item)
      const told: Notification = { method: "item/started", params: { item, threadId, turnId, startedAtMs: now } }
      return [told]
    }),
    compacted: Effect.fn("TurnRecording.compacted")(function* (history, summary) {
      const now = yield* Clock.currentTimeMillis
      const span = { startedAt, completedAt: now }
      const message = Compaction.summaryMessage(summary)
      const replacement = Compaction.replacement(history, message)
      yield* journal.append(TurnLines.compacted(place, compactionId, message, replacement, span))
      items.hold(null)
      const item = itemOf(compactionId)
      if (item === undefined) return
      yield* publish({ method: "item/completed", params: { item, threadId, turnId, completedAtMs: now } })
    }),
    end: Effect.fn("TurnRecording.end")(function* (how, now) {
      yield* apply(items.finish(now))
      const span = { startedAt, completedAt: now }
      yield* journal.append(
        how._tag === "interrupted"
          ? TurnLines.turnInterrupted(turnId, span)
          : TurnLines.turnCompleted(place, span, items.lastMessage(), how.error)
      )
    })
  }
}

/** The items with those that are open behind them; of one that is open and begun to be written, the open form. */
const withOpen = (items: ReadonlyArray<ThreadItem>, open: ReadonlyArray<ThreadItem>): ReadonlyArray<ThreadItem> => {
  const ids = new Set(open.map((item) => item.id))
  return [...items.filter((item) => !ids.has(item.id)), ...open]
}
