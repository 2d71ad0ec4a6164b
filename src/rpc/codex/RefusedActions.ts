/**
 * What a person may ask for in Codex's terminal client and this server does not do: commands behind `!`, and `/review`.
 *
 * That client ends when such a request fails, and waits for a turn when it does not. So it gets what it can show: a turn that
 * fails at once, told to nobody else and recorded nowhere. Other clients get the error.
 */
import { Clock, Effect, Ref } from "effect"
import { parseThreadId, TurnId } from "../../domain/Ids.ts"
import type { Turn } from "../../domain/Turn.ts"
import { ThreadNotLoaded } from "../../services/ThreadError.ts"
import { Threads } from "../../services/Threads.ts"
import { CurrentRequest } from "./CurrentRequest.ts"
import * as WireError from "./WireError.ts"

const terminalClient = "codex-tui"

const begun = (action: string, seconds: number): Turn => ({
  id: TurnId.make(action),
  rootTurnId: null,
  items: [],
  itemsView: "notLoaded",
  status: "inProgress",
  error: null,
  startedAt: seconds,
  completedAt: null,
  durationMs: null
})

const failed = (turn: Turn, message: string): Turn => ({
  ...turn,
  status: "failed",
  error: { message, codexErrorInfo: "badRequest", additionalDetails: null, misalignment: null },
  completedAt: turn.startedAt,
  durationMs: 0
})

/** The handlers. */
export const make = Effect.gen(function* () {
  const threads = yield* Threads

  /** Refuses the action, in words for a person; the turn that stands for it. */
  const refuse = Effect.fnUntraced(function* (input: string, action: string, reason: string) {
    const { session, afterResponse } = yield* CurrentRequest
    const threadId = yield* Effect.mapError(Effect.fromResult(parseThreadId(input)), WireError.fromThreadError)
    const thread = yield* Effect.mapError(threads.find(threadId), WireError.fromThreadError)
    if (thread === undefined) return yield* WireError.fromThreadError(new ThreadNotLoaded({ threadId }))
    if ((yield* Ref.get(session.client))?.name !== terminalClient) return yield* WireError.refused("", reason)
    const turn = begun(action, Math.floor((yield* Clock.currentTimeMillis) / 1000))
    const { notify } = session.connection
    const running = thread.status().type === "active"
    yield* afterResponse(() =>
      // While a turn runs, the client waits for that one.
      running
        ? notify({ method: "warning", params: { threadId, message: reason } })
        : Effect.andThen(
            notify({ method: "turn/started", params: { threadId, turn } }),
            notify({ method: "turn/completed", params: { threadId, turn: failed(turn, reason) } })
          )
    )
    return { threadId, turn }
  })

  return {
    "thread/shellCommand": (params: { readonly threadId: string }) =>
      Effect.as(
        refuse(
          params.threadId,
          "shell-command",
          "This server runs no shell commands itself: ask the agent, or use a terminal."
        ),
        {}
      ),
    "review/start": (params: { readonly threadId: string }) =>
      Effect.map(
        refuse(params.threadId, "review", "This server has no reviewer: ask the agent to review."),
        ({ threadId, turn }) => ({ turn, reviewThreadId: threadId })
      )
  }
})
