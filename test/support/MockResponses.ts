/**
 * A stand-in for the Responses API, in this process: as an `HttpClient` (for tests that turn the clock) and as a server
 * on loopback (for tests of sockets). The last thing that the user said chooses what it does, see `respond`.
 */
import { Clock, Context, Deferred, Effect, Layer, Option, Ref, Stream } from "effect"
import {
  HttpClient,
  HttpClientResponse,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import { list, text } from "../../src/domain/OpenRecord.ts"

/** A request as it arrived. */
export interface Asked {
  readonly body: JsonRecord
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly url: string
  /** By the clock of the test. */
  readonly at: number
}

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** The body, in pieces. */
  readonly pieces: ReadonlyArray<string>
  /** After them: nothing more, ever (`hang`), or a connection that breaks (`cut`). */
  readonly after?: "hang" | "cut"
}

/** Answers the `call`-th request, counted from 1. */
export type Respond = (asked: Asked, call: number) => Answer

export class MockResponses extends Context.Service<
  MockResponses,
  {
    /** Every request so far. */
    readonly asked: Effect.Effect<ReadonlyArray<Asked>>
    /** Done when a connection whose answer hangs is closed by the client. */
    readonly closed: Deferred.Deferred<void>
    /** The server cuts an answer when this is done: what it said before has then arrived. */
    readonly heard: Deferred.Deferred<void>
    readonly answer: (asked: Asked) => Effect.Effect<Answer>
  }
>()("rethread/test/support/MockResponses") {}

export const event = (type: string, fields: JsonRecord = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

/** The usage of the k-th call: input 1000+k (100 cached), output 50+k (5 reasoning). */
const usageOf = (k: number): JsonRecord => ({
  input_tokens: 1000 + k,
  input_tokens_details: { cached_tokens: 100 },
  output_tokens: 50 + k,
  output_tokens_details: { reasoning_tokens: 5 },
  total_tokens: 1050 + 2 * k
})

export const created = (k: number): string => event("response.created", { response: { id: `resp_${k}` } })
export const completed = (k: number, usage: unknown = usageOf(k)): string =>
  event("response.completed", { response: { id: `resp_${k}`, usage } })

/** A message, streamed in words. */
export const message = (k: number, words: ReadonlyArray<string>, phase?: string): ReadonlyArray<string> => {
  const item = { type: "message", role: "assistant", id: `msg_${k}`, content: [] }
  return [
    event("response.output_item.added", { output_index: 0, item: { ...item, status: "in_progress" } }),
    ...words.map((delta) =>
      event("response.output_text.delta", { item_id: item.id, output_index: 0, content_index: 0, delta })
    ),
    event("response.output_item.done", {
      output_index: 0,
      item: { ...item, phase, status: "completed", content: [{ type: "output_text", text: words.join("") }] }
    })
  ]
}

/** Reasoning of two paragraphs. */
export const reasoning = (k: number): ReadonlyArray<string> => {
  const id = `rs_${k}`
  const delta = (summary_index: number, delta: string) =>
    event("response.reasoning_summary_text.delta", { item_id: id, output_index: 0, summary_index, delta })
  const summary = ["**Thinking** hard", "**Done**"].map((text) => ({ type: "summary_text", text }))
  return [
    event("response.output_item.added", { output_index: 0, item: { type: "reasoning", id, summary: [] } }),
    delta(0, "**Thinking**"),
    delta(0, " hard"),
    delta(1, "**Done**"),
    event("response.output_item.done", {
      output_index: 0,
      item: { type: "reasoning", id, summary, encrypted_content: "bW9jaw==" }
    })
  ]
}

export const call = (k: number, callId: string, name: string, args: string): string =>
  event("response.output_item.done", {
    output_index: 0,
    item: { type: "function_call", id: `fc_${k}`, call_id: callId, name, arguments: args }
  })

export const failure = (status: number, error: JsonRecord, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers,
  pieces: [JSON.stringify({ error })]
})

/** What the user said last. */
export const lastSaid = (asked: Asked): string => {
  const users = list(asked.body, "input")
    .filter(isRecord)
    .filter((item) => text(item, "role") === "user")
  const content = users.at(-1)
  return content === undefined
    ? ""
    : list(content, "content")
        .map((part) => (isRecord(part) ? (text(part, "text") ?? "") : ""))
        .join(" ")
}

const hasOutput = (asked: Asked): boolean =>
  list(asked.body, "input").some((item) => isRecord(item) && own(item, "type") === "function_call_output")

/**
 * REASON thinks first, TOOL calls `shell` once, FAIL answers HTTP 500, CUT breaks off in the middle of the answer, SLOW
 * never ends it, NOUSAGE says no usage; all else is answered in words.
 */
export const respond: Respond = (asked, k) => {
  const said = lastSaid(asked)
  const is = (word: string) => said.includes(word)
  if (is("FAIL")) return failure(500, { message: "mock failure" })
  const usage = is("NOUSAGE") ? null : usageOf(k)
  const start = [created(k), ...(is("REASON") ? reasoning(k) : [])]
  if (is("TOOL") && !hasOutput(asked)) {
    return { pieces: [...start, call(k, "call_1", "shell", '{"command": "echo hi"}'), completed(k, usage)] }
  }
  const words = message(k, ["Mock ", "reply ", "number ", String(k), "."])
  if (is("CUT")) return { pieces: [...start, ...words.slice(0, 3)], after: "cut" }
  if (is("SLOW")) return { pieces: [...start, ...words.slice(0, 3)], after: "hang" }
  return { pieces: [...start, ...words, completed(k, usage)] }
}

const layerState = (respond: Respond): Layer.Layer<MockResponses> =>
  Layer.effect(
    MockResponses,
    Effect.gen(function* () {
      const asked = yield* Ref.make<ReadonlyArray<Asked>>([])
      const closed = yield* Deferred.make<void>()
      const heard = yield* Deferred.make<void>()
      return MockResponses.of({
        asked: Ref.get(asked),
        closed,
        heard,
        answer: (next) =>
          Effect.map(
            Ref.updateAndGet(asked, (before) => [...before, next]),
            (all) => respond(next, all.length)
          )
      })
    })
  )

const parseBody = (body: string): JsonRecord =>
  Option.getOrElse(
    Option.filter(Option.liftThrowable((json: string): unknown => JSON.parse(json))(body), isRecord),
    (): JsonRecord => ({})
  )

const encode = (pieces: ReadonlyArray<string>) => Stream.encodeText(Stream.rechunk(Stream.fromIterable(pieces), 1))

/** The API as an `HttpClient`. An answer that is `cut` ends there. */
export const layerClient = (behaviour: Respond = respond): Layer.Layer<MockResponses | HttpClient.HttpClient> =>
  Layer.provideMerge(
    Layer.effect(
      HttpClient.HttpClient,
      Effect.gen(function* () {
        const mock = yield* MockResponses
        return HttpClient.make((request, url) =>
          Effect.gen(function* () {
            const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
            const at = yield* Clock.currentTimeMillis
            const answer = yield* mock.answer({ body: parseBody(body), headers: request.headers, url: url.href, at })
            const bytes = encode(answer.pieces)
            const stream = answer.after === "hang" ? Stream.concat(bytes, Stream.never) : bytes
            const init = { status: answer.status ?? 200, headers: answer.headers ?? {} }
            return HttpClientResponse.fromWeb(request, new Response(Stream.toReadableStream(stream), init))
          })
        )
      })
    ),
    layerState(behaviour)
  )

/** The API as a server; give it an `HttpServer`. */
export const layerServer = (behaviour: Respond = respond): Layer.Layer<MockResponses, never, HttpServer.HttpServer> =>
  HttpRouter.serve(
    HttpRouter.add(
      "POST",
      "/v1/responses",
      Effect.gen(function* () {
        const mock = yield* MockResponses
        const request = yield* HttpServerRequest.HttpServerRequest
        const at = yield* Clock.currentTimeMillis
        const body = parseBody(yield* request.text)
        const answer = yield* mock.answer({ body, headers: request.headers, url: request.url, at })
        const bytes = encode(answer.pieces)
        const hanging = Stream.ensuring(Stream.never, Deferred.succeed(mock.closed, undefined))
        const stream =
          answer.after === "hang"
            ? Stream.concat(bytes, hanging)
            : answer.after === "cut"
              ? Stream.concat(bytes, Stream.unwrap(Effect.as(Deferred.await(mock.heard), Stream.fail("cut" as const))))
              : bytes
        return HttpServerResponse.stream(stream, {
          status: answer.status ?? 200,
          headers: { "content-type": "text/event-stream", ...answer.headers }
        })
      })
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(Layer.provideMerge(layerState(behaviour)))

/** Where the server listens. */
export const baseUrl: Effect.Effect<string, never, HttpServer.HttpServer> = HttpServer.addressFormattedWith((address) =>
  Effect.succeed(`${address.replace("0.0.0.0", "127.0.0.1")}/v1`)
)
