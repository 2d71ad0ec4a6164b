/**
 * A turn as JSON, without its items: what comes before them and what comes behind, for whoever has them at hand as JSON.
 */
import type { Turn } from "./Turn.ts"

/** A turn as JSON up to its items, */
export const beforeItems = ({ id, rootTurnId }: { readonly id: string; readonly rootTurnId: string | null }): string =>
  `${JSON.stringify({ id, rootTurnId }).slice(0, -1)},"items":[`

/** and from there on. */
export const afterItems = (turn: Omit<Turn, "id" | "rootTurnId" | "items">): string => {
  const { completedAt, durationMs, error, itemsView, startedAt, status } = turn
  return `],${JSON.stringify({ itemsView, status, error, startedAt, completedAt, durationMs }).slice(1)}`
}
