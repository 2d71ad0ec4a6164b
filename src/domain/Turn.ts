/**
 * A turn: what one request to the agent brought about, in the protocol's shape (`Turn` of 0.169).
 */
import { Schema } from "effect"
import { TurnId } from "./Ids.ts"
import { printedTurn } from "./PrintedText.ts"
import { ThreadItem } from "./ThreadItem.ts"

/** `inProgress` only while an agent runs it here; a turn found open in a rollout at rest is `interrupted`. */
export const TurnStatus = Schema.Literals(["completed", "interrupted", "failed", "inProgress"])
export type TurnStatus = typeof TurnStatus.Type

/** Why a turn failed. `codexErrorInfo` is the protocol's tag or tagged object, null when there is none. */
export const TurnError = Schema.Struct({
  message: Schema.String,
  codexErrorInfo: Schema.Unknown,
  additionalDetails: Schema.NullOr(Schema.String),
  misalignment: Schema.Unknown
})
export type TurnError = typeof TurnError.Type

/** How much of a turn's items a payload carries. `summary`: the first user message and the final agent message. */
export const TurnItemsView = Schema.Literals(["notLoaded", "summary", "full"])
export type TurnItemsView = typeof TurnItemsView.Type

const turn = Schema.Struct({
  id: TurnId,
  /** The first turn of the chain of work that led here; null in older history. */
  rootTurnId: Schema.NullOr(Schema.String),
  items: Schema.Array(ThreadItem),
  itemsView: TurnItemsView,
  status: TurnStatus,
  error: Schema.NullOr(TurnError),
  /** Unix seconds; null where history did not record it. */
  startedAt: Schema.NullOr(Schema.Finite),
  completedAt: Schema.NullOr(Schema.Finite),
  durationMs: Schema.NullOr(Schema.Finite)
})
type TurnStruct = typeof turn
/** The schema by its name, which is all that declarations print of it. */
export interface TurnSchema extends TurnStruct {}
export const Turn: TurnSchema = turn
export type Turn = typeof Turn.Type

/** The turns without items of unknown kinds: what may go to clients that refuse a kind they do not know. */
export const withKnownItems = (turns: ReadonlyArray<Turn>): ReadonlyArray<Turn> =>
  turns.some(hasUnknownItems)
    ? turns.map((turn) =>
        hasUnknownItems(turn) ? { ...turn, items: turn.items.filter((item) => item.type !== "unknown") } : turn
      )
    : turns

/** The turn with other items. Those that it has are not looked at: they may have to be made first. */
export const withItems = (turn: Turn, items: ReadonlyArray<ThreadItem>, itemsView: TurnItemsView): Turn => {
  const { completedAt, durationMs, error, id, rootTurnId, startedAt, status } = turn
  return { id, rootTurnId, items, itemsView, status, error, startedAt, completedAt, durationMs }
}

const hasUnknownItems = (turn: Turn): boolean =>
  printedTurn(turn) === undefined && turn.items.some((item) => item.type === "unknown")
