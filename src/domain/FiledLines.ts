/**
 * Lines filed under turns: a long conversation has hundreds of thousands, so they are kept in columns of 24 bytes a line.
 * What is filed stays; nothing is taken out.
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
const FROM_USER = 4
const FLAG_BITS = 3

export class FiledLines {
  private size = 0
  private serials = new Int32Array(256)
  private flags = new Int32Array(256)
  private lines = new Int32Array(256)
  private lengths = new Int32Array(256)
  private offsets = new Float64Array(256)

  get length(): number {
    return this.size
  }

  push({ at, fromUser, kind, serial }: FiledLine): void {
    if (this.size === this.serials.length) this.grow()
    const index = this.size++
    this.serials[index] = serial ?? -1
    this.flags[index] = (at.segment << FLAG_BITS) | kinds.indexOf(kind) | (fromUser ? FROM_USER : 0)
    this.lines[index] = at.line
    this.lengths[index] = at.length
    this.offsets[index] = at.offset
  }

  /** Files `count` lines that were looked over as items of one turn, of which a user said none. */
  pushItems({ at, line, offset, table }: Looked, count: number, segment: number, serial: TurnSerial | null): void {
    while (this.size + count > this.serials.length) this.grow()
    const start = offset - table.from(at)
    const { flags, lengths, lines, offsets, serials } = this
    let index = this.size
    for (let next = 0; next < count; next++, index++) {
      const from = table.from(at + next)
      serials[index] = serial ?? -1
      flags[index] = segment << FLAG_BITS
      lines[index] = line + next
      lengths[index] = table.to(at + next) - from
      offsets[index] = start + from
    }
    this.size = index
  }

  /** Files the items of a passage, all of one turn. */
  pushPassage({ lengths, lines, offsets, users }: FiledItems, segment: number, serial: TurnSerial): void {
    const count = lines.length
    while (this.size + count > this.serials.length) this.grow()
    const from = this.size
    this.size += count
    this.serials.fill(serial, from, this.size)
    this.lines.set(lines, from)
    this.lengths.set(lengths, from)
    this.offsets.set(offsets, from)
    for (let at = 0; at < count; at++) {
      this.flags[from + at] = (segment << FLAG_BITS) | (users[at] === 1 ? FROM_USER : 0)
    }
  }

  at(index: number): FiledLine {
    const flags = this.flags[index] ?? 0
    const serial = this.serials[index] ?? -1
    return {
      serial: serial < 0 ? null : serial,
      kind: kinds[flags & 3] ?? "item",
      fromUser: (flags & FROM_USER) !== 0,
      at: {
        segment: flags >> FLAG_BITS,
        line: this.lines[index] ?? 0,
        offset: this.offsets[index] ?? 0,
        length: this.lengths[index] ?? 0
      }
    }
  }

  private grow(): void {
    const size = this.serials.length * 2
    const longer = (column: Int32Array<ArrayBuffer>) => {
      const grown = new Int32Array(size)
      grown.set(column)
      return grown
    }
    const offsets = new Float64Array(size)
    offsets.set(this.offsets)
    this.offsets = offsets
    this.serials = longer(this.serials)
    this.flags = longer(this.flags)
    this.lines = longer(this.lines)
    this.lengths = longer(this.lengths)
  }
}
