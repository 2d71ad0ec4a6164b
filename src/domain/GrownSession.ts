/**
 * A session that was kept, and the lines that were appended to its rollout since: what they make together, without the
 * lines before being read again.
 *
 * What is told so is what reading everything tells, or nothing is: a line that could change a turn from before (a
 * rollback, an end or an item that names one of them, words outside of any turn) leaves it to the full reading.
 */
import { historyMode } from "./ThreadView.ts"
import type { Growth, SavedSession } from "./SavedSession.ts"
import * as SessionProjection from "./SessionProjection.ts"
import type { RestoredUsage } from "./TokenUsage.ts"
import { isUnsettling, stepOver } from "./WholeLines.ts"

/** How many bytes before the place where it goes on tell that it is the same rollout. */
export const edgeBytes = 512

const NEWLINE = 0x0a

/** The number in an item's id, when it is one that was counted. */
const numberIn = (itemId: string): number | null => {
  const number = Number(/^item-(\d{1,15})$/.exec(itemId)?.[1] ?? Number.NaN)
  return Number.isNaN(number) ? null : number
}

/**
 * What lets a session go on from the end of its rollout; null when something in it is open. Asked before anything else is
 * stepped into the projection.
 */
export const growthOf = (
  projection: SessionProjection.SessionProjection,
  { meta, usage }: SessionProjection.ProjectedSession
): Pick<Growth, "nextItem"> | null => {
  const nextItem = numberIn(projection.nextItemId())
  // Of a fork's usage a part is its source's; and figures that are nobody's may yet become somebody's.
  const isItsOwn = meta.forkedFromId === null && (usage === null || usage.owner !== null)
  return nextItem !== null && projection.isAtRest() && projection.isWhole() && isItsOwn ? { nextItem } : null
}

const together = (before: RestoredUsage | null, after: RestoredUsage | null): RestoredUsage | null => {
  if (after === null || before === null) return after ?? before
  const { estimated } = after.info
  // A guess that replaced the ledger stays in every later sum.
  const total = estimated.total || before.info.estimated.total
  return { ...after, info: { ...after.info, estimated: { ...estimated, total } } }
}

/** A session that went on, and whether it may go on from here again. */
export interface GrownSession {
  readonly session: SavedSession
  readonly growth: Pick<Growth, "nextItem"> | null
}

/** The session with the lines in `appended`; null when that is not all that has to be known. */
export const grow = (before: SavedSession, { nextItem }: Growth, appended: Uint8Array): GrownSession | null => {
  const mode = historyMode(before.meta)
  if (mode === null || appended.at(-1) !== NEWLINE) return null
  const projection = SessionProjection.make(before.meta, mode, { settings: before.settings, nextItem })
  const isSettled = stepOver(
    appended,
    () => projection,
    (read) => read.line?.record._tag !== "SessionMeta" && !isUnsettling(read)
  )
  if (!isSettled || projection.isUncertain() || !projection.isWhole()) return null
  const { name, preview, settings, turns, usage } = projection.result()
  const known = new Set<string>(before.turns.map(({ id }) => id))
  if (turns.some(({ explicit, turn }) => !explicit || known.has(turn.id))) return null
  if (usage !== null && usage.owner === null) return null
  const session: SavedSession = {
    meta: before.meta,
    settings,
    preview: before.preview === "" ? preview : before.preview,
    name: name ?? before.name,
    usage: together(before.usage, usage),
    turns: [...before.turns, ...turns.map(({ turn }) => turn)]
  }
  return { session, growth: growthOf(projection, projection.result()) }
}
