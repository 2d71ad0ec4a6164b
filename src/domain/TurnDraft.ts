/**
 * A turn while its history is read: who opened it, how it ended, and its items.
 *
 * Items come as values, or as places in a line that only say what was said. As long as a turn has nothing but the latter,
 * its items are printed (`PrintedItems.ts`) and made values of only when somebody looks at them.
 */
import { ItemId, TurnId } from "./Ids.ts"
import { noTimes } from "./ItemParts.ts"
import type { Words } from "./LineSkim.ts"
import type { Passage } from "./LineTable.ts"
import { type ItemPrinter, itemsOf } from "./PrintedItems.ts"
import { keepPrinted, type PrintedTurn } from "./PrintedText.ts"
import type { ReasoningItem, ThreadItem } from "./ThreadItem.ts"
import type { Turn, TurnError, TurnStatus } from "./Turn.ts"
import { afterItems, beforeItems } from "./TurnText.ts"

/** Counts turns in the order in which they opened; identifies one however its id repeats. */
export type TurnSerial = number

export interface TurnOpened {
  readonly serial: TurnSerial
  readonly id: string
  /** Opened by the agent under its own id, not implied by a message. */
  readonly explicit: boolean
  readonly rootTurnId: string | null
  /** Unix seconds; null where history does not say. */
  readonly startedAt: number | null
}

/** How a turn ended that was taken whole: completed, with items that are printed already. */
export interface EndedTurn {
  /** Unix seconds. */
  readonly completedAt: number | null
  readonly durationMs: number | null
  readonly printed: PrintedTurn
  /** How many items it has. */
  readonly count: number
}

const encoder = new TextEncoder()
const nothing: PrintedTurn = { items: new Uint8Array(0), whole: null }

/** A turn whose items are read when they are asked for. */
export const lazily = (turn: Omit<Turn, "items">, printed: PrintedTurn): Turn => {
  let items: ReadonlyArray<ThreadItem> | null = null
  // Named one by one: there are thousands, and a rest of fields is copied slowly.
  const { completedAt, durationMs, error, id, itemsView, rootTurnId, startedAt, status } = turn
  const made: Turn = {
    id,
    rootTurnId,
    get items() {
      return (items ??= itemsOf(printed.items))
    },
    itemsView,
    status,
    error,
    startedAt,
    completedAt,
    durationMs
  }
  keepPrinted(made, printed)
  return made
}

export class TurnDraft {
  readonly serial: TurnSerial
  readonly id: TurnId
  readonly explicit: boolean
  readonly rootTurnId: string | null
  readonly startedAt: number | null
  status: TurnStatus
  error: TurnError | null = null
  completedAt: number | null = null
  durationMs: number | null = null
  sawCompaction = false
  private readonly printer: ItemPrinter
  private isOpen = true
  /** Null while they are only printed. */
  private values: Array<ThreadItem> | null = null
  /** Once it is closed. */
  private printed: PrintedTurn = nothing
  private printedCount = 0
  private made: Turn | null = null
  /** Where the values are that later lines may replace, by id. */
  private places: Map<string, number> | null = null

  /** `printer` is the open turn's: one turn at a time uses it. One that is `ended` is closed. */
  constructor(opened: TurnOpened, printer: ItemPrinter, ended: EndedTurn | null = null) {
    this.serial = opened.serial
    // Whoever read the line has checked it.
    this.id = TurnId.make(opened.id, { disableChecks: true })
    this.explicit = opened.explicit
    this.rootTurnId = opened.rootTurnId
    this.startedAt = opened.startedAt
    this.status = opened.explicit ? "inProgress" : "completed"
    this.printer = printer
    if (ended === null) printer.begin(encoder.encode(beforeItems(this)))
    else this.endAs(ended)
  }

  private endAs({ completedAt, count, durationMs, printed }: EndedTurn): void {
    this.status = "completed"
    this.completedAt = completedAt
    this.durationMs = durationMs
    this.printed = printed
    this.printedCount = count
    this.isOpen = false
    this.made = lazily(this.outside(), printed)
  }

  get count(): number {
    if (this.values !== null) return this.values.length
    return this.isOpen ? this.printer.count : this.printedCount
  }

  /** Nothing more is said in it; what is known of it may still change. */
  close(): void {
    if (this.values === null) {
      const outside = this.outside()
      this.printed = this.printer.end(encoder.encode(afterItems(outside)))
      this.printedCount = this.printer.count
      this.made = lazily(outside, this.printed)
    } else this.printer.drop()
    this.isOpen = false
  }

  add(item: ThreadItem): void {
    this.asValues().push(item)
  }

  /** Adds the item, or replaces the one that was put under its id. */
  put(item: ThreadItem): void {
    const values = this.asValues()
    this.places ??= new Map()
    const at = this.places.get(item.id)
    if (at === undefined) this.places.set(item.id, values.push(item) - 1)
    else values[at] = item
  }

  /** Adds a part to the reasoning that stands last, or a new item; `nextId` is asked for its id. */
  reason(part: string, field: "summary" | "content", nextId: () => string): void {
    const values = this.asValues()
    const last = values.at(-1)
    if (last?.type === "reasoning") {
      values[values.length - 1] = { ...last, [field]: [...last[field], part] }
      return
    }
    const item: ReasoningItem = { type: "reasoning", id: ItemId.make(nextId()), summary: [], content: [], ...noTimes }
    values.push({ ...item, [field]: [part] })
  }

  /** Can it take what was said as it stands in a line? */
  get takesPrint(): boolean {
    return this.values === null && this.isOpen
  }

  /** Adds what was said, under the item number `next`; false when it became part of the item before. */
  print(line: Uint8Array, words: Words, next: number): boolean {
    if (words.kind === "agent_reasoning" && this.printer.reasonOn(line, words)) return false
    this.printer.print(line, words, next)
    return true
  }

  /** Does the reasoning that stands last go on with the next part? */
  get reasons(): boolean {
    return this.printer.goesOn
  }

  /** Adds the items of a passage, which were printed to go on from here. */
  take(passage: Passage): void {
    this.printer.take(passage)
  }

  /** The turn as it stands. It does not change when the draft does. */
  turn(): Turn {
    if (this.made === null || !this.isAs(this.made)) this.made = this.make()
    return this.made
  }

  // Once closed, a turn is asked for many times and hardly ever changes.
  private isAs({ completedAt, durationMs, error, status }: Turn): boolean {
    const isSettled = !this.isOpen && this.values === null && this.error === error && this.status === status
    return isSettled && this.completedAt === completedAt && this.durationMs === durationMs
  }

  private make(): Turn {
    const { values } = this
    const outside = this.outside()
    if (values === null) {
      // What is printed of the whole turn is good as long as nothing is known otherwise.
      return lazily(outside, { items: this.isOpen ? this.printer.printed() : this.printed.items, whole: null })
    }
    const { id, rootTurnId, ...end } = outside
    return { id, rootTurnId, items: this.isOpen ? values.slice() : values, ...end }
  }

  private outside(): Omit<Turn, "items"> {
    const { completedAt, durationMs, error, id, rootTurnId, startedAt, status } = this
    return { id, rootTurnId, itemsView: "full", status, error, startedAt, completedAt, durationMs }
  }

  // The values of a closed turn may have been handed out: those stay as they were.
  private asValues(): Array<ThreadItem> {
    if (this.values === null) this.values = itemsOf(this.isOpen ? this.printer.printed() : this.printed.items).slice()
    else if (!this.isOpen) this.values = this.values.slice()
    return this.values
  }
}
