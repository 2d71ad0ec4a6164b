/**
 * What must not compile against the native face: an error that nobody handled, a question answered with what is no
 * answer to it. Checked by the type checker; nothing here runs.
 */
import { Effect, type Layer } from "effect"
import type { RpcClientError } from "effect/rpc"
import type { ThreadId } from "../../src/domain/Ids.ts"
import { NativeClient } from "../../src/rpc/native/NativeClient.ts"
import type { Overloaded } from "../../src/rpc/native/NativeError.ts"
import type { InvalidRequest, RolloutStoreError } from "../../src/services/ThreadError.ts"

declare const client: NativeClient["Service"]
declare const threadId: ThreadId

const listed = client.rpc.List({})

/** Everything that listing can fail with, and nothing else. */
export const known: Effect.Effect<
  unknown,
  InvalidRequest | RolloutStoreError | Overloaded | RpcClientError.RpcClientError
> = listed

declare const nothing: (left: never) => void
/** How a program can still fail, and what a layer still needs. */
declare const left: <A, E, R>(program: Effect.Effect<A, E, R>) => E
declare const lacking: <A, E, R>(layer: Layer.Layer<A, E, R>) => R

nothing(
  left(
    listed.pipe(
      Effect.catchTags({
        InvalidRequest: () => Effect.void,
        RolloutStoreError: () => Effect.void,
        Overloaded: () => Effect.void,
        RpcClientError: () => Effect.void
      })
    )
  )
)
const forgotten = listed.pipe(
  Effect.catchTags({
    InvalidRequest: () => Effect.void,
    RolloutStoreError: () => Effect.void,
    RpcClientError: () => Effect.void
  })
)
// @ts-expect-error the connection may be overloaded
nothing(left(forgotten))

// @ts-expect-error there is no such error
export const imagined = Effect.catchTag(listed, "ThreadNotFound", () => Effect.void)

/** An attachment fails like its thread, and when the client is too slow. */
export const behind = Effect.catchTag(client.resume({ threadId }), "FellBehind", ({ position }) =>
  Effect.succeed(position)
)

// @ts-expect-error coming back to a place needs the place
export const nowhere = client.resumeAfter({ threadId })

export const answered = client.rpc.Answer({
  threadId,
  requestId: 1,
  answer: {
    _tag: "Answered",
    // @ts-expect-error this is no answer to that question
    value: { method: "item/tool/call", result: { decision: "accept" } }
  }
})

// @ts-expect-error the handlers are missing
nothing(lacking(NativeClient.layerInProcess))

// @ts-expect-error a setting has its values
export const anyPolicy = client.start({ settings: { approvalPolicy: "whatever" } })

// @ts-expect-error input is made of parts
export const noParts = client.rpc.StartTurn({ threadId, input: "hello" })
