/**
 * Every conformance case against Rethread: in this process, and as the program over stdio and over WebSocket. The genuine
 * servers are asked by `npm run conformance`.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { judge, run } from "./Case.ts"
import { allCases } from "./cases/index.ts"
import type { Peer } from "./Peer.ts"
import * as RethreadPeers from "./RethreadPeers.ts"

const holds = Effect.fnUntraced(function* (aCase: (typeof allCases)[number], peer: Peer) {
  assert.deepStrictEqual(yield* run(aCase, peer), { _tag: "Same" })
})

const forOneClient = allCases.filter((aCase) => (aCase.clients ?? 1) === 1)

describe("in process", () => {
  for (const aCase of allCases) it.live(aCase.name, () => holds(aCase, RethreadPeers.inProcess))
})

layer(RethreadPeers.Bundle.layer, { excludeTestServices: true })("the program", (it) => {
  for (const aCase of forOneClient) {
    it.effect(`stdio: ${aCase.name}`, () => Effect.flatMap(RethreadPeers.overStdio, (peer) => holds(aCase, peer)))
  }
  for (const aCase of allCases) {
    it.effect(`ws: ${aCase.name}`, () => Effect.flatMap(RethreadPeers.overWebSocket, (peer) => holds(aCase, peer)))
  }
})

describe("the judge", () => {
  const foretold = {
    expected: { usage: ["T1"], turns: 2 },
    deviates: { "0.169.0": { because: "fault 5", shows: { usage: [] } } }
  }
  const tagOf = (...seen: Parameters<typeof judge>) => judge(...seen)._tag

  it("tells the same, a documented deviation and a failure apart", () => {
    assert.strictEqual(tagOf(foretold, "rethread", { usage: ["T1"], turns: 2 }), "Same")
    assert.strictEqual(tagOf(foretold, "rethread", { usage: [], turns: 2 }), "Failed")
    assert.strictEqual(tagOf(foretold, "0.122.0", { usage: ["T1"], turns: 2 }), "Same")
    assert.strictEqual(tagOf(foretold, "0.169.0", { usage: [], turns: 2 }), "Deviates")
    assert.strictEqual(tagOf(foretold, "0.169.0", { usage: [], turns: 3 }), "Failed")
  })

  it("fails when a documented deviation is none any more, or says nothing", () => {
    assert.strictEqual(tagOf(foretold, "0.169.0", { usage: ["T1"], turns: 2 }), "Failed")
    const empty = { ...foretold, deviates: { "0.169.0": { because: "—", shows: { turns: 2 } } } }
    assert.strictEqual(tagOf(empty, "0.169.0", { usage: ["T1"], turns: 2 }), "Failed")
  })

  it("fails when an observation is missing or not foretold", () => {
    assert.strictEqual(tagOf(foretold, "rethread", { usage: ["T1"] }), "Failed")
    assert.strictEqual(tagOf(foretold, "rethread", { usage: ["T1"], turns: 2, more: 1 }), "Failed")
  })

  it("case names differ", () => {
    assert.strictEqual(new Set(allCases.map((aCase) => aCase.name)).size, allCases.length)
  })
})
