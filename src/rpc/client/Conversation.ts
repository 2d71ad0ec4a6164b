/**
 * One connection of a client: requests and their answers by id, and everything else to those who listen.
 *
 * Rules it holds: every request is answered or fails when the connection ends; frames are taken in the order of the
 * wire, and a hook on an answer runs before the next frame is looked at, so nothing that follows an answer is missed; a
 * call that is interrupted is forgotten, and its answer, when it comes, is nobody's.
 */
import { Cause, Deferred, Effect, Exit, Result, type Scope } from "effect"
import type { RequestId } from "../../domain/Ids.ts"
import { type JsonRecord, own, printExact } from "../../domain/Json.ts"
import { type CallError, ConnectionLost, excerptOf, isConnectionLost, RequestRefused } from "./ClientError.ts"
import * as ServerFrame from "./ServerFrame.ts"
import type { Wire } from "./Wire.ts"

/** What becomes of an answer, besides going to the caller; called by the reader, between two frames. */
export interface AnswerHooks {
  /** The result is here, and nothing after it has been read. */
  readonly onResult: (result: unknown) => void
  /** The result is here, but the call was interrupted. */
  readonly onLateResult: (result: unknown) => void
}

/** Whom a conversation tells what was not asked for; called by the reader, between two frames. */
export interface Listener {
  readonly onNotification: (method: string, params: JsonRecord) => void
  readonly onQuestion: (id: RequestId, method: string, params: JsonRecord) => void
  /** The connection is gone; the calls that are open are told next. */
  readonly onLost: () => void
}

export interface Conversation {
  /** Asks, and waits for the answer. */
  readonly call: (method: string, params: unknown, hooks?: AnswerHooks) => Effect.Effect<unknown, CallError>
  readonly notify: (method: string) => Effect.Effect<void, ConnectionLost>
  /** Answers a question of the server. */
  readonly answer: (id: RequestId, answer: Answer) => Effect.Effect<void, ConnectionLost>
  /** Completes when the connection is gone. */
  readonly lost: Effect.Effect<ConnectionLost>
}

/** An answer to a question of the server: `{ result }` or `{ error }`. */
export type Answer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: JsonRecord } }

interface Pending {
  readonly method: string
  readonly answered: Deferred.Deferred<unknown, CallError>
  readonly hooks: AnswerHooks | undefined
  abandoned: boolean
}

const refusal = (method: string, error: JsonRecord): RequestRefused => {
  const code = own(error, "code")
  const message = own(error, "message")
  const data = own(error, "data") ?? null
  const type = typeof data === "object" && data !== null && "type" in data ? data.type : null
  return new RequestRefused({
    method,
    code: typeof code === "number" && Number.isSafeInteger(code) ? code : 0,
    message: typeof message === "string" ? message : "the server gave no reason",
    type: typeof type === "string" ? type : null,
    data
  })
}

const closedHere = new ConnectionLost({ reason: "closed", detail: "this client was closed", code: null })

const lossOf = (cause: Cause.Cause<ConnectionLost>): ConnectionLost => {
  const failure = Cause.squash(cause)
  if (isConnectionLost(failure)) return failure
  return Cause.hasInterruptsOnly(cause)
    ? closedHere
    : new ConnectionLost({ reason: "failed", detail: Cause.pretty(cause), code: null })
}

/** Speaks over a wire until it is closed, or the scope is. */
export const make = Effect.fnUntraced(function* (
  wire: Wire,
  listener: Listener
): Effect.fn.Return<Conversation, never, Scope.Scope> {
  const pending = new Map<RequestId, Pending>()
  const lost = yield* Deferred.make<ConnectionLost>()
  let end: ConnectionLost | null = null
  let ids = 0

  const take = (text: string): Effect.Effect<void, ConnectionLost> => {
    const read = ServerFrame.read(text)
    if (Result.isFailure(read)) {
      const { message } = read.failure
      return Effect.fail(new ConnectionLost({ reason: "violated", detail: message, code: null }))
    }
    const frame = read.success
    switch (frame._tag) {
      case "Notification":
        listener.onNotification(frame.method, frame.params)
        return Effect.void
      case "Question":
        listener.onQuestion(frame.id, frame.method, frame.params)
        return Effect.void
      case "Result":
      case "Error":
        return takeAnswer(frame, text)
    }
  }

  const takeAnswer = (
    frame: Extract<ServerFrame.ServerFrame, { readonly _tag: "Result" | "Error" }>,
    text: string
  ): Effect.Effect<void> => {
    const asked = frame.id === null ? undefined : pending.get(frame.id)
    if (frame.id === null || asked === undefined) {
      return Effect.logWarning("an answer that nobody waits for was ignored", excerptOf(text))
    }
    pending.delete(frame.id)
    if (frame._tag === "Error") {
      Deferred.doneUnsafe(asked.answered, Exit.fail(refusal(asked.method, frame.error)))
    } else {
      if (asked.abandoned) asked.hooks?.onLateResult(frame.result)
      else asked.hooks?.onResult(frame.result)
      Deferred.doneUnsafe(asked.answered, Exit.succeed(frame.result))
    }
    return Effect.void
  }

  const finish = (cause: Cause.Cause<ConnectionLost>) =>
    Effect.sync(() => {
      const loss = lossOf(cause)
      end = loss
      listener.onLost()
      const open = Array.from(pending.values())
      pending.clear()
      for (const { answered } of open) Deferred.doneUnsafe(answered, Exit.fail(loss))
      Deferred.doneUnsafe(lost, Exit.succeed(loss))
    })

  yield* Effect.forever(Effect.flatMap(wire.receive, Effect.forEach(take, { discard: true }))).pipe(
    Effect.onExit((exit) => (Exit.isFailure(exit) ? finish(exit.cause) : Effect.void)),
    Effect.ignoreCause,
    Effect.forkScoped({ startImmediately: true })
  )

  const send = (message: JsonRecord): Effect.Effect<void, ConnectionLost> =>
    Effect.suspend(() => {
      if (end !== null) return Effect.fail(end)
      const sending = wire.send(printExact(message))
      // A wire that takes no more is not left waiting when the connection ends.
      return Effect.raceFirst(sending, Effect.flatMap(Deferred.await(lost), Effect.fail))
    })

  const call: Conversation["call"] = (method, params, hooks) =>
    Effect.suspend(() => {
      const id = ++ids
      const asked: Pending = { method, answered: Deferred.makeUnsafe(), hooks, abandoned: false }
      pending.set(id, asked)
      const forget = Effect.sync(() => {
        asked.abandoned = true
        if (hooks === undefined) pending.delete(id)
      })
      return send({ id, method, params }).pipe(
        Effect.tapError(() => Effect.sync(() => pending.delete(id))),
        Effect.andThen(Deferred.await(asked.answered)),
        Effect.onInterrupt(() => forget)
      )
    })

  return {
    call,
    notify: (method) => send({ method }),
    answer: (id, answer) => send({ id, ...answer }),
    lost: Deferred.await(lost)
  }
})
