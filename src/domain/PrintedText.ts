/**
 * Remembers what a turn is as JSON, beside the turn: whoever prints the turn takes it from here, and nobody else has to
 * know of it.
 */
/** A turn as JSON, as far as it is at hand. */
export interface PrintedTurn {
  /** Its items, separated by commas. None of them is of an unknown kind. */
  readonly items: Uint8Array
  /** All of it, with a comma in front: turns that were printed one behind the other lie so. Null when it is not at hand. */
  readonly whole: Uint8Array | null
}

const printedOf = new WeakMap<object, PrintedTurn>()

/** What the turn is as JSON, where that is at hand. */
export const printedTurn = (turn: object): PrintedTurn | undefined => printedOf.get(turn)

/** Keeps what a turn is as JSON, for as long as there is the turn. */
export const keepPrinted = (turn: object, printed: PrintedTurn): void => {
  printedOf.set(turn, printed)
}
