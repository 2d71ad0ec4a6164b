/**
 * Runs one turn of a thread.
 *
 * An agent is a function from what the model knows and what the user says to a stream of events. It
 * keeps no state between turns: the thread is the memory. Interrupting the stream ends the turn.
 *
 * Layers: `layers/model/` (a language model and a toolkit), `layers/scripted/` (a list of events, an echo).
 */
import { Context, type Effect, Schema, Stream } from "effect"
import type { AgentEvent } from "../domain/AgentEvent.ts"
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import type { JsonRecord } from "../domain/Json.ts"
import type { UserInput } from "../domain/ThreadItem.ts"
import type { ThreadSettings } from "../domain/ThreadSettings.ts"
import type { TurnQuestions } from "./TurnQuestions.ts"

/** The turn that an agent, or a tool of it, works for. */
export interface TurnIdentity {
  readonly threadId: ThreadId
  readonly turnId: TurnId
  /** Asks the client, or whoever answers in its stead, on behalf of the turn. */
  readonly ask: TurnQuestions
}

/** What an agent is given for one turn. */
export interface TurnInput extends TurnIdentity {
  /** The conversation before this turn, as items of the Responses API, ready to be sent. */
  readonly history: ReadonlyArray<JsonRecord>
  /** What the user says. */
  readonly input: ReadonlyArray<UserInput>
  readonly settings: ThreadSettings
  /**
   * What the user said since the turn began, or since this was last asked; empty most of the time. An agent asks
   * before each step. One that asks is run again, in the same turn, for what comes after it asked last; for one that
   * never does it is kept for the next turn's history.
   */
  readonly steered: Effect.Effect<ReadonlyArray<UserInput>>
}

/** Why a turn failed. `kind` decides what clients are told (`codexErrorInfo`); `message` says what to do. */
export class AgentError extends Schema.TaggedError<AgentError>()("AgentError", {
  kind: Schema.Literals([
    "noModel",
    "unauthorized",
    "badRequest",
    "usageLimitExceeded",
    "rateLimitExceeded",
    "serverOverloaded",
    "internalServerError",
    "connectionFailed",
    "streamDisconnected",
    "contextWindowExceeded",
    "stepLimit",
    "toolFailed",
    "badToolCall",
    "other"
  ]),
  detail: Schema.String,
  /** Status of the HTTP answer where there was one. */
  httpStatus: Schema.NullOr(Schema.Int)
}) {
  override get message(): string {
    return this.detail
  }
}

export class Agent extends Context.Service<
  Agent,
  {
    /** The turn, as it happens. It ends when the turn is complete, and fails when the turn fails. */
    readonly run: (input: TurnInput) => Stream.Stream<AgentEvent, AgentError>
  }
>()("rethread/services/Agent") {}

/**
 * The turn that the current fiber works for; null outside of turns. A tool asks by it:
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { CurrentTurn } from "rethread/services"
 *
 * const mayDelete = Effect.fn("mayDelete")(function* (callId: string, file: string) {
 *   const turn = yield* CurrentTurn
 *   if (turn === null) return false
 *   return (yield* turn.ask.command({ itemId: callId, command: `rm ${file}`, cwd: "/" })) === "accept"
 * })
 * ```
 */
export const CurrentTurn = Context.Reference<TurnIdentity | null>("rethread/services/Agent/CurrentTurn", {
  defaultValue: () => null
})

/** What runs turns where no agent was provided: each fails, and says so. */
export const unconfigured: Agent["Service"] = {
  run: () =>
    Stream.fail(
      new AgentError({
        kind: "noModel",
        detail: "this server has no agent to run turns: provide an Agent layer, or configure a model",
        httpStatus: null
      })
    )
}
