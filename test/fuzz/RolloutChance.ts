/**
 * Rollouts by chance: sound ones (from the builder, and written by Codex), with bytes, lines and values damaged.
 */
import { Option } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { isRecord, parseExact, printExact } from "../../src/domain/Json.ts"
import { paginated, rollout } from "../../src/testing/RolloutBuilder.ts"
import { options, spent } from "../conformance/cases/Rollouts.ts"
import type { Dice } from "./Dice.ts"

/** Files of one home that belong together. */
export interface RolloutSet {
  readonly name: string
  /** The thread that is asked for. */
  readonly threadId: string
  readonly files: ReadonlyArray<{ readonly path: string; readonly bytes: Uint8Array }>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const rich = rollout(options(1))
  .turn({ id: "T1", user: "one", reasoning: "thinking", usage: spent(120) })
  .turn({
    id: "T2",
    usage: spent(360),
    work: (inside) =>
      inside
        .item({ type: "function_call", name: "shell", arguments: "{}", call_id: "c1" })
        .item({ type: "function_call_output", call_id: "c1", output: "ok" })
        .event({
          type: "exec_command_end",
          call_id: "c1",
          turn_id: "T2",
          command: ["ls"],
          cwd: "/",
          parsed_cmd: [],
          stdout: "",
          stderr: "",
          aggregated_output: "a",
          exit_code: 0,
          duration: { secs: 1, nanos: 0 },
          formatted_output: "a"
        })
        .rateLimits()
  })
  .compaction("so far", [{ type: "message", role: "user", content: [{ type: "input_text", text: "so far" }] }])
  .turn({ id: "T3", usage: spent(620), ends: "interrupted" })
  .turn({ id: null, user: "implied", usage: true })
  .rollback(1)
  .turn({ id: "T4", usage: spent(720), ends: "failed" })
  .turn({ id: null, user: "last", agent: null })

const paged = paginated(options(2))
  .turn({ usage: spent(120), reasoning: "r" })
  .turn({ usage: spent(360), ends: "failed" })
  .turn({ usage: spent(620), ends: "open" })
const pagedFork = paged.fork().turn({ usage: spent(900) })
const reverted = paged.revert().turn({ usage: spent(700) })

type Built = ReturnType<typeof rich.build>

const setOf = (name: string, ...built: ReadonlyArray<Built>): RolloutSet => ({
  name,
  threadId: built[0]?.threadId ?? "",
  files: built.map(({ bytes, path }) => ({ path, bytes }))
})

const genuineSets = (): ReadonlyArray<RolloutSet> => {
  const root = join(import.meta.dirname, "../../fixtures/corpus/gen")
  const isRollout = (path: string) => path.endsWith(".jsonl") && path.includes("rollout-")
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter(isRollout)
    .toSorted()
    .map((path) => {
      const [version = "", scenario = "", ...rest] = path.split(/[/\\]/)
      const home = join(root, version, scenario)
      const files = readdirSync(home, { recursive: true, encoding: "utf8" })
        .filter(isRollout)
        .toSorted()
        .map((file) => ({ path: file.replaceAll("\\", "/"), bytes: new Uint8Array(readFileSync(join(home, file))) }))
      const threadId = /T\d\d-\d\d-\d\d-([0-9a-f-]{36})/.exec(path)?.[1] ?? ""
      const target = rest.join("/")
      const ordered = [...files.filter((file) => file.path === target), ...files.filter((file) => file.path !== target)]
      return { name: `${version} ${scenario}`, threadId, files: ordered }
    })
}

/** The sound rollouts that everything starts from; the first file of each is the one that is asked for. */
export interface Bases {
  readonly built: readonly [RolloutSet, ...ReadonlyArray<RolloutSet>]
  /** Written by Codex; larger. */
  readonly genuine: ReadonlyArray<RolloutSet>
}

const builtSets: Bases["built"] = [
  setOf("event-style", rich.build()),
  setOf("event-style fork", rich.fork().build(), rich.build()),
  setOf("paginated", paged.build()),
  setOf("paginated fork", pagedFork.build(), paged.build()),
  setOf("paginated revert", reverted.build(), paged.build()),
  setOf(
    "paginated fork of a fork",
    pagedFork.fork({ createdAt: Date.UTC(2025, 0, 7) }).build(),
    pagedFork.build(),
    paged.build()
  )
]

/** Reads them. */
export const bases = (): Bases => ({ built: builtSets, genuine: genuineSets() })

const soundSet = (dice: Dice, { built, genuine }: Bases): RolloutSet =>
  (dice.once(6) ? dice.any(genuine) : undefined) ?? dice.pick(built)

const oddValues = [
  null,
  true,
  0,
  -1,
  1,
  0.5,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e308,
  "",
  "T1",
  "T2",
  "rollout-2",
  "interrupted",
  "paginated",
  "legacy",
  "\u0000",
  "\ud800",
  [],
  [null],
  {},
  { type: "message" },
  [{ type: "text", text: 5 }]
] as const

const oddKeys = ["__proto__", "constructor", "type", "id", "turn_id", "ordinal", "payload", "timestamp", ""] as const

/** Changes one place of a JSON value. */
const changed = (dice: Dice, value: unknown, depth = 0): unknown => {
  const stop = depth > 0 && dice.once(4)
  if (!stop && Array.isArray(value) && value.length > 0) {
    const at = dice.roll(value.length)
    return value.map((entry: unknown, index) => (index === at ? changed(dice, entry, depth + 1) : entry))
  }
  if (!stop && isRecord(value)) {
    const entries = Object.entries(value)
    const at = dice.roll(entries.length)
    switch (dice.roll(8)) {
      case 0:
        return Object.fromEntries(entries.filter((_, index) => index !== at))
      case 1:
        return Object.fromEntries([...entries, [dice.pick(oddKeys), dice.pick(oddValues)]])
      case 2:
        return Object.fromEntries(
          entries.map(([key, entry], index) => [index === at ? dice.pick(oddKeys) : key, entry])
        )
      default:
        return Object.fromEntries(
          entries.map(([key, entry], index) => [key, index === at ? changed(dice, entry, depth + 1) : entry])
        )
    }
  }
  return dice.pick(oddValues)
}

const junkLines = [
  "",
  " ",
  "{}",
  "null",
  "[1,2]",
  "5",
  '"text"',
  "{",
  "\u0000\u0000\u0000",
  '{"timestamp":"t","type":"event_msg","payload":{"type":"thread_rolled_back","num_turns":1}}',
  '{"timestamp":"t","type":"event_msg","payload":{"type":"thread_rolled_back","num_turns":4294967295}}',
  '{"timestamp":"t","type":"event_msg","payload":{"type":"turn_aborted","turn_id":null,"reason":"interrupted"}}',
  '{"timestamp":"t","type":"event_msg","payload":{"type":"task_started","turn_id":"T1"}}',
  '{"timestamp":"t","type":"event_msg","payload":{"type":"task_started","turn_id":""}}',
  '{"timestamp":"t","type":"event_msg","payload":{"type":"task_complete","turn_id":"T9","last_agent_message":null}}',
  '{"timestamp":"t","type":"event_msg","payload":{"type":"user_message","message":"inserted","text_elements":[5]}}',
  '{"timestamp":"t","type":"event_msg","payload":{"type":"token_count","info":null,"rate_limits":null}}',
  '{"timestamp":"t","type":"compacted","payload":{"message":"x","replacement_history":[{"type":"message"},5,null]}}',
  '{"timestamp":"t","type":"no_such_line","payload":{}}',
  `{"timestamp":"t","type":"event_msg","payload":${"[".repeat(2000)}${"]".repeat(2000)}}`
] as const

/** Damages lines of a file. */
const mutateLines = (dice: Dice, text: string, ids: ReadonlyArray<string>): string => {
  const lines = text.split("\n")
  const at = dice.roll(lines.length)
  const line = lines[at] ?? ""
  const put = (...instead: ReadonlyArray<string>) => lines.toSpliced(at, 1, ...instead).join("\n")
  switch (dice.roll(12)) {
    case 0:
      return put()
    case 1:
      return put(line, line)
    case 2: {
      const other = dice.roll(lines.length)
      return lines
        .with(at, lines[other] ?? "")
        .with(other, line)
        .join("\n")
    }
    case 3:
      return put(line.slice(0, dice.roll(line.length + 1)))
    case 4:
      return put(dice.pick(junkLines), line)
    case 5:
      return lines.slice(0, at).join("\n")
    case 6:
      return put(`${line}\r`)
    case 7: {
      const id = dice.any(ids) ?? ""
      return put(
        line.replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|"T\d"/, (found) =>
          found.startsWith('"') ? dice.pick(['"T1"', '"T2"', '"T3"', '""', "null"]) : id
        )
      )
    }
    case 8:
      return put(
        line.replace(/"(?:end_ordinal_exclusive|end_byte_offset|ordinal)":\d+/, (found) =>
          found.replace(/\d+/, dice.pick(["0", "1", "7", "40", "-1", "99999999", "1.5", "null"]))
        )
      )
    default:
      return put(
        Option.match(parseExact(line), { onNone: () => line, onSome: (value) => printExact(changed(dice, value)) })
      )
  }
}

/** Damages bytes of a file. */
const mutateBytes = (dice: Dice, bytes: Uint8Array): Uint8Array => {
  const at = dice.roll(bytes.length + 1)
  const insert = (...inserted: ReadonlyArray<number>) =>
    Buffer.concat([bytes.subarray(0, at), Uint8Array.from(inserted), bytes.subarray(at)])
  switch (dice.roll(6)) {
    case 0:
      return bytes.with(Math.min(at, bytes.length - 1), dice.roll(256))
    case 1:
      return insert(dice.roll(256))
    case 2:
      return bytes.slice(0, at)
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + dice.roll(40))])
    case 4:
      return insert(0xff, 0xfe, 0x80)
    default:
      return Buffer.concat([Uint8Array.of(0xef, 0xbb, 0xbf), bytes])
  }
}

/** A set with one to four damages, most of them in the file that is asked for. */
export const damagedSet = (dice: Dice, sound: Bases): RolloutSet => {
  const base = soundSet(dice, sound)
  const ids = base.files.map(({ path }) => /([0-9a-f-]{36})(?:_[0-9a-f-]{36})?\.jsonl$/.exec(path)?.[1] ?? "")
  let files = base.files
  for (let damages = 1 + dice.roll(4); damages > 0; damages--) {
    const at = dice.once(4) ? dice.roll(files.length) : 0
    files = files.map((file, index) => {
      if (index !== at || file.bytes.length === 0) return file
      const bytes = dice.once(5)
        ? mutateBytes(dice, file.bytes)
        : encoder.encode(mutateLines(dice, decoder.decode(file.bytes), ids))
      return { ...file, bytes }
    })
  }
  return { ...base, files }
}
