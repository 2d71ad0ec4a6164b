/**
 * The wire as JSON Schema (draft-07, as Codex generates its own): one document for each shape that goes over it, and one
 * bundle of them all. Made from the very schemas that the server decodes and prints by.
 *
 * A document is named after its method: `ThreadResumeParams`, `ThreadResumeResponse`, `TurnStartedNotification`; shapes that
 * several of them share are definitions. Objects are open: a member that is not listed is ignored.
 */
import { JsonSchema, Schema, type SchemaAST } from "effect"
import { RequestId } from "../../domain/Ids.ts"
import { NotificationParams } from "../../domain/Notification.ts"
import { ServerRequests } from "../../domain/ServerRequest.ts"
import { SessionSource, Thread, ThreadStatus } from "../../domain/Thread.ts"
import { ThreadItem, UserInput } from "../../domain/ThreadItem.ts"
import { ApprovalPolicy, SandboxPolicy } from "../../domain/ThreadSettings.ts"
import { ThreadTokenUsage, TokenUsage } from "../../domain/TokenUsage.ts"
import { Turn, TurnError } from "../../domain/Turn.ts"
import { clientNotifications, CodexProtocol } from "./Protocol.ts"
import * as Results from "./Results.ts"
import { WireError } from "./WireError.ts"

/** A JSON Schema document. */
export type SchemaDocument = JsonSchema.JsonSchema

/** The name of the document that holds all others as definitions; Codex's own name for it. */
export const bundleName = "codex_app_server_protocol.schemas"

const onWire = Results.RestoredUsageOnWire.fields.tokenUsage

/** Shapes that have a name of their own in every document. */
const shared: ReadonlyMap<SchemaAST.AST, string> = new Map(
  (
    [
      [RequestId, "RequestId"],
      [Thread, "Thread"],
      [ThreadStatus, "ThreadStatus"],
      [SessionSource, "SessionSource"],
      [Turn, "Turn"],
      [TurnError, "TurnError"],
      [ThreadItem, "ThreadItem"],
      [UserInput, "UserInput"],
      [ApprovalPolicy, "ApprovalPolicy"],
      [SandboxPolicy, "SandboxPolicy"],
      [TokenUsage, "TokenUsageBreakdown"],
      [onWire.fields.total, "TokenUsageBreakdown"],
      [ThreadTokenUsage, "ThreadTokenUsage"],
      [onWire, "ThreadTokenUsage"]
    ] as const
  ).map(([schema, name]): [SchemaAST.AST, string] => [Schema.toCodecJson<Schema.Constraint>(schema).ast, name])
)

// The schemas take a count for any value, because every digit of it is kept; on the wire it is an integer.
const count = { type: "integer" }
const counts: JsonSchema.Definitions = {
  TokenUsageBreakdown: {
    type: "object",
    properties: Object.fromEntries(Object.keys(onWire.fields.total.fields).map((name) => [name, count])),
    required: Object.keys(onWire.fields.total.fields),
    additionalProperties: true
  },
  ThreadTokenUsage: {
    type: "object",
    properties: {
      total: { $ref: "#/definitions/TokenUsageBreakdown" },
      last: { $ref: "#/definitions/TokenUsageBreakdown" },
      modelContextWindow: { anyOf: [count, { type: "null" }] }
    },
    required: ["total", "last", "modelContextWindow"],
    additionalProperties: true
  }
}

interface Shape {
  readonly schema: JsonSchema.JsonSchema
  readonly definitions: JsonSchema.Definitions
}

const shapeOf = (schema: Schema.Constraint): Shape => {
  const document = JsonSchema.toDocumentDraft07(
    Schema.toJsonSchemaDocument(schema, { referencePolicy: ({ ast }) => shared.get(ast) })
  )
  const definitions: JsonSchema.Definitions = { ...document.definitions }
  if (Object.hasOwn(definitions, "ThreadTokenUsage")) Object.assign(definitions, counts)
  else if (Object.hasOwn(definitions, "TokenUsageBreakdown")) {
    Object.assign(definitions, { TokenUsageBreakdown: counts["TokenUsageBreakdown"] })
  }
  return { schema: document.schema, definitions }
}

/** `thread/name/set` as `ThreadNameSet`. */
const pascal = (method: string): string =>
  method.replace(/(?:^|[/_])([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase())

const ref = (name: string) => ({ $ref: `#/definitions/${name}` })

/** A message of this method: its params by reference, and an id where it wants an answer. */
const message = (method: string, params: string, wantsAnswer: boolean): JsonSchema.JsonSchema => ({
  type: "object",
  properties: {
    ...(wantsAnswer ? { id: ref("RequestId") } : {}),
    method: { type: "string", enum: [method] },
    params: ref(params)
  },
  required: [...(wantsAnswer ? ["id"] : []), "method", "params"]
})

const make = (): ReadonlyMap<string, SchemaDocument> => {
  const shapes = new Map<string, Shape>()
  const put = (name: string, schema: Schema.Constraint) => void shapes.set(name, shapeOf(schema))
  const unions: Record<string, Array<JsonSchema.JsonSchema>> = {
    ClientRequest: [],
    ClientNotification: Array.from(clientNotifications, (method) => ({
      type: "object",
      properties: { method: { type: "string", enum: [method] } },
      required: ["method"]
    })),
    ServerNotification: [],
    ServerRequest: []
  }

  put("RequestId", RequestId)
  const { code, data, message: text } = WireError.fields
  put("JSONRPCErrorError", Schema.Struct({ code, message: text, data }))
  for (const [method, rpc] of CodexProtocol.requests) {
    put(`${pascal(method)}Params`, rpc.payloadSchema)
    put(`${pascal(method)}Response`, rpc.successSchema)
    unions["ClientRequest"]?.push(message(method, `${pascal(method)}Params`, true))
  }
  for (const [method, params] of Object.entries<Schema.Constraint>(NotificationParams)) {
    put(`${pascal(method)}Notification`, params)
    unions["ServerNotification"]?.push(message(method, `${pascal(method)}Notification`, false))
  }
  for (const [method, { params, result }] of Object.entries(ServerRequests)) {
    put(`${pascal(method)}Params`, params)
    put(`${pascal(method)}Response`, result)
    unions["ServerRequest"]?.push(message(method, `${pascal(method)}Params`, true))
  }

  const all: JsonSchema.Definitions = {}
  for (const { definitions } of shapes.values()) Object.assign(all, definitions)
  for (const [name, { schema }] of shapes) all[name] ??= schema
  for (const [name, anyOf] of Object.entries(unions)) all[name] = { anyOf }
  const document = (title: string, schema: JsonSchema.JsonSchema, definitions: JsonSchema.Definitions) => ({
    $schema: JsonSchema.META_SCHEMA_URI_DRAFT_07,
    title,
    ...schema,
    ...(Object.keys(definitions).length === 0 ? {} : { definitions })
  })
  return new Map([
    ...Array.from(shapes, ([name, { definitions, schema }]): [string, SchemaDocument] => [
      name,
      document(name, schema, definitions)
    ]),
    ...Object.entries(unions).map(([name, anyOf]): [string, SchemaDocument] => [name, document(name, { anyOf }, all)]),
    [bundleName, document("CodexAppServerProtocol", { type: "object" }, all)]
  ])
}

let made: ReadonlyMap<string, SchemaDocument> | undefined

/** Every document by its name, the bundle last. */
export const documents = (): ReadonlyMap<string, SchemaDocument> => (made ??= make())
