/**
 * The wire as JSON Schema: it is one, and what goes over the wire fits it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Ajv, type ValidateFunction } from "ajv"
import { Effect, Option } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { isRecord, type JsonRecord, own, parseExact } from "../../src/domain/Json.ts"
import * as JsonSchemas from "../../src/rpc/codex/JsonSchemas.ts"
import { NotificationParams } from "../../src/domain/Notification.ts"
import { CodexProtocol } from "../../src/rpc/codex/Protocol.ts"
import { connected, receive, server } from "./support/Client.ts"

const validator = (name: string): ValidateFunction => {
  const document = JsonSchemas.documents().get(name)
  return new Ajv({ strict: false, allErrors: true }).compile(document ?? assert.fail(`no document ${name}`))
}

const fits = (validate: ValidateFunction, value: unknown, what: string) =>
  assert.isTrue(validate(value), `${what}: ${JSON.stringify(validate.errors?.slice(0, 3))}`)

const recorded: ReadonlyArray<JsonRecord> = readFileSync(
  join(import.meta.dirname, "../../fixtures/corpus/expected.jsonl"),
  "utf8"
)
  .trim()
  .split("\n")
  .flatMap((line) => Option.toArray(Option.filter(parseExact(line), isRecord)))
  .flatMap((entry) => {
    const expected = own(entry, "expected")
    return isRecord(expected) ? Object.entries(expected) : []
  })
  .flatMap(([version, answer]) => (version.startsWith("0.169") && isRecord(answer) ? [answer] : []))

const listAt = (record: JsonRecord, key: string): ReadonlyArray<unknown> => {
  const value = own(record, key)
  return Array.isArray(value) ? value : []
}

describe("JsonSchemas", () => {
  it("every document is a schema, and has no reference that leads nowhere", () => {
    for (const [name, document] of JsonSchemas.documents()) {
      const ajv = new Ajv({ strict: false })
      assert.isTrue(ajv.validateSchema(document), name)
      assert.doesNotThrow(() => ajv.compile(document), name)
    }
  })

  it("has a document for the params and the answer of every method", () => {
    const names = Array.from(JsonSchemas.documents().keys())
    assert.includeMembers(names, ["ThreadResumeParams", "ThreadResumeResponse", "ThreadTokenUsageUpdatedNotification"])
    assert.includeMembers(names, ["ClientRequest", "ServerNotification", "ServerRequest", JsonSchemas.bundleName])
    assert.isAtLeast(names.length, 2 * CodexProtocol.requests.size)
  })

  it.effect("what the server says fits it", () =>
    Effect.gen(function* () {
      const client = yield* connected()
      const methods = [
        ["thread/list", "ThreadListResponse", {}],
        ["thread/loaded/list", "ThreadLoadedListResponse", {}]
      ] as const
      for (const [method, name, params] of methods) {
        yield* client.send({ id: 1, method, params })
        const [frame = {}] = yield* receive(client, 1)
        fits(validator(name), own(frame, "result"), name)
      }
      yield* client.send({ id: 2, method: "thread/read", params: { threadId: "junk" } })
      const [refused = {}] = yield* receive(client, 1)
      fits(validator("JSONRPCErrorError"), own(refused, "error"), "error")
    }).pipe(Effect.provide(server()), Effect.scoped)
  )

  it("what genuine Codex recorded fits it: turns and restored usage", () => {
    const usage = validator("ServerNotification")
    const turn = validator("TurnStartResponse")
    let seen = 0
    for (const answer of recorded) {
      for (const value of listAt(answer, "turns")) {
        // Its answers leave out what is null to us.
        if (!isRecord(value) || !Object.hasOwn(value, "itemsView")) continue
        fits(turn, { turn: value }, "turn")
        seen++
      }
      for (const value of listAt(answer, "notifications")) {
        if (!isRecord(value) || own(value, "method") !== "thread/tokenUsage/updated") continue
        fits(usage, value, "usage")
        seen++
      }
    }
    assert.isAbove(seen, 20)
  })

  it("what clients and genuine 0.169 said in recorded conversations fits it", () => {
    const folder = join(import.meta.dirname, "../../fixtures/transcripts")
    const frames = readdirSync(folder)
      .filter((name) => name.endsWith("-169.jsonl"))
      .flatMap((name) => readFileSync(join(folder, name), "utf8").trim().split("\n"))
      .flatMap((line) => Option.toArray(Option.filter(parseExact(line), isRecord)))
    const request = validator("ClientRequest")
    const notification = validator("ServerNotification")
    let seen = 0
    for (const frame of frames) {
      const message = own(frame, "msg")
      const method = isRecord(message) ? own(message, "method") : undefined
      if (!isRecord(message) || typeof method !== "string") continue
      const isRequest = own(frame, "dir") === "c2s" && CodexProtocol.requests.has(method)
      const isTold = own(frame, "dir") === "s2c" && Object.hasOwn(NotificationParams, method)
      if (isRequest) fits(request, message, method)
      if (isTold) fits(notification, message, method)
      if (isRequest || isTold) seen++
    }
    assert.isAbove(seen, 50)
  })

  it("what is no message does not", () => {
    const request = validator("ClientRequest")
    fits(request, { id: 1, method: "thread/resume", params: { threadId: "x" } }, "resume")
    for (const wrong of [
      { id: 1, method: "thread/resume", params: {} },
      { method: "thread/resume", params: { threadId: "x" } },
      { id: 1, method: "no/such", params: {} },
      { id: 1, method: "thread/fork", params: { threadId: "x", ephemeral: "yes" } }
    ]) {
      assert.isFalse(request(wrong), JSON.stringify(wrong))
    }
    const usage = validator("ThreadTokenUsageUpdatedNotification")
    const counts = { totalTokens: "1" }
    assert.isFalse(
      usage({ threadId: "t", turnId: "u", tokenUsage: { total: counts, last: counts, modelContextWindow: null } })
    )
  })
})
