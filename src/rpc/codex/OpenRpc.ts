/**
 * The wire as one OpenRPC document: every request, notification and question, with params, results and errors.
 *
 * It is made from the JSON Schemas (`JsonSchemas`), which are made from the schemas that the server works by. Params are by
 * name. What OpenRPC has no word for is said by `x-direction`: who sends the method. A method without a result is a
 * notification.
 */
import { isRecord, type JsonRecord as JsonObject } from "../../domain/Json.ts"
import { ThreadError } from "../../services/ThreadError.ts"
import { maxDepth, maxFrameBytes } from "./Frame.ts"
import * as JsonSchemas from "./JsonSchemas.ts"
import { summaryOf } from "./MethodSummaries.ts"
import { protocolVersion } from "./Protocol.ts"
import * as WireError from "./WireError.ts"

type Direction = "clientToServer" | "serverToClient"

const at = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((inner, key) => (isRecord(inner) ? inner[key] : undefined), value)
const recordAt = (value: unknown, ...path: ReadonlyArray<string>): JsonObject => {
  const found = at(value, ...path)
  return isRecord(found) ? found : {}
}
const listAt = (value: unknown, ...path: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

/** Where a reference of the bundle leads in this document. */
const moved = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(moved)
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "$ref" && typeof inner === "string"
        ? inner.replace("#/definitions/", "#/components/schemas/")
        : moved(inner)
    ])
  )
}

const definitions = recordAt(JsonSchemas.documents().get(JsonSchemas.bundleName), "definitions")

/** A definition. The schema of a struct without members takes all but null; on the wire it is an object. */
const definition = (name: string): JsonObject => {
  const found = recordAt(definitions, name)
  return at(found, "not", "type") === "null" ? { type: "object" } : recordAt({ moved: moved(found) }, "moved")
}

/** One content descriptor for each member: params are by name. */
const paramsOf = (name: string): ReadonlyArray<JsonObject> => {
  const schema = definition(name)
  const required = listAt(schema, "required")
  const members = Object.entries(recordAt(schema, "properties")).map(([member, of]) => ({
    name: member,
    required: required.includes(member),
    schema: of
  }))
  // A reader may take them by position all the same; those that may be missing come last.
  return [...members.filter((member) => member.required), ...members.filter((member) => !member.required)]
}

const errorOf = ({ code, data, message }: WireError.WireError): JsonObject => ({ code, message, data })

/** About the frame, before any method is known. */
const ofFrames: ReadonlyArray<WireError.WireError> = [
  WireError.malformedJson,
  WireError.invalidUtf8,
  WireError.tooDeep(maxDepth),
  WireError.frameTooLarge(maxFrameBytes),
  WireError.binaryFrame,
  WireError.invalidRequest("notAnObject", "a message is a JSON object"),
  WireError.invalidRequest("batchUnsupported", "batches are not supported; send one object a frame"),
  WireError.invalidRequest("missingMethod", "missing field `method`"),
  WireError.invalidRequest("invalidMethod", "`method` must be a string"),
  WireError.invalidRequest("invalidId", "`id` must be a string or an integer below 2^53")
]
const unknownMethod = { code: -32601, message: "Method not found", data: { type: "unknownMethod" } }

const ofRequests: ReadonlyArray<WireError.WireError> = [
  WireError.invalidParams("", "a member is missing, or of another type"),
  WireError.refused("", "the request cannot be done as it stands"),
  WireError.overloaded,
  WireError.internalError,
  WireError.shuttingDown
]
const ofHandshake: ReadonlyArray<WireError.WireError> = [WireError.alreadyInitialized, WireError.invalidClientName("…")]
const afterHandshake: ReadonlyArray<WireError.WireError> = [WireError.notInitialized]
/** As a whole, or with some of their params. */
const experimental = new Set(["thread/search", "thread/resume", "thread/fork", "thread/settings/update"])
const ofExperiments: ReadonlyArray<WireError.WireError> = [WireError.experimentalRequired("…")]
const invalidCursor = { code: -32600, message: "invalid cursor", data: { type: "invalidCursor" } }

/** `ThreadNotFound` goes out as `threadNotFound`. A store that fails is the server's fault, the rest the request's. */
const ofThreads = ThreadError.members.map(({ fields }) => {
  const tag = fields._tag.schema.literal
  const words = tag.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return {
    code: tag === "RolloutStoreError" ? -32603 : -32600,
    message: words,
    data: { type: `${tag.slice(0, 1).toLowerCase()}${tag.slice(1)}` }
  }
})

const typeOf = (error: JsonObject): string => String(at(error, "data", "type"))
const requestErrors = (method: string, params: ReadonlyArray<JsonObject>): ReadonlyArray<JsonObject> => [
  ...ofRequests.map(errorOf),
  ...(method === "initialize" ? ofHandshake : afterHandshake).map(errorOf),
  ...(experimental.has(method) ? ofExperiments.map(errorOf) : []),
  ...(params.some(({ name }) => name === "cursor") ? [invalidCursor] : []),
  ...(method.startsWith("thread/") || params.some(({ name }) => name === "threadId") ? ofThreads : [])
]

/** Every error by its `data.type`; where two share one, the first says it. */
const errors: ReadonlyMap<string, JsonObject> = new Map(
  [
    ...ofThreads,
    invalidCursor,
    unknownMethod,
    ...[...ofFrames, ...ofRequests, ...ofHandshake, ...afterHandshake, ...ofExperiments].map(errorOf)
  ].map((error) => [typeOf(error), error])
)

const makeMethod = (
  name: string,
  paramsName: string,
  direction: Direction,
  wantsAnswer: boolean
): readonly [JsonObject, ReadonlyArray<string>] => {
  const summary = summaryOf(name)
  const params = paramsOf(paramsName)
  const result = paramsName.replace(/Params$/, "Response")
  const types = new Set(wantsAnswer && direction === "clientToServer" ? requestErrors(name, params).map(typeOf) : [])
  const method = {
    name,
    summary,
    "x-direction": direction,
    paramStructure: "by-name",
    params,
    ...(wantsAnswer ? { result: { name: result, schema: { $ref: `#/components/schemas/${result}` } } } : {}),
    ...(types.size > 0 ? { errors: Array.from(types, (type) => ({ $ref: `#/components/errors/${type}` })) } : {})
  }
  return [method, wantsAnswer ? [paramsName, result] : [paramsName]]
}

/** The members of one of the bundle's unions, as methods. */
const methodsOf = (union: string, direction: Direction, wantsAnswer: boolean) =>
  listAt(definitions, union, "anyOf").map((message) => {
    const [name] = listAt(message, "properties", "method", "enum")
    const reference = at(message, "properties", "params", "$ref")
    const paramsName = typeof reference === "string" ? reference.replace("#/definitions/", "") : ""
    return makeMethod(String(name), paramsName, direction, wantsAnswer)
  })

/** The document; the same for every server of this release. */
export const document = (): JsonObject => {
  const methods = [
    ...methodsOf("ClientRequest", "clientToServer", true),
    ...methodsOf("ClientNotification", "clientToServer", false),
    ...methodsOf("ServerNotification", "serverToClient", false),
    ...methodsOf("ServerRequest", "serverToClient", true)
  ]
  const results = new Set(methods.flatMap(([, [, result]]) => (result === undefined ? [] : [result])))
  const named = new Set(methods.flatMap(([, [params = ""]]) => [params]))
  const unions = new Set(["ClientRequest", "ClientNotification", "ServerNotification", "ServerRequest"])
  const shapes = Object.keys(definitions).filter((name) => results.has(name) || !(named.has(name) || unions.has(name)))
  return {
    $schema: "https://meta.open-rpc.org/",
    openrpc: "1.3.2",
    info: {
      title: "Rethread",
      version: protocolVersion,
      description:
        "The Codex app-server protocol as Rethread serves it; the version is that of the Codex release. JSON-RPC without the `jsonrpc` member. Methods with `x-direction: serverToClient` are sent by the server: without a result they are notifications, with one they are questions to the client. Notifications carry `emittedAtMs` beside `params`. Objects are open: members that are not listed are ignored.",
      license: { name: "Apache-2.0" }
    },
    methods: methods.map(([method]) => method),
    components: {
      schemas: Object.fromEntries(shapes.toSorted().map((name) => [name, definition(name)])),
      errors: Object.fromEntries([...errors].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    },
    "x-frame-errors": [...ofFrames.map((error) => error.data.type), "unknownMethod"].map((type) => ({
      $ref: `#/components/errors/${type}`
    }))
  }
}
