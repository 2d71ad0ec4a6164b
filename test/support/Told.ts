/** All that a projection tells, read out once: what is lazy is made. */
import { printExact } from "../../src/domain/Json.ts"
import { printTurns } from "../../src/domain/PrintedTurns.ts"
import type { SessionProjection } from "../../src/domain/SessionProjection.ts"
import type { Turn } from "../../src/domain/Turn.ts"

/** The turns as a client is sent them: in pieces, where they are at hand as JSON. */
const sent = (turns: ReadonlyArray<Turn>): unknown => {
  const pieces = printTurns({ turns }, printExact)
  return JSON.parse(pieces === null ? printExact({ turns }) : Buffer.concat(pieces).toString())
}

/** Findings are left out: what is not looked at is not found. */
export const told = (projection: SessionProjection) => {
  const result = projection.result()
  const { context, turns } = result
  return {
    ...result,
    diagnostics: [],
    diagnosticCount: 0,
    context: { base: context.base, entries: context.entries },
    turns: turns.map(({ turn, ...opened }) => ({ ...opened, turn: { ...turn, items: turn.items } })),
    sent: sent(turns.map(({ turn }) => turn)),
    nextItemId: projection.nextItemId(),
    meta: projection.meta(),
    isAtRest: projection.isAtRest(),
    isWhole: projection.isWhole()
  }
}
