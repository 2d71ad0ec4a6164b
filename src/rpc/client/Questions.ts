/**
 * What the server asks the client, and who answers: a handler for each method.
 *
 * Rules it holds: handlers run side by side; a question without a handler is answered with -32601, so the server never
 * waits in vain; a question that is sent again (after a rejoin, or over a new connection) is not handled again, but its
 * answer is sent again; a question that somebody else has answered interrupts its handler.
 */
import { Cause, Effect, type Fiber, FiberSet, Schema, type Scope } from "effect"
import type { RequestId } from "../../domain/Ids.ts"
import { type JsonRecord, own, printExact } from "../../domain/Json.ts"
import { type AnswerOf, type Question, type ServerRequestMethod, ServerRequests } from "../../domain/ServerRequest.ts"
import { fromSchemaError } from "../codex/WireError.ts"
import type { Answer, Conversation } from "./Conversation.ts"
import * as Lenient from "./Lenient.ts"

/** The handler has no answer; the server is told so, in these words. */
export class CannotAnswer extends Schema.TaggedError<CannotAnswer>()("CannotAnswer", { message: Schema.String }) {}

/** What a question of this method is about. */
export type QuestionParams<M extends ServerRequestMethod> = Extract<Question, { readonly method: M }>["params"]

/** Answers questions of one method. */
export type RequestHandler<M extends ServerRequestMethod, R = never> = (
  params: QuestionParams<M>,
  id: RequestId
) => Effect.Effect<AnswerOf<M>, CannotAnswer, R>

/** Answers what the server asks; what has no handler is answered with -32601. */
export type RequestHandlers<R = never> = { readonly [M in ServerRequestMethod]?: RequestHandler<M, R> }

type Run<R> = (raw: JsonRecord, id: RequestId) => Effect.Effect<Answer, never, R>

const refuse = (code: number, type: string, message: string): Answer => ({ error: { code, message, data: { type } } })

/** From params as they came to an answer as it goes. */
const runner = <P, A, R>(
  schemas: { readonly params: Schema.Codec<P, unknown>; readonly result: Schema.Codec<A, unknown> },
  handler: ((params: P, id: RequestId) => Effect.Effect<A, CannotAnswer, R>) | undefined
): Run<R> | undefined => {
  if (handler === undefined) return undefined
  const complete = Lenient.complete(schemas.params)
  const decode = Schema.decodeUnknownEffect(schemas.params)
  const encode = Schema.encodeEffect(schemas.result)
  return (raw, id) =>
    decode(complete(raw)).pipe(
      Effect.mapError((error) => refuse(-32602, "invalidParams", fromSchemaError(error).message)),
      Effect.flatMap((params) =>
        handler(params, id).pipe(
          Effect.mapError(({ message }) => refuse(-32603, "cannotAnswer", message)),
          Effect.flatMap((answer) => Effect.orDie(encode(answer)))
        )
      ),
      Effect.map((result): Answer => ({ result })),
      Effect.catch(Effect.succeed),
      Effect.catchCause((cause) =>
        Cause.hasInterrupts(cause)
          ? Effect.interrupt
          : Effect.as(
              Effect.logError("a handler of the server's questions failed", cause),
              refuse(-32603, "internalError", "the client failed to answer")
            )
      )
    )
}

const runners = <R>(handlers: RequestHandlers<R>) =>
  ({
    "item/commandExecution/requestApproval": runner(
      ServerRequests["item/commandExecution/requestApproval"],
      handlers["item/commandExecution/requestApproval"]
    ),
    "item/fileChange/requestApproval": runner(
      ServerRequests["item/fileChange/requestApproval"],
      handlers["item/fileChange/requestApproval"]
    ),
    "item/permissions/requestApproval": runner(
      ServerRequests["item/permissions/requestApproval"],
      handlers["item/permissions/requestApproval"]
    ),
    "item/tool/requestUserInput": runner(
      ServerRequests["item/tool/requestUserInput"],
      handlers["item/tool/requestUserInput"]
    ),
    "item/tool/call": runner(ServerRequests["item/tool/call"], handlers["item/tool/call"])
  }) satisfies { readonly [M in ServerRequestMethod]: Run<R> | undefined }

interface Asked {
  /** The question in full: an id alone may come again from a server that was started anew. */
  readonly text: string
  answer: Answer | null
  fiber: Fiber.Fiber<void> | null
}

export interface Questions {
  readonly onQuestion: (id: RequestId, method: string, params: JsonRecord) => void
  /** To be told of every notification: some say that a question is settled. */
  readonly onNotification: (method: string, params: JsonRecord) => void
}

/** Answered questions that are remembered, in case they are sent again. */
const remembered = 1024

/** Answers over the connection that there is. */
export const make = Effect.fnUntraced(function* <R>(
  handlers: RequestHandlers<R>,
  current: () => Conversation | null
): Effect.fn.Return<Questions, never, R | Scope.Scope> {
  const known = new Map<string, Run<R> | undefined>(Object.entries(runners(handlers)))
  const start = yield* FiberSet.makeRuntime<R>()
  const asked = new Map<RequestId, Asked>()

  const reply = (id: RequestId, answer: Answer): Effect.Effect<void> =>
    Effect.suspend(() => {
      const conversation = current()
      // Without a connection the answer waits: the server asks again over the next one.
      return conversation === null ? Effect.void : Effect.ignore(conversation.answer(id, answer))
    })

  const remember = (id: RequestId, question: Asked): void => {
    asked.delete(id)
    asked.set(id, question)
    if (asked.size <= remembered) return
    const oldest = Array.from(asked).find(([, { answer }]) => answer !== null)
    if (oldest !== undefined) asked.delete(oldest[0])
  }

  const handle = (run: Run<R>, id: RequestId, text: string, params: JsonRecord): void => {
    const question: Asked = { text, answer: null, fiber: null }
    remember(id, question)
    question.fiber = start(
      Effect.flatMap(run(params, id), (answer) => {
        question.answer = answer
        return reply(id, answer)
      })
    )
  }

  return {
    onQuestion: (id, method, params) => {
      const run = known.get(method)
      if (run === undefined) {
        return void start(reply(id, refuse(-32601, "unknownMethod", `this client does not answer \`${method}\``)))
      }
      const text = printExact([method, params])
      const before = asked.get(id)
      if (before !== undefined && before.text === text) {
        return before.answer === null ? undefined : void start(reply(id, before.answer))
      }
      before?.fiber?.interruptUnsafe()
      handle(run, id, text, params)
    },
    onNotification: (method, params) => {
      if (method !== "serverRequest/resolved") return
      const id = own(params, "requestId")
      if (typeof id !== "string" && typeof id !== "number") return
      asked.get(id)?.fiber?.interruptUnsafe()
      asked.delete(id)
    }
  }
})
