/**
 * Looks over the lines of a rollout, a chunk at a time: where each ends, what it is, where in it is what the projections
 * need. What a line is not known as is `unknown`, and has to be read whole (`RolloutLine.readLine`).
 *
 * The looking is done by WebAssembly (`kernel/`), which is quick from its first line on, where JavaScript has to be compiled first
 * (docs/decisions.md). Where there is no WebAssembly there is no table, and every line is read whole: slower, and the same.
 */
import { type Address, type Kernel, makeKernel } from "./KernelInstance.ts"

/** What a line is known as; the numbers are the kernel's (`kernel/layout.ts`). */
export const LineKind = {
  unknown: 0,
  /** An item of the model's conversation that no projection reads; */
  item: 1,
  /** one that is of a tool; */
  toolItem: 2,
  /** what the agent said; */
  agentItem: 3,
  /** what a user said. */
  userItem: 4,
  tokenCount: 5,
  agentReasoning: 6,
  agentMessage: 7,
  userMessage: 8,
  taskStarted: 9,
  taskComplete: 10,
  turnContext: 11
} as const
export type LineKind = (typeof LineKind)[keyof typeof LineKind]

/** Members whose values are looked for, in the kernel's order. */
const keys = [
  "type",
  "text",
  "message",
  "phase",
  "memory_citation",
  "client_id",
  "images",
  "local_images",
  "audio",
  "local_audio",
  "text_elements",
  "turn_id",
  "root_turn_id",
  "started_at",
  "completed_at",
  "duration_ms",
  "error",
  "last_agent_message",
  "model_context_window",
  "cwd",
  "model",
  "effort",
  "approval_policy",
  "approvals_reviewer",
  "summary",
  "sandbox_policy"
] as const
export type LineKey = (typeof keys)[number]

const memberAt = new Map<string, number>(keys.map((key, index) => [key, index * 2]))

/** Two usages and a window, in tokens: the six counters of `total`, those of `last`, the window. */
export type Counts = Float64Array

/** Where the counters of `last`, and the window, are among {@link Counts}. */
export const LAST_AT = 6
export const WINDOW_AT = 12

// A row, in words of four bytes.
const ROW = 10
const FROM = 1
const TO = 2
const TIME_FROM = 3
const TIME_TO = 4
const DETAIL = 5
/** In doubles. */
const ORDINAL = 3

// What a passage comes to, or whole turns, in words.
const PRINTED = 0
const ADDED = 1
const REASONS = 2
const TURNS = 2
const FILED = 3
const LAST_WORD = 4
const COUNTED = 5
/** In doubles. */
const HIGHEST = 3

// The row of a whole turn, in words.
const TURN_ROW = 14
const BEGUN = 0
const LINE = 1
const LENGTH = 2
const ITEMS = 3
const FILED_TO = 4
const FIGURES = 5
const ENDED = 6
const ITEMS_FROM = 9
const ITEMS_END = 10
const END = 11
/** In doubles. */
const OFFSET = 6

/** Bytes that a reference may have. */
const referenceRoom = 4096

const NEWLINE = 0x0a

/** The items of the model's conversation in a passage, a place in each column for one. Good until the next is taken. */
export interface FiledItems {
  readonly offsets: Float64Array
  readonly lines: Int32Array
  readonly lengths: Int32Array
  /** 4 where a user speaks, else 0. */
  readonly users: Int32Array
}

/** What lines in a row come to that only say something, count tokens or belong to the conversation. */
export interface Passage {
  /** How many lines those are; 0: there is no passage. */
  readonly lines: number
  /** The items that say it, printed to go on from those before, and how many those are. */
  readonly printed: Uint8Array
  readonly items: number
  /** Does the last item go on with the next part of reasoning? */
  readonly isReasoning: boolean
  readonly filed: FiledItems
  /** Who has the next word: the agent, when it was asked; null when nothing in it tells. */
  readonly lastWord: "asks" | "answers" | null
  /** The last figures in it; null without any. */
  readonly counts: Counts | null
  /** The highest ordinal; -1 without one. */
  readonly ordinal: number
}

/** What a passage goes on from. */
export interface BeforePassage {
  /** The number of the next item that is counted. */
  readonly nextItem: number
  /** Items that the turn has. */
  readonly items: number
  /** Does its last one go on with the next part of reasoning? */
  readonly reasons: boolean
}

/** A turn of which all lines were taken. Its places are among the rows that were looked over, and in what was printed. */
export interface WholeTurn {
  /** The lines that began and ended it. */
  readonly begun: number
  readonly ended: number
  /** Which line of the rollout began it, where that begins, how long it is, and its ordinal (-1 without one). */
  readonly line: number
  readonly offset: number
  readonly length: number
  readonly ordinal: number
  /** How many items it has. */
  readonly items: number
  /** What was filed belongs to it from where the turn before ends up to here. */
  readonly filedTo: number
  /** The last figures in it; null without any. */
  readonly counts: Counts | null
  /** It begins where the one before ends. */
  readonly itemsFrom: number
  readonly itemsEnd: number
  readonly end: number
}

/** Whole turns, one behind the other. */
export interface WholeTurns extends Pick<Passage, "lines" | "printed" | "items" | "filed" | "ordinal"> {
  readonly turns: ReadonlyArray<WholeTurn>
}

/** What whole turns go on from. */
export interface BeforeTurns {
  readonly nextItem: number
  /** The settings that theirs have to be, value by value (`LineSkim.referenceOf`); null: they may tell of none. */
  readonly reference: ReadonlyArray<Uint8Array> | null
}

// As many as were ever in use at once: each is for one reader, until it gives it back.
const idle: Array<LineTable> = []

/** The lines of some bytes, what they are and where. Good until others are laid. */
export class LineTable {
  /** Bytes that a table has room for, unless one is made for a longer line: a chunk as rollouts are read in. */
  static readonly usualRoom = 1024 * 1024
  /** Bytes that can be laid at once. */
  readonly room: number
  private readonly kernel: Kernel
  private readonly bytes: Uint8Array
  private readonly words: Int32Array
  private readonly doubles: Float64Array
  private readonly start: number
  private readonly rows: number
  /** What place in the bytes of the caller the first that was laid has. */
  private laid = 0
  private next = 0
  private end = 0

  private constructor(memory: ArrayBuffer, kernel: Kernel, room: number) {
    this.kernel = kernel
    this.room = room
    this.bytes = new Uint8Array(memory)
    this.words = new Int32Array(memory)
    this.doubles = new Float64Array(memory)
    this.start = kernel.BYTES.value
    this.rows = kernel.ROWS.value / 4
  }

  /** A table that nobody else uses, with room for a line of `room` bytes at least; null where the platform has none. */
  static borrow(room = 0): LineTable | null {
    const known = room <= LineTable.usualRoom ? idle.pop() : undefined
    if (known !== undefined) return known
    const size = Math.max(room, LineTable.usualRoom)
    const made = makeKernel(size)
    return made === null ? null : new LineTable(made.memory, made.kernel, size)
  }

  /** Whoever has borrowed it is done with it. */
  giveBack(): void {
    if (this.room === LineTable.usualRoom) idle.push(this)
  }

  /** Lays the bytes from `from` on, as many as there is room for. */
  lay(bytes: Uint8Array, from: number): void {
    const to = Math.min(bytes.length, from + this.room)
    this.bytes.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), this.start)
    this.laid = from
    this.next = this.start
    this.end = this.start + to - from
  }

  /** Lays one line, without its end; there must be room for it. */
  layLine(line: Uint8Array): void {
    this.lay(line, 0)
    this.bytes[this.end++] = NEWLINE
  }

  /** Looks over the next lines that are whole; how many. 0: what remains, if anything, has no end here. */
  look(): number {
    const lines = this.kernel.look(this.next, this.end, this.laid)
    if (lines > 0) this.next = this.to(lines - 1) + 1 - this.laid + this.start
    return lines
  }

  private word(line: number, at: number): number {
    return this.words[this.rows + line * ROW + at] ?? 0
  }

  /** Of the lines that were looked over last, where one begins and ends, in the bytes of the caller. */
  from(line: number): number {
    return this.word(line, FROM)
  }
  to(line: number): number {
    return this.word(line, TO)
  }
  kind(line: number): number {
    return this.word(line, 0)
  }
  /** -1 without one. */
  ordinal(line: number): number {
    return this.doubles[(this.rows + line * ROW) / 2 + ORDINAL] ?? -1
  }
  /** Where the time is, without its quotes. */
  timeFrom(line: number): number {
    return this.word(line, TIME_FROM)
  }
  timeTo(line: number): number {
    return this.word(line, TIME_TO)
  }
  /** Where the value of a member begins; 0 without it. Not of items and figures. */
  memberFrom(line: number, key: LineKey): number {
    return this.words[this.word(line, DETAIL) / 4 + (memberAt.get(key) ?? 0)] ?? 0
  }
  memberTo(line: number, key: LineKey): number {
    return this.words[this.word(line, DETAIL) / 4 + (memberAt.get(key) ?? 0) + 1] ?? 0
  }
  /** The figures of a `token_count`. */
  counts(line: number): Counts {
    const at = this.word(line, DETAIL) / 8
    return this.doubles.subarray(at, at + WINDOW_AT + 1)
  }

  /**
   * Takes the passage that begins with the line at `at`, of `count` lines at most. `line` and `offset`: which line of the
   * rollout that is, and where it begins.
   */
  passage(at: number, count: number, before: BeforePassage, line: number, offset: number): Passage {
    const { kernel } = this
    const { items, nextItem, reasons } = before
    const lines = kernel.takePassage(at, count, this.laid, nextItem, items, reasons ? 1 : 0, line, offset)
    const counted = this.sum(COUNTED)
    return {
      lines,
      printed: this.printed(),
      items: this.sum(ADDED),
      isReasoning: this.sum(REASONS) === 1,
      filed: this.filed(),
      lastWord: lastWords[this.sum(LAST_WORD)] ?? null,
      counts: counted < 0 ? null : this.counts(counted),
      ordinal: this.highest()
    }
  }

  /** Takes the whole turns that begin with the line at `at`, of `count` lines at most. `line` and `offset` as of a passage. */
  turns(at: number, count: number, { nextItem, reference }: BeforeTurns, line: number, offset: number): WholeTurns {
    const { kernel } = this
    this.layReference(reference)
    const lines = kernel.takeTurns(at, count, this.laid, nextItem, line, offset)
    const turns: Array<WholeTurn> = []
    for (let number = 0; number < this.sum(TURNS); number++) turns.push(this.wholeTurn(number))
    return {
      lines,
      turns,
      printed: this.printed(),
      items: this.sum(ADDED),
      filed: this.filed(),
      ordinal: this.highest()
    }
  }

  private wholeTurn(number: number): WholeTurn {
    const row = this.kernel.TURN_ROWS.value / 4 + number * TURN_ROW
    const word = (at: number) => this.words[row + at] ?? 0
    const begun = word(BEGUN)
    const counted = word(FIGURES)
    return {
      begun,
      ended: word(ENDED),
      line: word(LINE),
      offset: this.doubles[row / 2 + OFFSET] ?? 0,
      length: word(LENGTH),
      ordinal: this.ordinal(begun),
      items: word(ITEMS),
      filedTo: word(FILED_TO),
      counts: counted < 0 ? null : this.counts(counted),
      itemsFrom: word(ITEMS_FROM),
      itemsEnd: word(ITEMS_END),
      end: word(END)
    }
  }

  private layReference(values: BeforeTurns["reference"]): void {
    let at = this.kernel.REFERENCE.value
    const view = new DataView(this.bytes.buffer)
    const size = values?.reduce((size, { length }) => size + 4 + length, 0) ?? referenceRoom
    if (values === null || size >= referenceRoom) return view.setInt32(at, -1, true)
    for (const value of values) {
      view.setInt32(at, value.length, true)
      this.bytes.set(value, at + 4)
      at += 4 + value.length
    }
  }

  private sum(at: number): number {
    return this.words[this.kernel.PASSAGE.value / 4 + at] ?? 0
  }

  private printed(): Uint8Array {
    const from = this.kernel.PRINTED.value
    return this.bytes.subarray(from, from + this.sum(PRINTED))
  }

  private highest(): number {
    return this.doubles[this.kernel.PASSAGE.value / 8 + HIGHEST] ?? -1
  }

  private filed(): FiledItems {
    const { kernel } = this
    const filed = this.sum(FILED)
    const column = ({ value }: Address) => this.words.subarray(value / 4, value / 4 + filed)
    const offsets = kernel.OFFSETS.value / 8
    return {
      offsets: this.doubles.subarray(offsets, offsets + filed),
      lines: column(kernel.LINES),
      lengths: column(kernel.LENGTHS),
      users: column(kernel.USERS)
    }
  }
}

const lastWords = [null, "asks", "answers"] as const
