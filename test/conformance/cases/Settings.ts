/**
 * The settings that a thread runs under: what is remembered of them, and how they are changed.
 */
import { Effect } from "effect"
import { isRecord, type JsonRecord, own } from "../../../src/domain/Json.ts"
import { type RolloutBuilder, rollout } from "../../../src/testing/RolloutBuilder.ts"
import { at, type Case, refusal } from "../Case.ts"
import { basic, options } from "./Rollouts.ts"

const told = (frames: ReadonlyArray<JsonRecord>): ReadonlyArray<unknown> =>
  frames.flatMap((frame) => {
    const settings = at(frame, "params", "threadSettings")
    if (own(frame, "method") !== "thread/settings/updated" || !isRecord(settings)) return []
    const names = ["model", "effort", "approvalPolicy", "approvalsReviewer", "serviceTier", "cwd"]
    return [[...names.map((name) => own(settings, name)), at(settings, "sandboxPolicy", "type")]]
  })

const no122 = "0.122 has no such method"

const update: Case = {
  name: "settings: changed, told once, and there for who comes next",
  files: [basic],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const { threadId } = basic
    yield* client.request("thread/resume", { threadId })
    yield* client.settle
    yield* client.forget
    // 0.169 may tell of two changes at once that come right behind each other.
    const change = (settings: JsonRecord) =>
      Effect.tap(client.request("thread/settings/update", { threadId, ...settings }), client.settle)
    const first = yield* change({ model: "m2", effort: "high", approvalPolicy: "on-request" })
    // A change that is none.
    yield* change({ model: "m2", effort: "high" })
    yield* change({ sandboxPolicy: { type: "dangerFullAccess" }, serviceTier: "flex", cwd: "/tmp" })
    yield* change({ permissions: ":read-only", serviceTier: null })
    const mode = { mode: "default", settings: { model: "m3", reasoning_effort: null } }
    yield* change({ model: "m4", effort: "low", collaborationMode: mode })
    const frames = yield* client.settle
    const { result } = yield* client.request("thread/resume", { threadId })
    return {
      answer: own(first, "result"),
      told: told(frames),
      next: [
        at(result, "model"),
        at(result, "reasoningEffort"),
        at(result, "approvalPolicy"),
        at(result, "serviceTier")
      ]
    }
  }),
  expected: {
    answer: {},
    told: [
      ["m2", "high", "on-request", "user", null, "/", "readOnly"],
      ["m2", "high", "on-request", "user", "flex", "/tmp", "dangerFullAccess"],
      ["m2", "high", "on-request", "user", "default", "/tmp", "readOnly"],
      ["m3", null, "on-request", "user", "default", "/tmp", "readOnly"]
    ],
    next: ["m3", null, "on-request", "default"]
  },
  deviates: {
    "0.122.0": {
      because: no122,
      shows: { answer: null, told: [], next: ["mock-model", null, "never", null] }
    }
  }
}

const refused: Case = {
  name: "settings: what they cannot be changed to",
  files: [basic],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const { threadId } = basic
    const change = (settings: JsonRecord) =>
      Effect.map(client.request("thread/settings/update", { threadId, ...settings }), (answer) =>
        refusal(answer, { id: threadId })
      )
    const notLoaded = yield* change({ model: "m2" })
    yield* client.request("thread/resume", { threadId })
    yield* client.settle
    yield* client.forget
    const both = yield* change({ permissions: ":workspace", sandboxPolicy: { type: "dangerFullAccess" } })
    const codes = yield* Effect.forEach(
      [{ permissions: "nope" }, { approvalPolicy: "sometimes" }, { effort: "" }, { sandboxPolicy: { type: "tight" } }],
      (settings) => Effect.map(change(settings), (text) => text.slice(0, 6))
    )
    return { notLoaded: notLoaded.slice(0, 28), both: both.slice(0, 60), codes, told: told(yield* client.settle) }
  }),
  expected: {
    notLoaded: "-32600 thread not found: <id",
    both: "-32600 `permissions` cannot be combined with `sandboxPolicy`",
    codes: ["-32602", "-32602", "-32602", "-32602"],
    told: []
  },
  deviates: {
    "0.122.0": {
      because: no122,
      shows: {
        notLoaded: "-32600 Invalid request: unkn",
        both: "-32600 Invalid request: unknown variant `thread/settings/upd",
        codes: ["-32600", "-32600", "-32600", "-32600"]
      }
    },
    "0.169.0": { because: "fault 21", shows: { codes: ["-32600", "-32600", "-32600", "-32600"] } }
  }
}

const turn = (fields: JsonRecord) => (builder: RolloutBuilder) =>
  builder.line("turn_context", {
    cwd: "/turn",
    approval_policy: "on-request",
    approvals_reviewer: "auto_review",
    sandbox_policy: { type: "danger-full-access" },
    model: "m9",
    effort: "high",
    summary: "auto",
    ...fields
  })
const line = (builder: RolloutBuilder) =>
  builder.line("event_msg", {
    type: "thread_settings_applied",
    // One of another thread, as a copy may have it, says less.
    thread_id: builder.build().threadId,
    thread_settings: {
      model: "m8",
      model_provider_id: "mock_provider",
      approval_policy: "never",
      approvals_reviewer: "user",
      permission_profile: { type: "managed", file_system: { type: "restricted", entries: [] }, network: "restricted" },
      cwd: "/",
      runtime_workspace_roots: ["/"],
      collaboration_mode: { mode: "default", settings: { model: "m8", reasoning_effort: null } }
    }
  })

/** Each a thread with one turn, and then what it tells of settings. */
const remembering = [
  [turn({})],
  [turn({}), turn({ effort: null, approval_policy: "untrusted", approvals_reviewer: undefined })],
  [turn({}), line],
  [line, turn({})]
].map((steps, index) =>
  steps.reduce((builder, step) => step(builder), rollout(options(60 + index)).turn({ id: "T1" })).build()
)

const remembered: Case = {
  name: "settings: who approves, as turns and settings lines remember it",
  files: remembering,
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const names = ["approvalPolicy", "approvalsReviewer", "cwd"]
    const shown = yield* Effect.forEach(remembering, ({ threadId }) =>
      Effect.map(client.request("thread/resume", { threadId }), ({ result }) =>
        [...names.map((name) => at(result, name)), at(result, "sandbox", "type")].join(" ")
      )
    )
    return { turn: shown[0], turns: shown[1], turnLine: shown[2], lineTurn: shown[3] }
  }),
  expected: {
    turn: "on-request auto_review / readOnly",
    turns: "untrusted auto_review / readOnly",
    turnLine: "never user / readOnly",
    lineTurn: "never user / readOnly"
  },
  deviates: {
    "0.122.0": {
      because: "Reading rollouts: the configuration decides who approves",
      shows: { turn: "never user / readOnly", turns: "never user / readOnly" }
    }
  }
}

export const cases: ReadonlyArray<Case> = [update, refused, remembered]
