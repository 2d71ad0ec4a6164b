/**
 * A model for scenarios: it answers what the user said, and where a scenario wants to do something in the middle of an
 * answer it stops there until it is told to go on.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Deferred, Effect, Layer, type Scope, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { isRecord } from "../../src/domain/Json.ts"
import * as Mock from "../support/MockResponses.ts"

export interface MockModel {
  readonly baseUrl: string
  /** What it was asked, titles left out. */
  readonly asked: ReadonlyArray<Mock.Asked>
  /** Lets every answer that stopped go on, and those to come not stop at all. */
  readonly goOn: Effect.Effect<void>
}

/** The TUI of 0.169 asks a model for the title of each new thread. */
export const titlePrompt = /^Generate a concise, single-line task title/

/** What is said before an answer stops, and after. The TUI of 0.122 shows whole lines only. */
export const firstHalf = "The first half is here"
export const secondHalf = "and this is the second half"

/** What is said of an answer that fails. */
export const failureMessage = "the mock model is out of order"

const failure = Mock.event("response.failed", {
  response: { id: "resp_failed", error: { code: "server_error", message: failureMessage } }
})

const bodyOf = (text: string): Mock.Asked["body"] => {
  const parsed: unknown = JSON.parse(text)
  return isRecord(parsed) ? parsed : {}
}

/** A model of its own, for as long as the scope lasts. WAIT in a message stops the answer in the middle, HOLD before it; FAIL fails. */
export const make: Effect.Effect<MockModel, never, Scope.Scope> = Effect.gen(function* () {
  const gate = yield* Deferred.make<void>()
  const counted: Array<Mock.Asked> = []
  const answer = (asked: Mock.Asked): Stream.Stream<string> => {
    const said = Mock.lastSaid(asked)
    // Titles do not count, so that figures are the same with every release.
    const isTitle = titlePrompt.test(said)
    const k = isTitle ? 0 : counted.push(asked)
    const around = (events: ReadonlyArray<string>) => [Mock.created(k), ...events, Mock.completed(k)]
    if (isTitle) return Stream.fromIterable(around(Mock.message(k, ['{"title": "Mock title"}'])))
    if (said.includes("FAIL")) return Stream.make(failure)
    const waits = said.includes("WAIT")
    if (!waits && !said.includes("HOLD")) {
      return Stream.fromIterable(around(Mock.message(k, ["You said: ", said.slice(0, 60)])))
    }
    const events = around(Mock.message(k, [`${firstHalf},\n\n`, `${secondHalf}.`]))
    const stop = waits ? events.findIndex((event) => event.includes(secondHalf)) : 1
    const held = Stream.unwrap(Effect.as(Deferred.await(gate), Stream.fromIterable(events.slice(stop))))
    return Stream.concat(Stream.fromIterable(events.slice(0, stop)), held)
  }
  const routes = HttpRouter.add(
    "POST",
    "/v1/responses",
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const asked = { body: bodyOf(yield* request.text), headers: request.headers, url: request.url, at: 0 }
      const stream = Stream.encodeText(Stream.rechunk(answer(asked), 1))
      return HttpServerResponse.stream(stream, { headers: { "content-type": "text/event-stream" } })
    })
  )
  const server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.orDie
  )
  const baseUrl = yield* Effect.provideContext(Mock.baseUrl, yield* Layer.build(Layer.fresh(server)))
  return { baseUrl, asked: counted, goOn: Effect.asVoid(Deferred.succeed(gate, undefined)) }
})
