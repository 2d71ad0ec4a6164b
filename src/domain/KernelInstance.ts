/**
 * The kernel that looks over lines (`kernel/`), ready to be used: compiled once, with a memory of its own for each who uses it.
 */
import { Option } from "effect"
import { bytesOfBase64 } from "./ByteSearch.ts"
import { kernelPieces } from "./ItemPieces.ts"
import { lineKernel } from "./LineKernel.ts"

const pageBytes = 65_536
/** Bytes that may be looked at behind a line's end. */
const slack = 64

/** The part of the platform's WebAssembly that is used. */
interface Platform {
  readonly Memory: new (options: { readonly initial: number }) => {
    readonly buffer: ArrayBuffer
    readonly grow: (pages: number) => number
  }
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: object } }
  ) => { readonly exports: Kernel }
}

/** Where something is in the kernel's memory, in bytes. */
export type Address = { readonly value: number }

/** The places and functions of the kernel (`kernel/layout.ts`, `kernel/lines.ts`). */
export interface Kernel {
  readonly ROWS: Address
  readonly OFFSETS: Address
  readonly LINES: Address
  readonly LENGTHS: Address
  readonly USERS: Address
  readonly PASSAGE: Address
  readonly PIECES: Address
  readonly PRINTED: Address
  readonly TURN_ROWS: Address
  readonly REFERENCE: Address
  readonly BYTES: Address
  readonly takeTurns: (at: number, count: number, laid: number, first: number, line: number, offset: number) => number
  readonly takePassage: (
    at: number,
    count: number,
    laid: number,
    first: number,
    before: number,
    reasons: number,
    line: number,
    offset: number
  ) => number
  readonly look: (from: number, to: number, laid: number) => number
}

declare const WebAssembly: Platform | undefined

const compile = Option.liftThrowable((platform: Platform) => new platform.Module(bytesOfBase64(lineKernel)))

const layPieces = (memory: ArrayBuffer, at: number): void => {
  const bytes = new Uint8Array(memory)
  const places = new Int32Array(memory, at, kernelPieces.length * 2)
  let next = at + places.byteLength
  for (const [index, piece] of kernelPieces.entries()) {
    bytes.set(piece, next)
    places[index * 2] = next
    next += piece.length
    places[index * 2 + 1] = next
  }
}

/** Room for this many bytes, and for the rows before them. */
const instantiate = Option.liftThrowable((platform: Platform, module: object, room: number) => {
  const memory = new platform.Memory({ initial: 1 })
  const { exports } = new platform.Instance(module, { env: { memory } })
  memory.grow(Math.ceil((exports.BYTES.value + room + slack) / pageBytes) - 1)
  layPieces(memory.buffer, exports.PIECES.value)
  return { memory: memory.buffer, kernel: exports }
})

let compiled: Option.Option<object> | null = null

/** The kernel, and a memory that has room for so many bytes to be looked over; null where the platform has no WebAssembly. */
export const makeKernel = (room: number): { readonly kernel: Kernel; readonly memory: ArrayBuffer } | null => {
  const platform = typeof WebAssembly === "object" ? WebAssembly : undefined
  if (platform === undefined) return null
  compiled ??= compile(platform)
  return Option.getOrNull(Option.flatMap(compiled, (module) => instantiate(platform, module, room)))
}
