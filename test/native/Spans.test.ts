/**
 * Spans of the native face: one a request for a tracer that is there when the server is made, and none for nobody.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Tracer } from "effect"
import * as World from "./support/World.ts"

/** A tracer that notes the names of the native face's spans. */
const noting = () => {
  const names: Array<string> = []
  const span: Tracer.Tracer["span"] = (options) => {
    if (options.name.startsWith("native.")) names.push(`${options.kind} ${options.name}`)
    return new Tracer.NativeSpan(options)
  }
  return { names, traced: Layer.succeed(Tracer.Tracer, Tracer.make({ span })) }
}

const requests = Effect.gen(function* () {
  const client = yield* yield* World.overWebSocket
  yield* client.rpc.Loaded()
  yield* client.start({ ephemeral: true })
})

it.live("a tracer is told of each request, at both its ends", () =>
  Effect.gen(function* () {
    const { names, traced } = noting()
    yield* requests.pipe(Effect.scoped, Effect.provide(Layer.provideMerge(World.world(), traced)))
    assert.deepStrictEqual(
      new Set(names),
      new Set(["client native.Loaded", "server native.Loaded", "client native.Start", "server native.Start"])
    )
  })
)

it.live("a server that was made without one makes no spans", () =>
  Effect.gen(function* () {
    const { names, traced } = noting()
    yield* Effect.gen(function* () {
      const world = yield* Layer.build(World.world())
      yield* requests.pipe(Effect.provide(traced), Effect.provideContext(world))
    }).pipe(Effect.scoped)
    assert.deepStrictEqual(
      names.filter((name) => name.startsWith("server")),
      []
    )
    assert.isNotEmpty(names)
  })
)
