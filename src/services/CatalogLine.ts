/**
 * Knows by its first bytes what a rollout line has for the catalog: most lines have nothing, and are not even parsed.
 *
 * Only a line that begins exactly as Codex writes it is known so; every other is {@link unknown}, and has to be read.
 * Whether the rest of the line is sound is not looked at: a line that is not says nothing either. Plain loops on bytes,
 * asked 36 times for each of ten thousand rollouts; a pattern over decoded text took ten times as long.
 */
import { standsAt } from "../domain/JsonBytes.ts"

/** A line that has to be read to know. */
export const unknown = 0
/** Nothing for the catalog. */
export const other = 1
/** An item of the model's conversation, which may be a message. */
export const item = 2
/** The user's or the agent's words, as an event tells them. */
export const words = 3
/** A name, or settings. */
export const factual = 4
/** Settings of one turn. */
export const context = 5

export type CatalogLineKind =
  | typeof unknown
  | typeof other
  | typeof item
  | typeof words
  | typeof factual
  | typeof context

const encoder = new TextEncoder()
const opening = encoder.encode('{"timestamp":"')
const ordinal = encoder.encode('"ordinal":')
const type = encoder.encode('"type":"')
const payload = encoder.encode('","payload":{')
const response = encoder.encode('response_item","payload":{')
const event = encoder.encode('event_msg","payload":{"type":"')

interface Told {
  /** With the quote behind it. */
  readonly word: Uint8Array
  readonly kind: CatalogLineKind
}

const told = (word: string, kind: CatalogLineKind): Told => ({ word: encoder.encode(`${word}"`), kind })
/** Types of lines that are not others. An event that does not begin with its own type has to be read. */
const lines: ReadonlyArray<Told> = [
  told("turn_context", context),
  told("session_meta", unknown),
  told("event_msg", unknown)
]
const events: ReadonlyArray<Told> = [
  told("user_message", words),
  told("agent_message", words),
  told("item_completed", words),
  told("thread_name_updated", factual),
  told("thread_settings_applied", factual)
]

const quote = 0x22
const comma = 0x2c
const backslash = 0x5c
const longestTime = 40
const longestWord = 60

/** The place behind a run of lower case letters and underscores. */
const wordEnd = (bytes: Uint8Array, at: number): number => {
  let next = at
  for (; next < at + longestWord; next++) {
    const byte = bytes[next] ?? 0
    if ((byte < 0x61 || byte > 0x7a) && byte !== 0x5f) break
  }
  return next
}

/** Where the word behind the line's `"type":"` begins; -1 when the line does not begin as it should. */
const typeAt = (bytes: Uint8Array, from: number): number => {
  if (!standsAt(bytes, from, opening)) return -1
  const time = from + opening.length
  let at = time
  for (let byte = bytes[at]; byte !== quote; byte = bytes[++at]) {
    if (byte === undefined || byte === backslash || at === time + longestTime) return -1
  }
  if (at === time || bytes[at + 1] !== comma) return -1
  at += 2
  if (standsAt(bytes, at, ordinal)) {
    const digits = at + ordinal.length
    at = digits
    for (let byte = bytes[at] ?? 0; byte >= 0x30 && byte <= 0x39; byte = bytes[++at] ?? 0) {
      if (at === digits + 15) return -1
    }
    if (at === digits || bytes[at] !== comma) return -1
    at++
  }
  return standsAt(bytes, at, type) ? at + type.length : -1
}

const eventKind = (bytes: Uint8Array, at: number): CatalogLineKind => {
  for (const { kind, word } of events) if (standsAt(bytes, at, word)) return kind
  const end = wordEnd(bytes, at)
  return end > at && bytes[end] === quote ? other : unknown
}

/** What the line that lies between `from` and `to` has for the catalog. */
export const kindOf = (bytes: Uint8Array, from: number, to: number): CatalogLineKind => {
  const at = typeAt(bytes, from)
  if (at < 0) return unknown
  let kind: CatalogLineKind = unknown
  let end = at
  if (standsAt(bytes, at, response)) {
    kind = item
    end = at + response.length
  } else if (standsAt(bytes, at, event)) {
    end = at + event.length
    kind = eventKind(bytes, end)
  } else {
    end = wordEnd(bytes, at)
    if (end === at || !standsAt(bytes, end, payload)) return unknown
    end += payload.length
    kind = other
    for (const line of lines) if (standsAt(bytes, at, line.word)) kind = line.kind
  }
  // What was looked at lies behind the line's own end when the line is cut short.
  return end < to ? kind : unknown
}
