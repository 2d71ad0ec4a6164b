/**
 * Lines filed under turns: a long conversation has hundreds of thousands, so they are kept in columns of 24 bytes a line.
 * What is filed stays; nothing is taken out.
 */
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
    const size = this.size * 2
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
