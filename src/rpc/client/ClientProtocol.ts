/**
 * The methods of the protocol as a client calls them: names, params and results are those of the server's own RPC
 * group, so a method that is added there is here too. Usage in a result is read into exact counts.
 *
 * Results are read leniently (see `Lenient.ts`), for a genuine server of any release from 0.122 on has fewer members.
 */
import { Effect, Schema } from "effect"
import type { Rpc, RpcGroup } from "effect/rpc"
import { TurnId } from "../../domain/Ids.ts"
import { ThreadTokenUsage, TokenUsage } from "../../domain/TokenUsage.ts"
import { CodexProtocol } from "../codex/Protocol.ts"
import * as Results from "../codex/Results.ts"
import { fromSchemaError } from "../codex/WireError.ts"
import { excerptOf, ProtocolViolation, RequestRefused } from "./ClientError.ts"
import * as Lenient from "./Lenient.ts"

type Requests = RpcGroup.Rpcs<typeof CodexProtocol>

/** What a thread had spent when the client came to it. */
export const RestoredUsage = Schema.Struct({
  /** The turn that the numbers belong to; null when none that is left does. */
  turnId: Schema.NullOr(TurnId),
  tokenUsage: ThreadTokenUsage,
  /** Spent by the source before this thread was forked from it; null when it is no fork, or the server does not say. */
  inherited: Schema.NullOr(TokenUsage)
})
export type RestoredUsage = typeof RestoredUsage.Type

const tokenUsage = Schema.NullOr(RestoredUsage)

// Where a client wants more than the server's own shape says, or another server says more.
const overrides = {
  "thread/resume": Schema.Struct({ ...Results.ThreadResumeResult.fields, tokenUsage }),
  "thread/fork": Schema.Struct({ ...Results.ThreadForkResult.fields, tokenUsage }),
  "thread/start": Schema.Struct({ ...Results.ThreadForkResult.fields, tokenUsage }),
  "thread/read": Schema.Struct({ ...Results.ThreadReadResult.fields, readState: Schema.Unknown, tokenUsage }),
  "thread/list": Schema.Struct({ ...Results.ThreadListResult.fields, readStates: Schema.Unknown })
}
type Overrides = typeof overrides

/** A method that a client may call; the handshake is the client's own. */
export type Method = Exclude<Requests["_tag"], "initialize">

/** What a method is called with. */
export type ParamsOf<M extends Method> = Rpc.Payload<Rpc.ExtractTag<Requests, M>>

/** What a method answers with. */
export type ResultOf<M extends Method> = M extends keyof Overrides
  ? Overrides[M]["Type"]
  : Rpc.Success<Rpc.ExtractTag<Requests, M>>

/** A decoder of answers; what does not fit is a violation that names the place. */
const answerDecoder = <S extends Schema.Codec<unknown, unknown>>(where: string, schema: S) => {
  const complete = Lenient.complete(schema)
  const decode = Schema.decodeUnknownEffect(schema)
  return (raw: unknown): Effect.Effect<S["Type"], ProtocolViolation> =>
    Effect.mapError(decode(complete(raw)), (error) => violation(where, error, raw))
}

/** What a schema found wrong with something that the server sent. */
export const violation = (where: string, error: Schema.SchemaError, raw: unknown): ProtocolViolation =>
  new ProtocolViolation({
    where,
    detail: fromSchemaError(error).message.replace("Invalid params: ", ""),
    excerpt: excerptOf(JSON.stringify(raw, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value)))
  })

const schemaOf = (name: string): Schema.Codec<unknown, unknown> | undefined =>
  Object.entries<Schema.Codec<unknown, unknown>>(overrides).find(([method]) => method === name)?.[1]

const methods = new Map(
  Array.from(CodexProtocol.requests, ([name, rpc]) => [
    name,
    {
      encode: Schema.encodeUnknownEffect(rpc.payloadSchema),
      decode: answerDecoder(name, schemaOf(name) ?? rpc.successSchema)
    }
  ])
)

const unknownMethod = (method: string) => Effect.die(new Error(`no such method: ${method}`))

/** Params as they go over the wire. What the protocol does not allow is refused before it is sent. */
export const encodeParams = <M extends Method>(
  method: M,
  params: ParamsOf<M>
): Effect.Effect<unknown, RequestRefused> => {
  const found = methods.get(method)
  if (found === undefined) return unknownMethod(method)
  return Effect.mapError(found.encode(params), (error) => {
    const { code, data, message } = fromSchemaError(error)
    return new RequestRefused({ method, code, message, type: data.type, data })
  })
}

/** The result of a method, as its schema says. */
export function decodeResult<M extends Method>(method: M, raw: unknown): Effect.Effect<ResultOf<M>, ProtocolViolation>
export function decodeResult(method: string, raw: unknown): Effect.Effect<unknown, ProtocolViolation> {
  return methods.get(method)?.decode(raw) ?? unknownMethod(method)
}

/** The result of `initialize`. */
export const decodeIdentity = answerDecoder("initialize", Results.InitializeResult)
