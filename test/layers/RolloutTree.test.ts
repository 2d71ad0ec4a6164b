import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { TestClock } from "effect/testing"
import { readdirSync } from "node:fs"
import { ThreadId } from "../../src/domain/Ids.ts"
import { makeRolloutTree } from "../../src/layers/codex-home/RolloutTree.ts"

const id = ThreadId.make("01a20000-0000-7000-8000-000000000001")
const other = ThreadId.make("01a20000-0000-7000-8000-000000000002")
const name = `rollout-2026-03-01T10-00-00-${id}.jsonl`
const otherName = `rollout-x-${other}.jsonl`
const at = (seconds: number) => new Date(seconds * 1000)

/** An empty home, and a tree over it that tells which folders it reads. */
const inHome = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "rethread-tree-" }))
  const looked: Array<string> = []
  let locked = ""
  const tree = makeRolloutTree({
    path,
    home,
    allowPathsOutside: false,
    entriesOf: (folder) => {
      looked.push(path.relative(home, folder))
      if (path.relative(home, folder) === locked) throw new Error("not for you")
      return readdirSync(folder, { withFileTypes: true })
    }
  })
  const write = (file: string) =>
    Effect.andThen(
      fs.makeDirectory(path.dirname(path.join(home, file)), { recursive: true }),
      fs.writeFileString(path.join(home, file), "")
    )
  const touch = (folder: string, seconds: number) => fs.utimes(path.join(home, folder), at(seconds), at(seconds))
  const remove = (file: string) => fs.remove(path.join(home, file), { recursive: true })
  return {
    tree,
    write,
    touch,
    remove,
    looked: () => looked.splice(0),
    lock: (folder: string) => void (locked = folder)
  }
})

const platform = Layer.merge(NodeFileSystem.layer, NodePath.layer)

describe("RolloutTree", () => {
  it.effect("passes over folders that cannot be read", () =>
    Effect.gen(function* () {
      const { lock, tree, write } = yield* inHome
      yield* write(`sessions/2026/${name}`)
      yield* write(`sessions/locked/${otherName}`)
      lock("sessions/locked")
      assert.deepStrictEqual([...(yield* tree).keys()], [id])
      lock("")
      assert.deepStrictEqual([...(yield* tree).keys()].sort(), [id, other])
    }).pipe(Effect.provide(platform))
  )

  it.effect("reads a folder again only when it changed", () =>
    Effect.gen(function* () {
      const { looked, remove, touch, tree, write } = yield* inHome
      yield* write(`sessions/old/${name}`)
      yield* touch("sessions/old", 1000)
      yield* touch("sessions", 1000)
      yield* TestClock.setTime(at(2000).getTime())
      assert.isTrue((yield* tree).has(id))
      assert.includeMembers(looked(), ["sessions", "sessions/old"])
      yield* tree
      assert.notInclude(looked(), "sessions/old")
      yield* write(`sessions/old/${otherName}`)
      yield* touch("sessions/old", 1999)
      assert.isTrue((yield* tree).has(other))
      assert.deepStrictEqual(looked(), ["sessions/old"])
      yield* tree
      assert.deepStrictEqual(looked(), ["sessions/old"], "a folder changed a moment ago is not trusted yet")
      yield* remove("sessions/old")
      assert.strictEqual((yield* tree).size, 0)
    }).pipe(Effect.provide(platform))
  )
})
