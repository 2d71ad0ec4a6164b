/**
 * Knows a response item by its first bytes, so that what no projection reads is not parsed: reasoning,
 * tool calls and their outputs are most of a rollout's bytes.
 *
 * A glance trusts the line to be whole once its head, its end and its middle look it; a line written in
 * any other way than Codex's is read in full. Measured in docs/performance.md ("Reading").
 */

/** What the head of a line says. */
export interface Glance {
  readonly timestamp: string
  readonly ordinal: number | null
  /** The item's type. */
  readonly type: string
  /** Of a message: `assistant`, `developer` or `system`; null of another item. */
  readonly role: string | null
}

const HEAD_BYTES = 208
// Where the line type begins in a line with a timestamp of 24 characters and no ordinal.
const TYPE_AT = 48
const EVENT = 0x65
const head =
  /^\{"timestamp":"([ !#-[\]-~]{1,40})",(?:"ordinal":(\d{1,15}),)?"type":"response_item","payload":\{"type":"([a-z_]+)"(?:,"id":"[^"\\]*")?(?:,"role":"([a-z]+)")?[,}]/

// What a user said is read: it opens turns, and makes the preview.
const opaqueTypes: ReadonlySet<string> = new Set([
  "reasoning",
  "function_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
  "local_shell_call",
  "web_search_call",
  "image_generation_call",
  "ghost_snapshot"
])
const opaqueRoles: ReadonlySet<string> = new Set(["assistant", "developer", "system"])

const OPEN = 0x7b
const CLOSE = 0x7d
// `{"timestamp":` cannot stand inside a string unescaped: where it does stand, two lines were glued.
const glued = Array.from('{"timestamp":', (char) => char.charCodeAt(0))

const holdsSecondLine = (bytes: Uint8Array): boolean => {
  for (let at = bytes.indexOf(OPEN, 1); at >= 0; at = bytes.indexOf(OPEN, at + 1)) {
    let same = 1
    while (same < glued.length && bytes[at + same] === glued[same]) same++
    if (same === glued.length) return true
  }
  return false
}

const decoder = new TextDecoder("latin1")

/** Glances at a line. Null when it has to be read. */
export const glance = (bytes: Uint8Array): Glance | null => {
  const last = bytes.length - 1
  if (last < 64 || bytes[TYPE_AT] === EVENT || bytes[last] !== CLOSE || bytes[last - 1] !== CLOSE) return null
  const match = head.exec(decoder.decode(bytes.subarray(0, HEAD_BYTES)))
  if (match === null) return null
  const [, timestamp = "", ordinal, type = "", role] = match
  const opaque = type === "message" ? role !== undefined && opaqueRoles.has(role) : opaqueTypes.has(type)
  if (!opaque || bytes.indexOf(0) >= 0 || holdsSecondLine(bytes)) return null
  return { timestamp, ordinal: ordinal === undefined ? null : Number(ordinal), type, role: role ?? null }
}
