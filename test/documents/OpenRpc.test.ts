/**
 * The OpenRPC document: it is one, it is what the schemas give, and what goes over the wire fits it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as MetaSchema from "@open-rpc/meta-schema"
import { Ajv, type ValidateFunction } from "ajv"
import draft07 from "ajv/dist/refs/json-schema-draft-07.json" with { type: "json" }
import { Effect, Option } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { openRpcFile, openRpcText } from "../../scripts/lib/openrpc.ts"
import { isRecord, type JsonRecord, own, parseExact } from "../../src/domain/Json.ts"
import { NotificationParams } from "../../src/domain/Notification.ts"
import { ServerRequests } from "../../src/domain/ServerRequest.ts"
import { clientNotifications, CodexProtocol } from "../../src/rpc/codex/Protocol.ts"
import { fromThreadError } from "../../src/rpc/codex/WireError.ts"
import { ThreadError } from "../../src/services/ThreadError.ts"
import { at, listAt } from "../conformance/Case.ts"
import { connected, receive, server } from "../rpc/support/Client.ts"

const root = join(import.meta.dirname, "../..")
const document: unknown = JSON.parse(readFileSync(join(root, openRpcFile), "utf8"))
const records = (value: unknown, key: string): ReadonlyArray<JsonRecord> => listAt(value, key).filter(isRecord)
const methods = records(document, "methods")
const methodNamed = (name: string): JsonRecord =>
  methods.find((method) => own(method, "name") === name) ?? assert.fail(`no method ${name}`)

const metaSchema = (): ValidateFunction => {
  const official = Object.entries(MetaSchema).find(([name]) => name === "openrpcDocument")?.[1]
  if (!isRecord(official)) return assert.fail("no meta-schema")
  const rest = Object.fromEntries(Object.entries(official).filter(([name]) => name !== "$schema"))
  // It refers to the meta-schema of JSON Schema under another name: as a whole, and by the place of `$ref`.
  return new Ajv({ strict: false, allErrors: true, validateFormats: false })
    .addSchema({ $id: "https://meta.json-schema.tools", $ref: draft07.$id })
    .addSchema({
      $id: "https://meta.json-schema.tools/",
      definitions: { JSONSchemaObject: { properties: { $ref: draft07.properties.$ref } } }
    })
    .compile(rest)
}

const ajv = new Ajv({ strict: false, allErrors: true }).addSchema({
  $id: "openrpc",
  components: at(document, "components")
})

/** References lead into the document. */
const within = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(within)
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "$ref" && typeof inner === "string" ? `openrpc${inner}` : within(inner)
    ])
  )
}

/** What the method's params have to be, put together from its content descriptors. */
const paramsValidator = (method: JsonRecord): ValidateFunction => {
  const params = records(method, "params")
  return ajv.compile({
    type: "object",
    properties: Object.fromEntries(params.map((param) => [String(own(param, "name")), within(own(param, "schema"))])),
    required: params.flatMap((param) => (own(param, "required") === true ? [own(param, "name")] : []))
  })
}
const resultValidator = (method: JsonRecord): ValidateFunction =>
  ajv.compile(Object(within(at(method, "result", "schema"))))

const fits = (validate: ValidateFunction, value: unknown, what: string) =>
  assert.isTrue(validate(value), `${what}: ${JSON.stringify(validate.errors?.slice(0, 3))}`)

/** Every `$ref` below a value. */
const referencesIn = (value: unknown): ReadonlyArray<string> => {
  if (Array.isArray(value)) return value.flatMap(referencesIn)
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "$ref" && typeof inner === "string" ? [inner] : referencesIn(inner)
  )
}

const recorded = (): ReadonlyArray<JsonRecord> => {
  const folder = join(root, "fixtures/transcripts")
  return readdirSync(folder)
    .filter((name) => name.endsWith("-169.jsonl"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").trim().split("\n"))
    .flatMap((line) => Option.toArray(Option.filter(parseExact(line), isRecord)))
}

describe("OpenRPC document", () => {
  it("is what the schemas give", () => {
    assert.isTrue(readFileSync(join(root, openRpcFile), "utf8") === openRpcText(), "run `npm run openrpc`")
  })

  it("is an OpenRPC document", () => {
    const validate = metaSchema()
    fits(validate, document, openRpcFile)
    const [first = {}] = methods
    for (const wrong of [
      { name: "thread/read" },
      { ...first, direction: "up" },
      { ...first, result: { name: "R" } },
      { ...first, errors: [{ code: "x", message: "y" }] },
      { ...first, params: [{ name: "p", schema: { type: "no such type" } }] }
    ]) {
      assert.isFalse(validate({ openrpc: "1.3.2", info: { title: "t", version: "1" }, methods: [wrong] }))
    }
  })

  it("has no reference that leads nowhere, and no component that nobody refers to but the shape of errors", () => {
    const references = new Set(referencesIn(document))
    for (const reference of references) {
      const [, ...path] = reference.split("/")
      assert.isDefined(
        path.reduce<unknown>((inner, key) => at(inner, key), document),
        reference
      )
    }
    const components = at(document, "components", "schemas")
    const schemas = isRecord(components) ? Object.keys(components) : []
    assert.isAbove(schemas.length, CodexProtocol.requests.size)
    const unused = schemas.filter((name) => !references.has(`#/components/schemas/${name}`))
    assert.sameMembers(unused, ["JSONRPCErrorError"])
  })

  it("has each method once, with its direction; a result where an answer is due", () => {
    const fromClient = [...CodexProtocol.requests.keys(), ...clientNotifications]
    const fromServer = [...Object.keys(NotificationParams), ...Object.keys(ServerRequests)]
    const named = (direction: string) =>
      methods.flatMap((method) => (own(method, "x-direction") === direction ? [own(method, "name")] : []))
    assert.sameMembers(named("clientToServer"), fromClient)
    assert.sameMembers(named("serverToClient"), fromServer)
    assert.strictEqual(methods.length, fromClient.length + fromServer.length)
    const answered = new Set([...CodexProtocol.requests.keys(), ...Object.keys(ServerRequests)])
    for (const method of methods) {
      assert.strictEqual(Object.hasOwn(method, "result"), answered.has(String(own(method, "name"))))
    }
  })

  it.effect.prop("names every error of a thread, with its code", [ThreadError], ([error]) =>
    Effect.sync(() => {
      const { code, data } = fromThreadError(error)
      const component = at(document, "components", "errors", data.type)
      assert.strictEqual(at(component, "code"), code)
      assert.deepInclude(listAt(methodNamed("thread/resume"), "errors"), {
        $ref: `#/components/errors/${data.type}`
      })
    })
  )

  it.effect("what the server answers fits it", () =>
    Effect.gen(function* () {
      const client = yield* connected()
      for (const name of ["thread/list", "thread/loaded/list", "model/list", "account/read"]) {
        yield* client.send({ id: 1, method: name, params: {} })
        const [frame = {}] = yield* receive(client, 1)
        fits(resultValidator(methodNamed(name)), own(frame, "result"), name)
      }
      for (const [method, params] of [
        ["thread/read", { threadId: "junk" }],
        ["thread/resume", {}],
        ["initialize", { clientInfo: { name: "again", version: "1" } }],
        ["thread/turns/list", { threadId: "0196a4b2-0000-7000-8000-000000000000" }]
      ] as const) {
        yield* client.send({ id: 2, method, params })
        const [frame = {}] = yield* receive(client, 1)
        const error = own(frame, "error")
        const type = String(at(error, "data", "type"))
        assert.deepInclude(listAt(methodNamed(method), "errors"), { $ref: `#/components/errors/${type}` })
        assert.strictEqual(at(document, "components", "errors", type, "code"), at(error, "code"))
      }
    }).pipe(Effect.provide(server()), Effect.scoped)
  )

  it("what genuine 0.169 and its client said in recorded conversations fits it", () => {
    const params = new Map(methods.map((method) => [own(method, "name"), paramsValidator(method)]))
    let seen = 0
    for (const frame of recorded()) {
      const message = own(frame, "msg")
      if (!isRecord(message)) continue
      const name = own(message, "method")
      const method = methods.find((method) => own(method, "name") === name)
      const direction = own(frame, "dir") === "c2s" ? "clientToServer" : "serverToClient"
      const validate = params.get(name)
      if (method === undefined || validate === undefined || own(method, "x-direction") !== direction) continue
      fits(validate, own(message, "params") ?? {}, String(name))
      seen++
    }
    assert.isAbove(seen, 50)
  })

  it("has each method that the diagrams of docs/protocol.md show, in the direction and of the kind that they show", () => {
    const guide = readFileSync(join(root, "docs/protocol.md"), "utf8")
    const shown = Array.from(guide.matchAll(/^ {4}(\w)(--?)>>(\w): (.+)$/gm)).flatMap(([, from, line, to, text = ""]) =>
      from !== "S" && to !== "S"
        ? []
        : Array.from(text.matchAll(/\binitialized?\b|\b[a-zA-Z]+(?:\/\w+)+/g), ([name]) => ({
            name,
            direction: from === "S" ? "serverToClient" : "clientToServer",
            wantsAnswer: line === "-"
          }))
    )
    assert.isAbove(shown.length, 30)
    for (const { direction, name, wantsAnswer } of shown) {
      const method = methodNamed(name)
      assert.strictEqual(own(method, "x-direction"), direction, name)
      assert.strictEqual(Object.hasOwn(method, "result"), wantsAnswer, name)
    }
  })

  it("what is no call of a method does not fit it", () => {
    const resume = paramsValidator(methodNamed("thread/resume"))
    fits(resume, { threadId: "x" }, "resume")
    assert.isFalse(resume({}))
    assert.isFalse(resume({ threadId: 1 }))
    assert.isFalse(paramsValidator(methodNamed("thread/fork"))({ threadId: "x", ephemeral: "yes" }))
    assert.isFalse(resultValidator(methodNamed("thread/read"))({ thread: {}, readState: null, tokenUsage: null }))
  })
})
