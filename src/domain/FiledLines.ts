/**
 * Lines filed under turns: a long conversation has hundreds of thousands, so they are kept in columns of 24 bytes a line,
 * page by page. What is filed stays; nothing is taken out.
 */
import type { Looked } from "./LineScanner.ts"
import type { FiledItems } from "./LineTable.ts"
import type { TurnSerial } from "./TurnDraft.ts"

/** Where a line is: the rollout (of a chain of them, base first), the line's number, its bytes. */
export interface LinePlace {
  readonly segment: number
  readonly line: number
  readonly offset: number
  readonly length: number
}

export interface FiledLine {
  /** The turn that it belongs to; null before any turn. */
  readonly serial: TurnSerial | null
  readonly kind: "item" | "summary" | "replacement"
  readonly fromUser: boolean
  readonly at: LinePlace
}

const kinds = ["item", "summary", "replacement"] as const
/** The number is the kernel's too (`kernel/passage.ts`). */
const FROM_USER = 4
const FLAG_BITS = 3

/** Lines of a page, and of the first one as long as there are few. */
const PAGE = 8192
const FEW = 256

/** So many lines in columns. */
class Page {
  readonly room: number
  readonly serials: Int32Array
  readonly flags: Int32Array
  readonly lines: Int32Array
  readonly lengths: Int32Array
  readonly offsets: Float64Array
  constructor(room: number) {
    this.room = room
    this.serials = new Int32Array(room)
    this.flags = new Int32Array(room)
    this.lines = new Int32Array(room)
    this.lengths = new Int32Array(room)
    this.offsets = new Float64Array(room)
  }

  /** Lines that were taken together; `ours`: their flags, but for who speaks. */
  copy(at: number, filed: FiledItems, from: number, count: number, ours: number, serial: TurnSerial): void {
    const to = from + count
    this.serials.fill(serial, at, at + count)
    this.lines.set(filed.lines.subarray(from, to), at)
    this.lengths.set(filed.lengths.subarray(from, to), at)
    this.offsets.set(filed.offsets.subarray(from, to), at)
    this.flags.set(filed.users.subarray(from, to), at)
    if (ours > 0) for (let next = at; next < at + count; next++) this.flags[next] = (this.flags[next] ?? 0) | ours
  }

  /** The same lines in a page with more room. */
  longer(room: number): Page {
    const page = new Page(room)
    page.serials.set(this.serials)
    page.flags.set(this.flags)
    page.lines.set(this.lines)
    page.lengths.set(this.lengths)
    page.offsets.set(this.offsets)
    return page
  }
}

export class FiledLines {
  private size = 0
  private readonly pages: Array<Page> = []
  /** The last of them. */
  private last = new Page(0)

  get length(): number {
    return this.size
  }

  push({ at, fromUser, kind, serial }: FiledLine): void {
    const flags = (at.segment << FLAG_BITS) | kinds.indexOf(kind) | (fromUser ? FROM_USER : 0)
    this.put(serial ?? -1, flags, at.line, at.length, at.offset)
  }

  /** Files `count` lines that were looked over as items of one turn, of which a user said none. */
  pushItems({ at, line, offset, table }: Looked, count: number, segment: number, serial: TurnSerial | null): void {
    const start = offset - table.from(at)
    for (let next = 0; next < count; next++) {
      const from = table.from(at + next)
      this.put(serial ?? -1, segment << FLAG_BITS, line + next, table.to(at + next) - from, start + from)
    }
  }

  /** Files items that were taken together, from the one with the number `from` on up to `to`, all of one turn. */
  pushFiled(filed: FiledItems, from: number, to: number, segment: number, serial: TurnSerial): void {
    for (let next = from; next < to;) {
      const at = this.place()
      const count = Math.min(to - next, this.last.room - at)
      this.last.copy(at, filed, next, count, segment << FLAG_BITS, serial)
      this.size += count
      next += count
    }
  }

  at(index: number): FiledLine {
    const page = this.pages[Math.floor(index / PAGE)] ?? this.last
    const at = index % PAGE
    const flags = page.flags[at] ?? 0
    const serial = page.serials[at] ?? -1
    return {
      serial: serial < 0 ? null : serial,
      kind: kinds[flags & 3] ?? "item",
      fromUser: (flags & FROM_USER) !== 0,
      at: {
        segment: flags >> FLAG_BITS,
        line: page.lines[at] ?? 0,
        offset: page.offsets[at] ?? 0,
        length: page.lengths[at] ?? 0
      }
    }
  }

  /** Where the next line goes in the last page, which has room for it. */
  private place(): number {
    const at = this.size % PAGE
    if (at === this.last.room || at === 0) this.makeRoom(at)
    return at
  }

  private put(serial: number, flags: number, line: number, length: number, offset: number): void {
    const at = this.place()
    const page = this.last
    page.serials[at] = serial
    page.flags[at] = flags
    page.lines[at] = line
    page.lengths[at] = length
    page.offsets[at] = offset
    this.size++
  }

  // A page that is full stays as it is: a long history is never copied. The first one begins small.
  private makeRoom(at: number): void {
    if (at > 0) this.last = this.last.longer(this.last.room * 2)
    else this.last = new Page(this.pages.length === 0 ? FEW : PAGE)
    this.pages[Math.floor(this.size / PAGE)] = this.last
  }
}
