/**
 * Other processes at the same files: what they wrote is seen before anything is added, and what they hold is not taken.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Scope } from "effect"
import { own } from "../../src/domain/Json.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { RolloutBusy } from "../../src/services/RolloutWriter.ts"
import { aitem, am, C, S, script, uitem, um } from "../support/Script.ts"
import * as Fold from "./Fold.ts"
import { connect, isAbout, type LiveClient, type LiveServerOptions, say, server } from "./Server.ts"

const source = script([S("T1"), uitem("one"), um("one"), aitem("a"), am("a"), C("T1")]).build()
const { threadId } = source
const whole = script([
  S("T1"),
  uitem("one"),
  um("one"),
  aitem("a"),
  am("a"),
  C("T1"),
  S("T2"),
  uitem("theirs"),
  um("theirs"),
  C("T2")
])
const theirs = new TextDecoder().decode(whole.build().bytes).slice(new TextDecoder().decode(source.bytes).length)

type ChangedStore = NonNullable<LiveServerOptions["store"]>

const withServer = <A, E>(
  options: LiveServerOptions,
  body: (connected: Effect.Effect<LiveClient>) => Effect.Effect<A, E>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(server({ files: [source], ...options }))
    const scope = yield* Effect.scope
    return yield* body(connect().pipe(Effect.provideContext(context), Scope.provide(scope)))
  }).pipe(Effect.scoped)

const turnIds = (client: LiveClient) =>
  Effect.map(client.ask("thread/read", { threadId, includeTurns: true }), (result) =>
    Fold.seenIn(result).turns.map(({ id }) => id)
  )

describe("another process that writes to a loaded thread", () => {
  /** It does so at the very last moment: after the thread was found unchanged, and before the writer has its lock. */
  const late = (times: number): ChangedStore => {
    let left = times
    return (store, files) => ({
      ...store,
      writer: (ref, options) =>
        Effect.andThen(left-- > 0 ? files.append(ref.path, theirs) : Effect.void, store.writer(ref, options))
    })
  }

  it.effect("is read before a turn is added behind it, and the model sees what it wrote", () => {
    const seen: Array<string> = []
    const agent = Scripted.layer((input) => {
      seen.push(JSON.stringify(input.history))
      return Scripted.message("m", ["ours"])
    })
    return withServer({ agent, store: late(1) }, (connected) =>
      Effect.gen(function* () {
        const client = yield* connected
        yield* client.ask("thread/resume", { threadId })
        yield* client.ask("turn/start", { threadId, input: say("two") })
        yield* client.until(isAbout("turn/completed", threadId))
        const [first, second, third] = yield* turnIds(client)
        assert.deepStrictEqual([first, second], ["T1", "T2"])
        assert.isDefined(third)
        assert.strictEqual(seen.length, 1)
        assert.include(seen[0], "theirs")
      })
    )
  })

  it.effect("again and again: the request is refused, with what to do", () =>
    withServer({ store: late(2) }, (connected) =>
      Effect.gen(function* () {
        const client = yield* connected
        yield* client.ask("thread/resume", { threadId })
        const refused = yield* client.refused("turn/start", { threadId, input: say("two") })
        assert.include(String(own(refused, "message")), "changed by another process just now; try again")
        assert.deepInclude(own(refused, "data"), { type: "threadChanged", threadId })
        yield* client.ask("turn/start", { threadId, input: say("three") })
      })
    )
  )
})

describe("a thread that another process has open", () => {
  const busy = new RolloutBusy({ threadId, path: source.path })
  const held: ChangedStore = (store) => ({
    ...store,
    archive: () => Effect.fail(busy),
    remove: () => Effect.fail(busy)
  })

  for (const method of ["thread/archive", "thread/delete"]) {
    it.effect(`stays loaded when ${method} is refused`, () =>
      withServer({ store: held, agent: Scripted.layer([Scripted.message("m", ["still here"])]) }, (connected) =>
        Effect.gen(function* () {
          const client = yield* connected
          yield* client.ask("thread/resume", { threadId })
          const refused = yield* client.refused(method, { threadId })
          assert.deepInclude(own(refused, "data"), { type: "threadReadOnly", threadId })
          assert.deepStrictEqual(own(yield* client.ask("thread/loaded/list", {}), "data"), [threadId])
          yield* client.ask("turn/start", { threadId, input: say("two") })
          yield* client.until(isAbout("turn/completed", threadId))
        })
      )
    )
  }
})
