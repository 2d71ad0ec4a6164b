/**
 * Frames by chance: requests with params that may or may not mean something, damaged in every way that a text can be, and
 * what answer each is owed. The rule of who is owed one is written here anew, from docs/codex.md and
 * docs/compatibility.md, not taken from the server.
 */
import { isRecord, own } from "../../src/domain/Json.ts"
import { clientNotifications, CodexProtocol } from "../../src/rpc/codex/Protocol.ts"
import type { Dice } from "./Dice.ts"

/** What a frame may be about. */
export interface World {
  readonly threadIds: ReadonlyArray<string>
  readonly turnIds: ReadonlyArray<string>
  readonly paths: ReadonlyArray<string>
}

/** One frame. */
export interface FuzzedFrame {
  readonly text: string
  /** The id of the one answer that it gets, as JSON text; null when it gets none. */
  readonly owed: string | null
}

const methods = Array.from(CodexProtocol.requests.keys())

const words = [
  "threadId",
  "turnId",
  "path",
  "history",
  "cursor",
  "limit",
  "sortDirection",
  "sortKey",
  "itemsView",
  "includeTurns",
  "excludeTurns",
  "initialTurnsPage",
  "lastTurnId",
  "beforeTurnId",
  "ephemeral",
  "threadSource",
  "attachToSource",
  "model",
  "modelProvider",
  "cwd",
  "approvalPolicy",
  "sandbox",
  "config",
  "baseInstructions",
  "personality",
  "archived",
  "searchTerm",
  "sourceKinds",
  "modelProviders",
  "excludedThreadIds",
  "parentThreadId",
  "clientInfo",
  "capabilities",
  "name",
  "input",
  "__proto__",
  "constructor",
  "toString",
  ""
] as const

const texts = [
  "",
  "asc",
  "desc",
  "full",
  "summary",
  "created_at",
  "never",
  "on-request",
  "read-only",
  "workspace-write",
  "vscode",
  "0",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "\udc00\ud800",
  "..",
  "../../etc/passwd",
  "sessions",
  "sessions/../../x.jsonl",
  "/",
  "/dev/null",
  ".jsonl",
  "x".repeat(300),
  `/${"d/".repeat(2500)}x.jsonl`,
  "x.jsonl".padStart(5000, "n"),
  "😀 ü \u202e",
  '{"turnId":"T1","includeAnchor":true}',
  '{"turnId":5}',
  "1736078400000|9c53aaaa-0000-4000-8000-000000000001",
  "__proto__",
  "thread/resume"
] as const

const numbers = [0, 1, -1, 2, 100, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 63), 1e308, 5e-324] as const

const idText = (dice: Dice, world: World): string => {
  const id = dice.any(world.threadIds) ?? ""
  return dice.pick([
    id,
    id,
    id,
    id,
    id.toUpperCase(),
    id.replaceAll("-", ""),
    `{${id}}`,
    `urn:uuid:${id}`,
    id.slice(0, -1),
    id.replace(/.$/, "f"),
    ` ${id}`
  ])
}

/** Any JSON value. */
const value = (dice: Dice, world: World, depth: number): unknown => {
  switch (dice.roll(depth > 3 ? 8 : 10)) {
    case 0:
      return null
    case 1:
      return dice.once(2)
    case 2:
      return dice.pick(numbers)
    case 3:
      return idText(dice, world)
    case 4:
      return dice.any(world.turnIds)
    case 5:
      return dice.any(world.paths)
    case 6:
    case 7:
      return dice.pick(texts)
    case 8:
      return Array.from({ length: dice.roll(4) }, () => value(dice, world, depth + 1))
    default:
      return object(dice, world, depth + 1)
  }
}

const object = (dice: Dice, world: World, depth: number): object =>
  Object.fromEntries(Array.from({ length: dice.roll(5) }, () => [dice.pick(words), value(dice, world, depth)]))

/** Params that mostly name a thread, and a few members more. */
const params = (dice: Dice, world: World): unknown => {
  if (dice.once(20)) return value(dice, world, 0)
  const named = dice.once(10) ? {} : { threadId: idText(dice, world) }
  const item = { type: "message", role: "user", content: [{ type: "input_text", text: dice.pick(texts) }] }
  const history = dice.once(15) ? { history: [item, value(dice, world, 1)] } : {}
  const path = dice.once(8) ? { path: dice.any(world.paths) ?? "" } : {}
  const page = dice.once(6) ? { limit: dice.pick(numbers), sortDirection: dice.pick(["asc", "desc"]) } : {}
  return { ...named, ...history, ...path, ...page, ...(dice.once(3) ? object(dice, world, 0) : {}) }
}

const oddIds = ["null", "1.5", "-0", "1e3", "1e400", "9007199254740993", "true", "{}", "[]", '""', '"\\ud800"'] as const
const junk = ["{", "}", "[", "]", '"', "\\", ",", ":", "\u0000", "\ud800", "\n", "e", "-", "9", "null", "😀"] as const

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth)

/** Damages a text, or not. */
const damage = (dice: Dice, text: string): string => {
  const at = dice.roll(text.length + 1)
  switch (dice.roll(12)) {
    case 0:
      return text.slice(0, at)
    case 1:
      return text.slice(0, at) + dice.pick(junk) + text.slice(at)
    case 2:
      return text.slice(0, at) + text.slice(at + 1 + dice.roll(5))
    case 3:
      return text.slice(0, at) + String.fromCharCode(dice.roll(0x10000)) + text.slice(at + 1)
    case 4:
      return `[${text}]`
    case 5:
      return text.replace(/"params":/, `"params":${nested(dice.pick([1, 100, 509, 513, 3000]))},"more":`)
    case 6:
      return text.replace(/"id":[^,]*/, `"id":${dice.pick(oddIds)}`)
    case 7:
      return text.replace(/^\{/, `{"id":${dice.pick(oddIds)},"method":"thread/read",`)
    case 8:
      return text.replace(/"method":"[^"]*",?/, dice.pick(["", '"method":5,', '"method":null,', '"method":"no/such",']))
    case 9:
      return text.replace(/"id":[^,]*,/, "")
    case 10:
      return text + text
    default:
      return `{"id":${dice.pick(oddIds)},"${dice.pick(["result", "error", "x"])}":${text}}`
  }
}

const depthOf = (value: unknown): number => {
  let level: ReadonlyArray<unknown> = [value]
  let depth = 0
  while (level.length > 0) {
    const inside = level.filter((entry): entry is object => typeof entry === "object" && entry !== null)
    if (inside.length > 0) depth++
    level = inside.flatMap((entry): ReadonlyArray<unknown> => Object.values(entry))
  }
  return depth
}

const parsed = (text: string): { readonly value: unknown } | null => {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return null
  }
}

const validId = (id: unknown): boolean => typeof id === "string" || (typeof id === "number" && Number.isSafeInteger(id))

/** The id of the answer that a frame is owed, as JSON text; null for none. */
export const owedTo = (text: string): string | null => {
  const json = parsed(text)
  if (json === null || depthOf(json.value) > 512 || !isRecord(json.value)) return "null"
  const id = own(json.value, "id")
  const method = own(json.value, "method")
  const echoed = validId(id) ? JSON.stringify(id) : "null"
  if (method === undefined) {
    const answers = id !== undefined && (Object.hasOwn(json.value, "result") || Object.hasOwn(json.value, "error"))
    return answers ? null : echoed
  }
  if (typeof method !== "string" || id !== undefined) return echoed
  if (methods.some((known) => known === method)) return "null"
  const params = own(json.value, "params")
  const harmless = params === undefined || params === null || isRecord(params)
  return clientNotifications.has(method) && !harmless ? "null" : null
}

const tooLarge = (id: number): FuzzedFrame => ({
  text: `{"id":${id},"method":"thread/read","params":{"threadId":"${"x".repeat(16 * 1024 * 1024)}"}}`,
  owed: "null"
})

/** The frame with a number of its own as id, unless chance wants it otherwise. */
export const frame = (dice: Dice, world: World, id: number): FuzzedFrame => {
  if (dice.once(5000)) return tooLarge(id)
  const method = dice.once(25) ? dice.pick(["initialized", "no/such", ""]) : (dice.any(methods) ?? "")
  const wireId = dice.once(4) ? `"text-${id}"` : String(id)
  const plain = `{"id":${wireId},"method":${JSON.stringify(method)},"params":${JSON.stringify(params(dice, world)) ?? "null"}}`
  const text = dice.once(3) ? damage(dice, plain) : plain
  return { text, owed: owedTo(text) }
}
