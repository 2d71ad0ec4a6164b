/**
 * The methods that change a thread: turns, names, the archive.
 *
 * What a request brings about is told to its own client after its response: until then the thread's
 * events are held back from that connection.
 */
import { Effect, type Scope } from "effect"
import { parseThreadId, type ThreadId } from "../../domain/Ids.ts"
import { NotificationDelivery } from "../../services/NotificationDelivery.ts"
import { ThreadCommands } from "../../services/ThreadCommands.ts"
import type { ThreadError } from "../../services/ThreadError.ts"
import { CurrentRequest, requireExperimental } from "./CurrentRequest.ts"
import * as Overrides from "./Overrides.ts"
import {
  type ThreadMetadataUpdateParams,
  type ThreadSettingsUpdateParams,
  type TurnStartParams,
  userInput
} from "./Params.ts"
import * as Results from "./Results.ts"
import * as WireError from "./WireError.ts"

/**
 * These methods' handlers.
 *
 * @internal
 */
export const make = Effect.gen(function* () {
  const commands = yield* ThreadCommands
  const delivery = yield* NotificationDelivery

  const on = Effect.fnUntraced(function* <A>(
    input: string,
    command: (threadId: ThreadId) => Effect.Effect<A, ThreadError>
  ) {
    const threadId = yield* Effect.mapError(Effect.fromResult(parseThreadId(input)), WireError.fromThreadError)
    const { session } = yield* CurrentRequest
    yield* delivery.hold(session.connection, threadId)
    return yield* Effect.mapError(command(threadId), WireError.fromThreadError)
  })
  /** The same for a method that answers with a snapshot: only what comes after that is held back. */
  const onSnapshot = Effect.fnUntraced(function* <A, R>(
    input: string,
    command: (threadId: ThreadId, hold: Effect.Effect<void, never, Scope.Scope>) => Effect.Effect<A, ThreadError, R>
  ) {
    const threadId = yield* Effect.mapError(Effect.fromResult(parseThreadId(input)), WireError.fromThreadError)
    const { session } = yield* CurrentRequest
    const hold = delivery.hold(session.connection, threadId)
    return yield* Effect.mapError(command(threadId, hold), WireError.fromThreadError)
  })
  const done = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.as(effect, {})

  return {
    "turn/start": Effect.fnUntraced(function* (params: TurnStartParams) {
      const overrides = yield* Overrides.fromTurn(params)
      const turn = yield* on(params.threadId, (threadId) =>
        commands.startTurn({
          threadId,
          input: userInput(params.input),
          clientMessageId: params.clientUserMessageId ?? null,
          overrides
        })
      )
      return { turn }
    }),
    "thread/settings/update": Effect.fnUntraced(function* (params: ThreadSettingsUpdateParams) {
      yield* requireExperimental("thread/settings/update")
      const named = yield* Overrides.fromTurn(params)
      // That there is none is remembered by a name, as Codex does: without one the configuration would decide again.
      const overrides = params.serviceTier === null ? { ...named, serviceTier: "default" } : named
      return yield* done(on(params.threadId, (threadId) => commands.changeSettings(threadId, overrides)))
    }),
    "turn/steer": (params: {
      readonly threadId: string
      readonly input: TurnStartParams["input"]
      readonly clientUserMessageId?: string | null
      readonly expectedTurnId: string
    }) =>
      on(params.threadId, (threadId) =>
        Effect.map(
          commands.steer(threadId, params.expectedTurnId, userInput(params.input), params.clientUserMessageId ?? null),
          (turnId) => ({ turnId })
        )
      ),
    "turn/interrupt": (params: { readonly threadId: string; readonly turnId: string }) =>
      done(on(params.threadId, (threadId) => commands.interrupt(threadId, params.turnId))),
    "thread/rollback": (params: { readonly threadId: string; readonly numTurns: number }) =>
      onSnapshot(params.threadId, (threadId, hold) =>
        Effect.map(commands.rollback(threadId, params.numTurns, hold), (snapshot) =>
          Results.threadAlone(snapshot, { withTurns: true })
        )
      ),
    "thread/revert": (params: { readonly threadId: string; readonly beforeTurnId: string }) =>
      onSnapshot(params.threadId, (threadId, hold) =>
        Effect.map(commands.revert(threadId, params.beforeTurnId, hold), Results.threadRevert)
      ),
    "thread/compact/start": (params: { readonly threadId: string }) => done(on(params.threadId, commands.compact)),
    "thread/inject_items": (params: { readonly threadId: string; readonly items: ReadonlyArray<unknown> }) =>
      done(on(params.threadId, (threadId) => commands.inject(threadId, params.items))),
    "thread/name/set": (params: { readonly threadId: string; readonly name: string }) =>
      done(on(params.threadId, (threadId) => commands.setName(threadId, params.name))),
    "thread/metadata/update": (params: ThreadMetadataUpdateParams) =>
      onSnapshot(params.threadId, (threadId, hold) =>
        Effect.map(commands.setGit(threadId, params.gitInfo ?? null, hold), (snapshot) =>
          Results.threadAlone(snapshot, { withTurns: false })
        )
      ),
    "thread/archive": (params: { readonly threadId: string }) => done(on(params.threadId, commands.archive)),
    "thread/unarchive": (params: { readonly threadId: string }) =>
      on(params.threadId, (threadId) =>
        Effect.map(commands.unarchive(threadId), (snapshot) => Results.threadAlone(snapshot, { withTurns: false }))
      ),
    "thread/delete": (params: { readonly threadId: string }) => done(on(params.threadId, commands.remove))
  }
})
