/**
 * A rollout's lines as they stand in a mended copy: what cannot be read is left out and handed back apart, bytes that are
 * no text become replacement characters, every line ends, and a paginated history counts on without a gap.
 *
 * A line that needs nothing of this is copied byte for byte; so the copy restores to what the damaged file did.
 */
import { Option } from "effect"
import type { Diagnostic } from "./Diagnostic.ts"
import type { Checked } from "./RolloutCheck.ts"
import { isRejected } from "./RolloutCheck.ts"
import { isRecord, type JsonRecord, own, parseExact, printExact } from "./Json.ts"
import type { RawLine } from "./LineScanner.ts"
import { setOrdinal } from "./OrdinalText.ts"
import type { ReadLine } from "./RolloutLine.ts"
import { historyMode } from "./ThreadView.ts"

/** A line that has no place in the copy. */
export interface RejectedLine {
  readonly line: number
  readonly offset: number
  readonly length: number
  readonly reason: Diagnostic["reason"]
  readonly detail: string
  /** What it held: text, or base64 where it is none; null when it is longer than a line may be. */
  readonly text: string | null
  readonly base64: string | null
}

/** What becomes of a line. */
export type Mended =
  | { readonly _tag: "Kept"; readonly bytes: Uint8Array }
  | { readonly _tag: "Rejected"; readonly line: RejectedLine }
  /** Left out, and nothing is lost with it. */
  | { readonly _tag: "Dropped" }

export interface Mending {
  /** Lines in the order of the copy. */
  readonly step: (read: ReadLine, raw: RawLine) => Mended
}

const encoder = new TextEncoder()
const lenient = new TextDecoder("utf-8", { ignoreBOM: true })
const strict = Option.liftThrowable((bytes: Uint8Array) =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
)
const BOM_BYTES = 3

const toBase64 = (bytes: Uint8Array): string => {
  let binary = ""
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

const rejected = ({ bytes, length, line, offset }: RawLine, because: Diagnostic | undefined): RejectedLine => {
  const text = bytes === null ? null : Option.getOrNull(strict(bytes))
  return {
    line,
    offset,
    length,
    reason: because?.reason ?? "malformed",
    detail: because?.detail ?? "",
    text,
    base64: bytes === null || text !== null ? null : toBase64(bytes)
  }
}

/** The first line without the base that is not there: the copy begins with what is. */
const withoutBase = (text: string): string =>
  Option.match(Option.filter(parseExact(text), isRecord), {
    onNone: () => text,
    onSome: (line) => {
      const payload = own(line, "payload")
      const kept = (record: JsonRecord) =>
        Object.fromEntries(
          Object.entries(record).filter(([key]) => key !== "history_base" && key !== "forked_from_ordinal_exclusive")
        )
      return printExact({ ...line, payload: isRecord(payload) ? kept(payload) : payload })
    }
  })

/** Mends the rollout that was found to be `checked`; its lines must come with a late `session_meta` first. */
export const make = (checked: Checked): Mending => {
  const { meta } = checked
  const dropsBase = checked.findings.some(({ kind }) => kind === "baseMissing")
  const base = dropsBase ? null : (meta?.historyBase ?? null)
  let ordinal = meta !== null && historyMode(meta) === "paginated" ? (base?.endOrdinalExclusive ?? 0) : null
  let isFirstMeta = true

  return {
    step: (read, raw) => {
      if (raw.bytes === null || isRejected(read)) {
        const because = read.diagnostics.findLast(
          ({ reason }) => reason !== "invalidUtf8" && reason !== "byteOrderMark"
        )
        return because?.reason === "blank" ? { _tag: "Dropped" } : { _tag: "Rejected", line: rejected(raw, because) }
      }
      const has = (reason: Diagnostic["reason"]) => read.diagnostics.some((diagnostic) => diagnostic.reason === reason)
      const content = has("byteOrderMark") ? raw.bytes.subarray(BOM_BYTES) : raw.bytes
      const opens = read.line?.record._tag === "SessionMeta" && isFirstMeta
      if (opens) isFirstMeta = false
      const expected = ordinal
      if (ordinal !== null) ordinal++
      const cuts = opens && dropsBase
      if (!cuts && !has("invalidUtf8") && (expected === null || read.ordinal === expected)) {
        const bytes = new Uint8Array(content.length + 1)
        bytes.set(content)
        bytes[content.length] = 0x0a
        return { _tag: "Kept", bytes }
      }
      const text = lenient.decode(content)
      const shortened = cuts ? withoutBase(text) : text
      const counted = expected === null || read.ordinal === expected ? shortened : setOrdinal(shortened, expected)
      return { _tag: "Kept", bytes: encoder.encode(`${counted}\n`) }
    }
  }
}
