/**
 * What exactly is asked when a turn asks, what a policy answers, and when a question is open.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Ref } from "effect"
import { TestClock } from "effect/testing"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { Question } from "../../src/domain/ServerRequest.ts"
import { Approvals, type Policy } from "../../src/services/Approvals.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import * as TurnQuestions from "../../src/services/TurnQuestions.ts"

const threadId = ThreadId.make("00000000-0000-7000-8000-000000000001")
const elsewhere = ThreadId.make("00000000-0000-7000-8000-000000000002")
const place = { threadId, turnId: TurnId.make("T1") }
const now = 1_700_000_000_000

const answers = {
  "item/commandExecution/requestApproval": { decision: "accept" },
  "item/fileChange/requestApproval": { decision: "acceptForSession" },
  "item/permissions/requestApproval": { permissions: { network: { enabled: true } }, scope: "session" },
  "item/tool/requestUserInput": { answers: { color: { answers: ["red"] } } },
  "item/tool/call": { contentItems: [{ type: "inputText", text: "done" }], success: true }
} as const satisfies Record<Question["method"], unknown>

/** Asks, with a policy that answers all, and gives the answer with the question as it was asked. */
const asking = <A, E>(ask: (questions: TurnQuestions.TurnQuestions) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const asked = yield* Ref.make<Question | null>(null)
    const policy: Policy = (question) => Effect.as(Ref.set(asked, question), Option.some(answers[question.method]))
    const layer = Approvals.layerPolicy(policy).pipe(Layer.provide(NotificationDelivery.layer))
    yield* TestClock.setTime(now)
    const answer = yield* Approvals.pipe(
      Effect.flatMap((approvals) => ask(TurnQuestions.make(approvals, place, Effect.void))),
      Effect.provide(layer)
    )
    return { asked: yield* Ref.get(asked), answer }
  })

describe("a turn asks", () => {
  it.effect("for leave to run a command", () =>
    Effect.gen(function* () {
      const about = { itemId: "i", command: "ls", cwd: "/w" }
      const params = {
        kind: "command",
        ...place,
        itemId: ItemId.make("i"),
        startedAtMs: now,
        environmentId: null,
        reason: null,
        command: "ls",
        cwd: "/w",
        commandActions: null,
        availableDecisions: ["accept", "decline", "cancel"]
      }
      const method = "item/commandExecution/requestApproval"
      const { answer, asked } = yield* asking((questions) => questions.command(about))
      assert.strictEqual(answer, "accept")
      assert.deepStrictEqual<unknown>(asked, { method, params })
      const actions = [{ type: "unknown", command: "ls" }] as const
      const decisions = ["accept"] as const
      const full = yield* asking((questions) => questions.command({ ...about, reason: "r", actions, decisions }))
      assert.deepStrictEqual<unknown>(full.asked, {
        method,
        params: { ...params, reason: "r", commandActions: actions, availableDecisions: decisions }
      })
    })
  )

  it.effect("for leave to change files", () =>
    Effect.gen(function* () {
      const params = { ...place, itemId: ItemId.make("i"), startedAtMs: now, reason: null, grantRoot: null }
      const method = "item/fileChange/requestApproval"
      const { answer, asked } = yield* asking((questions) => questions.fileChange({ itemId: "i" }))
      assert.strictEqual(answer, "acceptForSession")
      assert.deepStrictEqual<unknown>(asked, { method, params })
      const full = yield* asking((questions) => questions.fileChange({ itemId: "i", reason: "r", grantRoot: "/g" }))
      assert.deepStrictEqual<unknown>(full.asked, { method, params: { ...params, reason: "r", grantRoot: "/g" } })
    })
  )

  it.effect("for more rights", () =>
    Effect.gen(function* () {
      const about = { itemId: "i", cwd: "/w", permissions: { network: { enabled: true } } }
      const { answer, asked } = yield* asking((questions) => questions.permissions(about))
      const params = {
        ...place,
        itemId: ItemId.make("i"),
        environmentId: null,
        startedAtMs: now,
        cwd: "/w",
        reason: null,
        permissions: about.permissions
      }
      assert.deepStrictEqual<unknown>(answer, answers["item/permissions/requestApproval"])
      assert.deepStrictEqual<unknown>(asked, { method: "item/permissions/requestApproval", params })
      const full = yield* asking((questions) => questions.permissions({ ...about, reason: "r" }))
      assert.deepStrictEqual<unknown>(full.asked?.params, { ...params, reason: "r" })
    })
  )

  it.effect("the user, who may say something else unless it is ruled out", () =>
    Effect.gen(function* () {
      const options = [{ label: "red", description: "like blood" }]
      const { answer, asked } = yield* asking((questions) =>
        questions.user("i", [
          { id: "color", header: "Color", question: "Which?" },
          { id: "pin", header: "Pin", question: "What?", options, isOther: false, isSecret: true }
        ])
      )
      assert.deepStrictEqual<unknown>(answer, { color: { answers: ["red"] } })
      assert.deepStrictEqual<unknown>(asked, {
        method: "item/tool/requestUserInput",
        params: {
          ...place,
          itemId: ItemId.make("i"),
          questions: [
            { id: "color", header: "Color", question: "Which?", isOther: true, isSecret: false, options: null },
            { id: "pin", header: "Pin", question: "What?", isOther: false, isSecret: true, options }
          ],
          isBlocking: true,
          autoResolutionMs: null
        }
      })
    })
  )

  it.effect("the client to run a tool of its own", () =>
    Effect.gen(function* () {
      const call = { callId: "c", tool: "t", arguments: { a: 1 } }
      const { answer, asked } = yield* asking((questions) => questions.tool(call))
      assert.deepStrictEqual<unknown>(answer, answers["item/tool/call"])
      assert.deepStrictEqual<unknown>(asked, {
        method: "item/tool/call",
        params: { ...place, ...call, namespace: null }
      })
      const named = yield* asking((questions) => questions.tool({ ...call, namespace: "n" }))
      assert.deepStrictEqual<unknown>(named.asked?.params, { ...place, ...call, namespace: "n" })
    })
  )

  it.effect("nobody, where there is nobody", () =>
    Effect.gen(function* () {
      const { command, fileChange, permissions, tool, user } = TurnQuestions.nobodyToAsk
      const refusals = yield* Effect.all([
        Effect.flip(command({ itemId: "i", command: "ls", cwd: "/" })),
        Effect.flip(fileChange({ itemId: "i" })),
        Effect.flip(permissions({ itemId: "i", cwd: "/", permissions: {} })),
        Effect.flip(user("i", [])),
        Effect.flip(tool({ callId: "c", tool: "t", arguments: null }))
      ])
      assert.deepStrictEqual<ReadonlyArray<string>>(
        refusals.map(({ method }) => method),
        Object.keys(answers)
      )
    })
  )
})

describe("a standing decision", () => {
  const permissions = { fileSystem: { write: ["/w"] } }
  const decided = (layer: Layer.Layer<Approvals, never, NotificationDelivery>) =>
    Effect.gen(function* () {
      const questions = TurnQuestions.make(yield* Approvals, place, Effect.void)
      return [
        yield* questions.command({ itemId: "i", command: "ls", cwd: "/" }),
        yield* questions.fileChange({ itemId: "i" }),
        (yield* questions.permissions({ itemId: "i", cwd: "/", permissions })).permissions
      ]
    }).pipe(Effect.provide(layer.pipe(Layer.provide(NotificationDelivery.layer))))

  it.effect("gives or refuses whatever asks for leave", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual<unknown>(yield* decided(Approvals.layerAlways), ["accept", "accept", permissions])
      assert.deepStrictEqual<unknown>(yield* decided(Approvals.layerNever), ["decline", "decline", {}])
    })
  )

  it.effect("leaves words of the user and the client's own tools to the client", () =>
    Effect.gen(function* () {
      const approvals = yield* Approvals
      const questions = TurnQuestions.make(approvals, place, Effect.void)
      yield* Effect.forkChild(questions.user("i", []), { startImmediately: true })
      yield* Effect.forkChild(questions.tool({ callId: "c", tool: "t", arguments: null }), { startImmediately: true })
      assert.deepStrictEqual(
        approvals.pending(threadId).map(({ question }) => question.method),
        ["item/tool/requestUserInput", "item/tool/call"]
      )
    }).pipe(Effect.provide(Approvals.layerAlways.pipe(Layer.provide(NotificationDelivery.layer))))
  )
})

describe("a question is open", () => {
  it.effect("before anyone hears of a change, and not any more when it is answered", () =>
    Effect.gen(function* () {
      const approvals = yield* Approvals
      const seen: Array<number> = []
      const changed = Effect.sync(() => void seen.push(approvals.pending(threadId).length))
      const asking = yield* Effect.forkChild(
        TurnQuestions.make(approvals, place, changed).fileChange({ itemId: "i" }),
        {
          startImmediately: true
        }
      )
      assert.deepStrictEqual(seen, [1])
      assert.deepStrictEqual(approvals.pending(elsewhere), [])
      const [open] = approvals.pending(threadId)
      assert.isFalse(yield* approvals.answer((open?.id ?? 0) === 0 ? 1 : 0, { _tag: "Error", message: "m" }))
      assert.isTrue(yield* approvals.answer(open?.id ?? -1, { _tag: "Result", result: { decision: "decline" } }))
      assert.strictEqual(yield* Fiber.join(asking), "decline")
      assert.deepStrictEqual(seen, [1, 0])
    }).pipe(Effect.provide(Approvals.layer.pipe(Layer.provide(NotificationDelivery.layer))))
  )

  it.effect("under an id of its own, oldest first", () =>
    Effect.gen(function* () {
      const approvals = yield* Approvals
      const questions = TurnQuestions.make(approvals, place, Effect.void)
      for (const itemId of ["a", "b"]) {
        yield* Effect.forkChild(questions.fileChange({ itemId }), { startImmediately: true })
      }
      const open = approvals.pending(threadId)
      assert.deepStrictEqual<unknown>(
        open.map(({ question }) => ("itemId" in question.params ? question.params.itemId : null)),
        ["a", "b"]
      )
      assert.strictEqual(new Set(open.map(({ id }) => id)).size, 2)
    }).pipe(Effect.provide(Approvals.layer.pipe(Layer.provide(NotificationDelivery.layer))))
  )
})
