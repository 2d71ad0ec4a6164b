/**
 * What an item of the Responses API holds beyond the parts of `effect/ai`, kept in a part's options under
 * `openai`, so that an item that came from the API goes back to it as it was.
 */
import { isRecord, type JsonRecord, own } from "../../domain/Json.ts"

/** The key under which providers of OpenAI's APIs keep their own data. */
const KEY = "openai"

type Value = string | number | null | ReadonlyArray<string>

/** What can be kept of an item. */
export interface ItemOptions {
  /** Opaque content of a reasoning item or of a compaction. */
  readonly encryptedContent?: string | null
  /** The paragraphs of a reasoning item's summary. */
  readonly summary?: ReadonlyArray<string>
  /** Which paragraph of the summary a piece belongs to. */
  readonly part?: number
  /** `compaction` for an opaque summary of the conversation before it. */
  readonly kind?: "compaction"
  /** Whether a message is a remark on the way or the answer. */
  readonly phase?: string | null
  /** A call's arguments as the model wrote them: sent back unchanged, they still fit the provider's cache. */
  readonly arguments?: string
  /** An image that the provider holds. */
  readonly fileId?: string
  /** How closely an image is looked at. */
  readonly detail?: string
}

/** Options as parts of prompts and responses carry them. */
export interface PartOptions {
  [key: string]: { [key: string]: string | number | null | Array<string> }
}

/** As options of a part; what is not set is left out. */
export const make = (options: ItemOptions): PartOptions => {
  const entries: ReadonlyArray<[string, Value | undefined]> = Object.entries(options)
  const kept: PartOptions[string] = {}
  for (const [key, value] of entries) {
    if (value !== undefined) kept[key] = typeof value === "object" && value !== null ? [...value] : value
  }
  return { [KEY]: kept }
}

/** The options of a part, as a record to read fields of; empty when there are none. */
export const of = (options: JsonRecord): JsonRecord => {
  const kept = own(options, KEY)
  return isRecord(kept) ? kept : {}
}
