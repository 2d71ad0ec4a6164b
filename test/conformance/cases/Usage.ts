/**
 * Whose the restored usage is, and what it says: the plain cases of the acceptance matrix (docs/codex.md) on the wire, and
 * those in which Codex errs.
 */
import { Effect } from "effect"
import { rollout, type RolloutBuilder } from "../../../src/testing/RolloutBuilder.ts"
import { type Case, type Deviation, type Observations, usages } from "../Case.ts"
import { options, spent } from "./Rollouts.ts"

let threads = 100

interface Told {
  readonly name: string
  readonly lines: (builder: RolloutBuilder) => RolloutBuilder
  /** Owner, total and last of each usage notification. */
  readonly ours: ReadonlyArray<readonly [owner: string, total: number, last: number]>
  readonly genuine?: {
    readonly because: string
    readonly v122?: Told["ours"]
    readonly v169?: Told["ours"]
  }
}

const shown = (told: Told["ours"]): Observations => ({
  usage: told.map(([turnId, total, last]) => ({ turnId, total, last }))
})

const usageCase = ({ genuine, lines, name, ours }: Told): Case => {
  const built = lines(rollout(options(threads++))).build()
  const deviation = (told: Told["ours"] | undefined): Deviation | undefined =>
    genuine === undefined || told === undefined ? undefined : { because: genuine.because, shows: shown(told) }
  const [v122, v169] = [deviation(genuine?.v122), deviation(genuine?.v169)]
  return {
    name: `usage: ${name}`,
    files: [built],
    script: Effect.fnUntraced(function* ({ connect }) {
      const client = yield* connect()
      yield* client.request("thread/resume", { threadId: built.threadId })
      return {
        usage: usages(yield* client.settle).map(({ last, total, turnId }) => ({
          turnId,
          total: Number.parseInt(String(total), 10),
          last: Number.parseInt(String(last), 10)
        }))
      }
    }),
    expected: shown(ours),
    deviates: {
      ...(v122 === undefined ? {} : { "0.122.0": v122 }),
      ...(v169 === undefined ? {} : { "0.169.0": v169 })
    }
  }
}

const um = (message: string) => ({ type: "user_message", message, images: [], local_images: [], text_elements: [] })

const table: ReadonlyArray<Told> = [
  {
    name: "of a finished turn before a later one without any",
    lines: (r) => r.turn({ id: "T1", usage: spent(120) }).turn({ id: "T2" }),
    ours: [["T1", 120, 17]]
  },
  {
    name: "of an interrupted turn",
    lines: (r) => r.turn({ id: "T1", usage: spent(120) }).turn({ id: "T2", usage: spent(360), ends: "interrupted" }),
    ours: [["T2", 360, 41]]
  },
  {
    name: "recorded between two turns: the one before",
    lines: (r) => r.turn({ id: "T1" }).usage(spent(120)).turn({ id: "T2" }),
    ours: [["T1", 120, 17]]
  },
  {
    name: "a last record without figures does not count",
    lines: (r) => r.turn({ id: "T1", usage: spent(120) }).turn({ id: "T2", work: (inside) => inside.rateLimits() }),
    ours: [["T1", 120, 17]],
    genuine: { because: "fault 1", v122: [["T2", 120, 17]], v169: [["T2", 120, 17]] }
  },
  {
    name: "after a rollback: what was spent stays, owner and last are those of what survived",
    lines: (r) =>
      r
        .turn({ id: "T1", usage: spent(120) })
        .turn({ id: "T2", usage: spent(360) })
        .rollback(1),
    ours: [["T1", 360, 17]],
    genuine: { because: "fault 2", v122: [["T1", 360, 41]], v169: [["T1", 360, 41]] }
  },
  {
    name: "after a rollback and a new turn: never the new one",
    lines: (r) =>
      r
        .turn({ id: "T1", usage: spent(120) })
        .turn({ id: "T2", usage: spent(360) })
        .rollback(1)
        .turn({ id: "T3" }),
    ours: [["T1", 360, 17]],
    genuine: { because: "fault 2", v122: [["T3", 360, 41]], v169: [["T3", 360, 41]] }
  },
  {
    name: "from before any turn: nobody's",
    lines: (r) => r.usage(spent(120)).turn({ id: "T1" }),
    ours: [],
    genuine: { because: "fault 3", v122: [["T1", 120, 17]], v169: [["T1", 120, 17]] }
  },
  {
    name: "without any turn: not told",
    lines: (r) => r.usage(spent(120)),
    ours: [],
    genuine: { because: "fault 3", v122: [["", 120, 17]] }
  },
  {
    name: "everything rolled back: not told",
    lines: (r) => r.event(um("one")).usage(spent(120)).rollback(1),
    ours: [],
    genuine: { because: "fault 3", v122: [["", 120, 17]] }
  },
  {
    name: "a record that lacks a counter does not count",
    lines: (r) =>
      r.turn({ id: "T1", usage: spent(120) }).event({
        type: "token_count",
        info: { total_token_usage: { total_tokens: 7 }, last_token_usage: { total_tokens: 7 } }
      }),
    ours: [["T1", 120, 17]]
  },
  {
    name: "a torn last record does not count",
    lines: (r) =>
      r.turn({ id: "T1", usage: spent(120) }).raw('{"timestamp":"2025-01-05T13:00:00.000Z","type":"event_m'),
    ours: [["T1", 120, 17]]
  }
]

const big = rollout(options(99))
  .turn({ id: "T1" })
  .raw(
    `{"timestamp":"2025-01-05T13:00:00.000Z","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":` +
      `{"input_tokens":9007199254740993,"cached_input_tokens":0,"output_tokens":1,"reasoning_output_tokens":0,"total_tokens":9007199254740994},` +
      `"last_token_usage":{"input_tokens":9223372036854775806,"cached_input_tokens":0,"output_tokens":1,"reasoning_output_tokens":0,"total_tokens":9223372036854775807},` +
      `"model_context_window":null},"rate_limits":null}}\n`
  )
  .build()

const everyDigit: Case = {
  name: "usage: counts beyond 2^53 keep every digit",
  files: [big],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    yield* client.request("thread/resume", { threadId: big.threadId })
    return { usage: usages(yield* client.settle) }
  }),
  expected: {
    usage: [
      {
        turnId: "T1",
        total: "9007199254740994 9007199254740993 0 1 0",
        last: "9223372036854775807 9223372036854775806 0 1 0",
        window: null
      }
    ]
  }
}

/** Usage on the wire. */
export const cases: ReadonlyArray<Case> = [...table.map(usageCase), everyDigit]
