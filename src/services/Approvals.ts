/**
 * Asking the client: an agent or a tool asks, somebody answers.
 *
 * A question goes to all who listen to the thread, and to whoever joins it while it is open; the first
 * answer wins, and then all are told that it is answered. It outlives every connection, but not the turn that
 * asked. A policy may answer instead of a person.
 */
import { Context, Deferred, Effect, Layer, Option, Schema } from "effect"
import type { RequestId, ThreadId } from "../domain/Ids.ts"
import {
  type AnswerOf,
  type Question,
  type ServerRequest,
  type ServerRequestMethod,
  ServerRequests
} from "../domain/ServerRequest.ts"
import { NotificationDelivery } from "./NotificationDelivery.ts"

/** The client answered with an error, or with something that is no answer to the question. */
export class AnswerRefused extends Schema.TaggedError<AnswerRefused>()("AnswerRefused", {
  method: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.method} was not answered: ${this.detail}`
  }
}

/** An answer as a transport brings it. */
export type Answer =
  | { readonly _tag: "Result"; readonly result: unknown }
  | { readonly _tag: "Error"; readonly message: string }

/** Answers in a person's stead; none leaves the question to the person. */
export type Policy = (question: Question) => Effect.Effect<Option.Option<unknown>>

export class Approvals extends Context.Service<
  Approvals,
  {
    /**
     * Asks, and waits for the answer. Interrupting it takes the question back. `changed` is done when the question is
     * open, before anyone is asked, and when it is closed: then `pending` says something else.
     */
    readonly ask: <M extends ServerRequestMethod>(
      question: Extract<Question, { readonly method: M }>,
      changed?: Effect.Effect<void>
    ) => Effect.Effect<AnswerOf<M>, AnswerRefused>
    /** Brings an answer. False when there is no such question (any more): then it is ignored. */
    readonly answer: (id: RequestId, answer: Answer) => Effect.Effect<boolean>
    /** The thread's open questions, oldest first. */
    readonly pending: (threadId: ThreadId) => ReadonlyArray<ServerRequest>
  }
>()("rethread/services/Approvals") {
  /** Every question goes to the clients. */
  static readonly layer: Layer.Layer<Approvals, never, NotificationDelivery> = Layer.effect(
    Approvals,
    Effect.suspend(() => make(() => Effect.succeedNone))
  )

  /** The policy is asked first. */
  static layerPolicy(policy: Policy): Layer.Layer<Approvals, never, NotificationDelivery> {
    return Layer.effect(Approvals, make(policy))
  }

  /** Whatever asks for leave gets it; questions to the user and calls of the client's tools go to the clients. */
  static readonly layerAlways: Layer.Layer<Approvals, never, NotificationDelivery> = Layer.effect(
    Approvals,
    Effect.suspend(() => make(decide("accept")))
  )

  /** Nothing that asks for leave gets it. */
  static readonly layerNever: Layer.Layer<Approvals, never, NotificationDelivery> = Layer.effect(
    Approvals,
    Effect.suspend(() => make(decide("decline")))
  )
}

const decide =
  (decision: "accept" | "decline"): Policy =>
  (question) =>
    Effect.sync(() => {
      switch (question.method) {
        case "item/commandExecution/requestApproval":
        case "item/fileChange/requestApproval":
          return Option.some({ decision })
        case "item/permissions/requestApproval":
          return Option.some({
            permissions: decision === "accept" ? question.params.permissions : {},
            scope: "turn"
          })
        case "item/tool/requestUserInput":
        case "item/tool/call":
          return Option.none()
      }
    })

interface Open {
  readonly request: ServerRequest
  readonly answered: Deferred.Deferred<unknown, AnswerRefused>
}

const make = Effect.fnUntraced(function* (policy: Policy) {
  const delivery = yield* NotificationDelivery
  const open = new Map<RequestId, Open>()
  let asked = 0

  const put = Effect.fnUntraced(function* (question: Question, changed: Effect.Effect<void>) {
    const { threadId } = question.params
    const answered = yield* Deferred.make<unknown, AnswerRefused>()
    const request: ServerRequest = { id: asked++, question }
    const close = Effect.suspend(() => {
      open.delete(request.id)
      return delivery.publish(threadId, {
        method: "serverRequest/resolved",
        params: { threadId, requestId: request.id }
      })
    })
    return yield* Effect.acquireUseRelease(
      Effect.sync(() => open.set(request.id, { request, answered })),
      () => changed.pipe(Effect.andThen(delivery.ask(threadId, request)), Effect.andThen(Deferred.await(answered))),
      () => Effect.andThen(close, changed)
    )
  })

  return Approvals.of({
    ask: Effect.fn("Approvals.ask")(function* <M extends ServerRequestMethod>(
      question: Extract<Question, { readonly method: M }>,
      changed: Effect.Effect<void> = Effect.void
    ): Effect.fn.Return<AnswerOf<M>, AnswerRefused> {
      const decided = yield* policy(question)
      const answer = Option.isSome(decided) ? decided.value : yield* put(question, changed)
      const decode: (u: unknown) => Effect.Effect<AnswerOf<M>, Schema.SchemaError> = Schema.decodeUnknownEffect(
        ServerRequests[question.method].result
      )
      return yield* Effect.mapError(
        decode(answer),
        (error) => new AnswerRefused({ method: question.method, detail: error.message })
      )
    }),
    answer: (id, answer) =>
      Effect.suspend(() => {
        const found = open.get(id)
        if (found === undefined) return Effect.succeed(false)
        const { method } = found.request.question
        return answer._tag === "Result"
          ? Deferred.succeed(found.answered, answer.result)
          : Deferred.fail(found.answered, new AnswerRefused({ method, detail: answer.message }))
      }),
    pending: (threadId) =>
      Array.from(open.values(), ({ request }) => request).filter(
        ({ question }) => question.params.threadId === threadId
      )
  })
})
