/**
 * A `LanguageModel` over OpenAI's Responses API, or any server that speaks it.
 *
 * A request that fails before its answer begins, and an answer that breaks off before it has told anything,
 * are asked for again, with growing pauses and only a set number of times. What has been told is never told
 * twice: after that a broken answer is a failure (`streamDisconnected`).
 */
import { Clock, Duration, Effect, Layer, Option, Random, type Redacted, Stream } from "effect"
import { AiError, LanguageModel, OpenAiStructuredOutput, type Response } from "effect/ai"
import { Sse } from "effect/encoding"
import { HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "effect/http"
import * as ItemOptions from "./ItemOptions.ts"
import {
  type FailureKind,
  fromAnswer,
  isTransient,
  kindOfError,
  type ProviderName,
  retryAfterOf,
  toAiReason
} from "./ModelFailure.ts"
import * as ResponsesEvents from "./ResponsesEvents.ts"
import * as ResponsesRequest from "./ResponsesRequest.ts"

/** Where the API is, and how patient to be with it. */
export interface Endpoint extends ProviderName {
  /** Without the last slash; `/responses` is added. */
  readonly baseUrl: string
  readonly apiKey: Option.Option<Redacted.Redacted>
  readonly headers: Readonly<Record<string, string>>
  readonly queryParams: Readonly<Record<string, string>>
  readonly requestMaxRetries: number
  readonly streamMaxRetries: number
  /** How long the provider may be silent, before its answer or within it. */
  readonly idleTimeout: Duration.Duration
}

export interface OpenAiResponsesOptions extends ResponsesRequest.RequestSettings {
  readonly endpoint: Endpoint
}

const FIRST_PAUSE = Duration.millis(200)
const LONGEST_PAUSE = Duration.minutes(1)

/** How long to wait before the next attempt: as asked, or twice as long as before, give or take a fifth. */
const pause = Effect.fnUntraced(function* (attempt: number, asked: Duration.Duration | undefined) {
  if (asked !== undefined) return asked
  const spread = 0.8 + 0.4 * (yield* Random.next)
  return Duration.min(Duration.times(FIRST_PAUSE, 2 ** attempt * spread), LONGEST_PAUSE)
})

/** `Retry-After` in seconds or as a date, or OpenAI's own header in milliseconds. */
const retryAfter = (headers: HttpClientResponse.HttpClientResponse["headers"], now: number) => {
  const millis = Number(headers["retry-after-ms"] ?? Number.NaN)
  if (Number.isFinite(millis) && millis >= 0) return Duration.millis(millis)
  const header = headers["retry-after"]?.trim() ?? ""
  if (/^\d+(\.\d+)?$/.test(header)) return Duration.seconds(Number(header))
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Duration.millis(Math.max(0, date - now))
}

/** Makes the model. Requests run in the fiber of their caller and end with it. */
export const make = Effect.fnUntraced(function* (options: OpenAiResponsesOptions) {
  const { endpoint } = options
  const client = yield* HttpClient.HttpClient

  const fail = (method: string, reason: AiError.AiErrorReason) =>
    AiError.make({ module: "OpenAiResponses", method, reason })
  const broken = (kind: FailureKind, message: string) =>
    fail("streamText", toAiReason({ status: null, code: null, message }, endpoint, kind))

  const describe = (error: HttpClientError.HttpClientError): string => error.reason.description ?? error.reason._tag
  const silent = `it was silent for ${Duration.format(endpoint.idleTimeout)}`

  const send = Effect.fnUntraced(
    function* (request: HttpClientRequest.HttpClientRequest) {
      const response = yield* Effect.mapError(client.execute(request), (error) =>
        broken("connectionFailed", describe(error))
      )
      if (response.status >= 200 && response.status < 300) return response
      const text = yield* Effect.orElseSucceed(response.text, () => "")
      const again = retryAfter(response.headers, yield* Clock.currentTimeMillis)
      return yield* fail("streamText", toAiReason(fromAnswer(response.status, text, again), endpoint))
    },
    (effect) =>
      Effect.timeoutOrElse(effect, {
        duration: endpoint.idleTimeout,
        orElse: () => Effect.fail(broken("connectionFailed", silent))
      })
  )

  const mayRetry = (error: AiError.AiError): boolean =>
    isTransient(kindOfError(error)) && Duration.isLessThanOrEqualTo(retryAfterOf(error) ?? Duration.zero, LONGEST_PAUSE)

  const sendPatiently = (
    request: HttpClientRequest.HttpClientRequest,
    attempt = 0
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, AiError.AiError> =>
    Effect.catchIf(
      send(request),
      (error) => attempt < endpoint.requestMaxRetries && mayRetry(error),
      (error) =>
        pause(attempt, retryAfterOf(error)).pipe(
          Effect.tap((delay) => Effect.logDebug("OpenAiResponses.retry", { attempt, delay, reason: error.message })),
          Effect.flatMap(Effect.sleep),
          Effect.andThen(sendPatiently(request, attempt + 1))
        )
    )

  /** The parts of an answer, up to its end. */
  const read = (
    response: HttpClientResponse.HttpClientResponse
  ): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> =>
    Stream.suspend(() => {
      const reader = ResponsesEvents.make(options.model)
      let events: Array<string> = []
      // `retry:` lines are for clients that reconnect; an answer cannot be taken up again.
      const parser = Sse.makeParser((event) => {
        if (event._tag === "Event") events.push(event.data)
      })
      const take = (text: string): Effect.Effect<ReadonlyArray<Response.StreamPartEncoded>, AiError.AiError> => {
        const error = parser.feed(text)
        if (error !== undefined) return Effect.fail(broken("streamDisconnected", error.message))
        const told: Array<Response.StreamPartEncoded> = []
        const arrived = events
        events = []
        for (const data of arrived) {
          const outcome = reader.read(data)
          if (outcome._tag === "Failed") {
            // What came before the failure in the same chunk has been said.
            const failed = fail("streamText", toAiReason(outcome.failure, endpoint))
            return told.length === 0 ? Effect.fail(failed) : Effect.succeed([...told, { type: "error", error: failed }])
          }
          told.push(...outcome.parts)
        }
        return Effect.succeed(told)
      }
      const cut = Stream.fail(broken("streamDisconnected", "the answer broke off before it was complete"))
      return response.stream.pipe(
        Stream.mapError((error) => broken("streamDisconnected", describe(error))),
        Stream.timeoutOrElse({
          duration: endpoint.idleTimeout,
          orElse: () => Stream.fail(broken("streamDisconnected", silent))
        }),
        Stream.decodeText(),
        Stream.mapEffect(take),
        Stream.flattenIterable,
        Stream.concat(cut),
        Stream.flatMap((part) =>
          part.type === "error" && AiError.isAiError(part.error) ? Stream.fail(part.error) : Stream.succeed(part)
        ),
        Stream.takeUntil((part) => part.type === "finish")
      )
    })

  const ask = (
    request: HttpClientRequest.HttpClientRequest,
    attempt = 0
  ): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> =>
    Stream.suspend(() => {
      let opened = false
      let told = false
      return Stream.unwrap(
        Effect.map(sendPatiently(request), (response) => {
          opened = true
          return read(response)
        })
      ).pipe(
        Stream.tap((part) =>
          Effect.sync(() => {
            told ||= part.type !== "response-metadata"
          })
        ),
        Stream.catch((error) =>
          opened && !told && attempt < endpoint.streamMaxRetries && mayRetry(error)
            ? Stream.unwrap(
                pause(attempt, retryAfterOf(error)).pipe(
                  Effect.flatMap(Effect.sleep),
                  Effect.as(ask(request, attempt + 1))
                )
              )
            : Stream.fail(error)
        )
      )
    })

  const streamText = (asked: LanguageModel.ProviderOptions) =>
    HttpClientRequest.post(`${endpoint.baseUrl}/responses`).pipe(
      HttpClientRequest.setUrlParams(endpoint.queryParams),
      HttpClientRequest.setHeaders({ ...endpoint.headers, accept: "text/event-stream" }),
      Option.match(endpoint.apiKey, {
        onNone: () => (request: HttpClientRequest.HttpClientRequest) => request,
        onSome: (key) => HttpClientRequest.bearerToken(key)
      }),
      HttpClientRequest.bodyJsonUnsafe(ResponsesRequest.body(options, asked)),
      (request) => ask(request)
    )

  return yield* LanguageModel.make({
    streamText,
    generateText: (asked) => Effect.map(Stream.runCollect(streamText(asked)), wholeParts),
    codecTransformer: OpenAiStructuredOutput.toCodecOpenAI,
    supportsSystemMessagesInHistory: Effect.succeed(true)
  })
})

/** Streamed parts put together: one part an item. */
const wholeParts = (parts: ReadonlyArray<Response.StreamPartEncoded>): Array<Response.PartEncoded> => {
  const said = new Map<string, string>()
  return parts.flatMap((part): Array<Response.PartEncoded> => {
    switch (part.type) {
      case "text-delta":
      case "reasoning-delta":
        said.set(part.id, (said.get(part.id) ?? "") + part.delta)
        return []
      case "text-end":
        return [{ type: "text", text: said.get(part.id) ?? "", metadata: part.metadata ?? ItemOptions.make({}) }]
      case "reasoning-end":
        return [{ type: "reasoning", text: said.get(part.id) ?? "", metadata: part.metadata ?? ItemOptions.make({}) }]
      case "tool-call":
      case "response-metadata":
      case "finish":
        return [part]
      default:
        return []
    }
  })
}

/** The model as a layer. */
export const layer = (
  options: OpenAiResponsesOptions
): Layer.Layer<LanguageModel.LanguageModel, never, HttpClient.HttpClient> =>
  Layer.effect(LanguageModel.LanguageModel, make(options))
