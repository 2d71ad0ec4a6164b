import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as ListenAddress from "../../src/cli/ListenAddress.ts"

describe("ListenAddress.parse", () => {
  it.each([
    ["stdio://", { _tag: "Stdio" }],
    ["ws://127.0.0.1:4500", { _tag: "WebSocket", host: "127.0.0.1", port: 4500 }],
    ["ws://127.0.0.1:0/", { _tag: "WebSocket", host: "127.0.0.1", port: 0 }],
    ["WS://[::1]:65535", { _tag: "WebSocket", host: "::1", port: 65535 }],
    ["unix://", { _tag: "Unix", path: "" }],
    ["unix:///tmp/x y.sock", { _tag: "Unix", path: "/tmp/x y.sock" }],
    ["UNIX://here.sock", { _tag: "Unix", path: "here.sock" }]
  ])("reads %s", (input, expected) => {
    assert.deepStrictEqual(Result.getOrThrow(ListenAddress.parse(input)), expected)
  })

  it.each([
    ["", "unknownScheme"],
    ["off", "off"],
    ["unix", "unknownScheme"],
    ["wss://127.0.0.1:1", "unknownScheme"],
    ["ws://127.0.0.1:1/path", "unknownScheme"],
    ["ws://localhost:1", "notAnIpAddress"],
    ["ws://:1", "notAnIpAddress"],
    ["ws://127.0.0.1", "invalidPort"],
    ["ws://127.0.0.1:65536", "invalidPort"],
    ["ws://127.0.0.1:x", "invalidPort"],
    ["ws://0.0.0.0:1", "notLoopback"],
    ["ws://192.168.1.2:1", "notLoopback"],
    ["ws://[::]:1", "notLoopback"]
  ])("refuses %s", (input, reason) => {
    const error = Result.getOrThrow(Result.flip(ListenAddress.parse(input)))
    assert.strictEqual(error.reason, reason)
    assert.include(error.message, input)
  })

  it("lets others in when they have to show who they are", () => {
    assert.deepStrictEqual(Result.getOrThrow(ListenAddress.parse("ws://0.0.0.0:1", { authenticated: true })), {
      _tag: "WebSocket",
      host: "0.0.0.0",
      port: 1
    })
  })
})
