/**
 * Agents and tools that ask, over the whole server: who is asked, in which order frames come, and what an answer does.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Scope } from "effect"
import { own } from "../../src/domain/Json.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { CurrentTurn, type TurnInput } from "../../src/services/Agent.ts"
import { type AnswerRefused, Approvals } from "../../src/services/Approvals.ts"
import * as Fold from "./Fold.ts"
import { connect, isAbout, type LiveClient, type LiveServerOptions, type Message, say, server } from "./Server.ts"

const question = "item/commandExecution/requestApproval"

/** A turn that calls a tool once it may. */
const careful: Scripted.TurnScript = [
  { _tag: "ToolCall", id: "call-1", name: "shell", arguments: { command: "make" } },
  Scripted.decide((turn) =>
    turn.ask.command({ itemId: "call-1", command: "make", cwd: "/src", reason: "to build" }).pipe(
      Effect.map((decision) => (typeof decision === "string" ? decision : "something richer")),
      Effect.catchTag("AnswerRefused", (error) => Effect.succeed(error.detail)),
      Effect.map((output): Scripted.TurnScript => [
        { _tag: "ToolResult", id: "call-1", output, success: output === "accept" },
        ...Scripted.message("m1", [output])
      ])
    )
  )
]

const withServer = <A, E>(
  options: LiveServerOptions,
  body: (connected: Effect.Effect<LiveClient>) => Effect.Effect<A, E>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(server({ agent: Scripted.layer([careful]), ...options }))
    const scope = yield* Effect.scope
    return yield* body(connect().pipe(Effect.provideContext(context), Scope.provide(scope)))
  }).pipe(Effect.scoped)

const begin = Effect.fnUntraced(function* (client: LiveClient) {
  const { id } = Fold.seenIn(yield* client.ask("thread/start", {}))
  yield* client.ask("turn/start", { threadId: id, input: say("go") })
  return id
})
const asked = (client: LiveClient) =>
  Effect.map(
    client.until((message) => message.kind === "request"),
    (message) => (message.kind === "request" ? message : assert.fail("unreachable"))
  )
const answerOf = (client: LiveClient, threadId: string) =>
  Effect.gen(function* () {
    yield* client.until(isAbout("turn/completed", threadId))
    const { turns } = Fold.seenIn(yield* client.ask("thread/read", { threadId, includeTurns: true }))
    const message = turns.at(-1)?.items.findLast((item) => item.type === "agentMessage")
    return message?.type === "agentMessage" ? message.text : (turns.at(-1)?.status ?? "none")
  })

const short = (message: Message): string => {
  if (message.kind === "result" || message.kind === "error") return message.kind
  const status = own(message.params, "status")
  return message.method === "thread/status/changed" ? `status ${Fold.show(status)}` : message.method
}
const active = (...flags: ReadonlyArray<string>) => `status ${Fold.show({ type: "active", activeFlags: flags })}`

describe("an agent that asks", () => {
  it.effect("waits for the answer, and the thread says so", () =>
    withServer({}, (connected) =>
      Effect.gen(function* () {
        const client = yield* connected
        const threadId = yield* begin(client)
        const { id, params } = yield* asked(client)
        assert.deepInclude(params, {
          kind: "command",
          threadId,
          itemId: "call-1",
          command: "make",
          cwd: "/src",
          reason: "to build",
          availableDecisions: ["accept", "decline", "cancel"]
        })
        yield* client.answer(id, { decision: "accept" })
        assert.strictEqual(yield* answerOf(client, threadId), "accept")
        const frames = client.log.map(short)
        const from = frames.indexOf(active("waitingOnApproval"))
        assert.deepStrictEqual(frames.slice(from, from + 5), [
          active("waitingOnApproval"),
          question,
          "serverRequest/resolved",
          active(),
          "item/completed"
        ])
      })
    )
  )

  it.effect("is answered by whoever comes, after everybody left", () =>
    withServer({}, (connected) =>
      Effect.gen(function* () {
        const first = yield* connected
        const threadId = yield* begin(first)
        const { id } = yield* asked(first)
        yield* first.leave
        const second = yield* connected
        const seen = Fold.seenIn(yield* second.ask("thread/resume", { threadId }))
        assert.deepStrictEqual(seen.status, { type: "active", activeFlags: ["waitingOnApproval"] })
        assert.strictEqual((yield* asked(second)).id, id)
        yield* second.answer(id, { decision: "decline" })
        assert.strictEqual(yield* answerOf(second, threadId), "decline")
      })
    )
  )

  it.effect("is not left waiting when the turn is interrupted", () =>
    withServer({}, (connected) =>
      Effect.gen(function* () {
        const client = yield* connected
        const threadId = yield* begin(client)
        const { params } = yield* asked(client)
        yield* client.ask("turn/interrupt", { threadId, turnId: own(params, "turnId") })
        assert.strictEqual(yield* answerOf(client, threadId), "interrupted")
        const frames = client.log.map(short)
        assert.deepStrictEqual(frames.slice(frames.indexOf("serverRequest/resolved")).slice(0, 2), [
          "serverRequest/resolved",
          active()
        ])
        assert.strictEqual(frames.filter((frame) => frame === question).length, 1)
      })
    )
  )

  const policies: ReadonlyArray<readonly [string, LiveServerOptions["approvals"], string]> = [
    ["always", Approvals.layerAlways, "accept"],
    ["never", Approvals.layerNever, "decline"],
    ["a function", Approvals.layerPolicy(() => Effect.succeedSome({ decision: "cancel" })), "cancel"],
    ["nonsense", Approvals.layerPolicy(() => Effect.succeedSome({ decision: 7 })), "Expected"]
  ]
  for (const [name, approvals, expected] of policies) {
    it.effect(`is answered by a policy: ${name}`, () =>
      withServer({ approvals }, (connected) =>
        Effect.gen(function* () {
          const client = yield* connected
          const threadId = yield* begin(client)
          assert.include(yield* answerOf(client, threadId), expected)
          assert.notInclude(client.log.map(short), question)
        })
      )
    )
  }
})

describe("the other questions", () => {
  const look = { callId: "c", tool: "look", arguments: { at: 1 } }
  const kinds: ReadonlyArray<
    readonly [string, (turn: TurnInput) => Effect.Effect<unknown, AnswerRefused>, object, unknown]
  > = [
    [
      "item/fileChange/requestApproval",
      ({ ask }) => ask.fileChange({ itemId: "c", grantRoot: "/src" }),
      { decision: "acceptForSession" },
      "acceptForSession"
    ],
    [
      "item/permissions/requestApproval",
      ({ ask }) => ask.permissions({ itemId: "c", cwd: "/src", permissions: { network: { enabled: true } } }),
      { permissions: {}, scope: "turn" },
      { permissions: {}, scope: "turn" }
    ],
    [
      "item/tool/requestUserInput",
      ({ ask }) => ask.user("c", [{ id: "q", header: "Colour", question: "Which one?" }]),
      { answers: { q: { answers: ["red"] } } },
      { q: { answers: ["red"] } }
    ],
    [
      "item/tool/call",
      // As a tool of the agent finds it.
      () => Effect.flatMap(CurrentTurn, (turn) => (turn ?? assert.fail("no turn")).ask.tool(look)),
      { contentItems: [], success: true },
      { contentItems: [], success: true }
    ]
  ]
  for (const [method, put, reply, result] of kinds) {
    it.effect(`${method} reaches the client, and its answer the agent`, () => {
      let answer: unknown = null
      const script = Scripted.decide((turn) =>
        put(turn).pipe(
          Effect.tap((given) =>
            Effect.sync(() => {
              answer = given
            })
          ),
          Effect.option,
          Effect.map((given) => Scripted.message("m", [Option.isSome(given) ? "answered" : "refused"]))
        )
      )
      return withServer({ agent: Scripted.layer([[script]]) }, (connected) =>
        Effect.gen(function* () {
          const client = yield* connected
          const threadId = yield* begin(client)
          const request = yield* asked(client)
          assert.strictEqual(request.method, method)
          yield* client.answer(request.id, reply)
          assert.strictEqual(yield* answerOf(client, threadId), "answered")
          assert.deepStrictEqual(answer, result)
        })
      )
    })
  }
})
