/**
 * Remembers what a turn's items are as JSON, beside the turn: whoever prints the turn takes it from here, and nobody else
 * has to know of it.
 */

const printedOf = new WeakMap<object, Uint8Array>()

/** A turn's items as JSON, separated by commas, where they are at hand as that. None of them is of an unknown kind. */
export const printedItems = (turn: object): Uint8Array | undefined => printedOf.get(turn)

/** Keeps what a turn's items are as JSON, for as long as there is the turn. */
export const keepPrinted = (turn: object, printed: Uint8Array): void => {
  printedOf.set(turn, printed)
}
