/**
 * A file's bytes are read as they are: all of them through two buffers in turn, or its two ends alone.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path, PlatformError, Schema, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import { ThreadId } from "../../src/domain/Ids.ts"
import { layer as codexHome } from "../../src/layers/codex-home/CodexHomeStore.ts"
import { rolloutBytes } from "../../src/layers/codex-home/RolloutBytes.ts"
import { layerWith } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { overlay } from "../support/FaultyFileSystem.ts"

const KB = 1024
const MB = 1024 * KB
const largest = MB

/** Bytes that tell where they are. */
const bytesOf = (size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at++) bytes[at] = (at ^ (at >> 8) ^ (at >> 16)) & 0xff
  return bytes
}
const same = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0

/** What a file system was asked for: files that are open, readings under way, and how many there were. */
interface Use {
  open: number
  reading: number
  readings: number
}

const broken = PlatformError.systemError({ _tag: "Busy", module: "FileSystem", method: "read", description: "no more" })

/** The file system, counting; the reading of that number fails. */
const counting = (fs: FileSystem.FileSystem, use: Use, failing = Number.POSITIVE_INFINITY): FileSystem.FileSystem => ({
  ...fs,
  open: (path, options) =>
    Effect.acquireRelease(
      Effect.map(fs.open(path, options), (file) => {
        use.open++
        const read: FileSystem.File["read"] = (buffer, options) =>
          Effect.suspend(() => {
            use.readings++
            use.reading++
            return use.readings === failing ? Effect.fail(broken) : file.read(buffer, options)
          }).pipe(Effect.ensuring(Effect.sync(() => void use.reading--)))
        return { ...overlay(file, {}), read }
      }),
      () => Effect.sync(() => void use.open--)
    )
})

/** A file of this size in a folder of its own; `work` gets its path, and what is done with the file system. */
const withFile = Effect.fnUntraced(function* <A, E>(
  size: number,
  work: (file: {
    readonly path: string
    readonly bytes: Uint8Array
    readonly fs: FileSystem.FileSystem
    readonly use: Use
  }) => Effect.Effect<A, E>
) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "rethread-bytes-" })
  const path = `${folder}/rollout.jsonl`
  const bytes = bytesOf(size)
  yield* fs.writeFile(path, bytes)
  return yield* work({ path, bytes, fs, use: { open: 0, reading: 0, readings: 0 } })
}, Effect.scoped)

const untilStill = (use: Use) =>
  Effect.suspend(() => (use.reading === 0 ? Effect.void : Effect.fail("still reading"))).pipe(Effect.eventually)

const wholeFile = (size: number) =>
  withFile(
    size,
    Effect.fnUntraced(function* ({ bytes, fs, path, use }) {
      const parts: Array<Uint8Array> = []
      yield* Stream.runForEach(
        rolloutBytes(counting(fs, use), path),
        Effect.fnUntraced(function* (chunk) {
          const seen = chunk.slice()
          assert.isAtMost(chunk.length, largest)
          assert.isAbove(chunk.length, 0)
          // The next chunk is read meanwhile, and leaves this one alone.
          yield* untilStill(use)
          assert.isTrue(same(chunk, seen))
          parts.push(seen)
        })
      )
      assert.isTrue(same(Buffer.concat(parts), bytes), `${size} bytes`)
      assert.deepStrictEqual([use.open, use.reading], [0, 0])
      return parts.map((part) => part.length)
    })
  )

const Size = Schema.Struct({
  chunks: Schema.Literals([0, 1, 2, 3]),
  first: Schema.Literals([0, 64 * KB]),
  more: Schema.Int.check(Schema.isBetween({ minimum: -3, maximum: 3 }))
})

const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, SecureRandom.layerWebCrypto)

describe("the bytes of a file", () => {
  it.effect.prop(
    "come as they are at any size around those of its chunks",
    { size: Size },
    ({ size }) =>
      wholeFile(Math.max(0, size.first + size.chunks * MB + size.more)).pipe(Effect.provide(NodeFileSystem.layer)),
    { arbitrary: { runs: 30 } }
  )

  it.effect("come in a short chunk first, then in long ones", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* wholeFile(64 * KB + 2 * MB + 1), [64 * KB, MB, MB, 1])
      assert.deepStrictEqual(yield* wholeFile(64 * KB), [64 * KB])
      assert.deepStrictEqual(yield* wholeFile(5), [5])
      assert.deepStrictEqual(yield* wholeFile(0), [])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  for (const wanted of [1, 2, 3, 4]) {
    it.effect(`leave no file open when only ${wanted} of the chunks are wanted`, () =>
      withFile(
        64 * KB + 3 * MB,
        Effect.fnUntraced(function* ({ fs, path, use }) {
          const stream = Stream.take(rolloutBytes(counting(fs, use), path), wanted)
          assert.strictEqual((yield* Stream.runCollect(stream)).length, wanted)
          assert.deepStrictEqual([use.open, use.reading], [0, 0])
          // Whoever wants no more than the head has nothing else read for it.
          assert.isAtMost(use.readings, wanted === 1 ? 1 : wanted + 1)
        })
      ).pipe(Effect.provide(NodeFileSystem.layer))
    )
  }

  it.effect.prop(
    "end where a file was cut off that is being read",
    { cut: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 * MB })), after: Schema.Literals([1, 2, 3]) },
    ({ after, cut }) =>
      withFile(
        64 * KB + 4 * MB,
        Effect.fnUntraced(function* ({ bytes, fs, path, use }) {
          const parts: Array<Uint8Array> = []
          yield* Stream.runForEach(rolloutBytes(counting(fs, use), path), (chunk) => {
            parts.push(chunk.slice())
            return parts.length === after ? fs.truncate(path, cut) : Effect.void
          })
          const read = Buffer.concat(parts)
          assert.isTrue(same(read, bytes.subarray(0, read.length)))
          assert.isAtLeast(read.length, Math.min(cut, bytes.length))
          assert.deepStrictEqual([use.open, use.reading], [0, 0])
        })
      ).pipe(Effect.provide(NodeFileSystem.layer)),
    { arbitrary: { runs: 15 } }
  )

  for (const failing of [1, 2, 3]) {
    it.effect(`end with the failure of reading ${failing}`, () =>
      withFile(
        64 * KB + 3 * MB,
        Effect.fnUntraced(function* ({ fs, path, use }) {
          const error = yield* Effect.flip(Stream.runDrain(rolloutBytes(counting(fs, use, failing), path)))
          assert.include(error.message, "no more")
          assert.deepStrictEqual([use.open, use.reading, use.readings], [0, 0, failing])
        })
      ).pipe(Effect.provide(NodeFileSystem.layer))
    )
  }
})

const threadId = ThreadId.make(uuidAt(Date.UTC(2026, 2, 1, 10), 1))
const name = `sessions/2026/03/01/rollout-2026-03-01T10-00-00-${threadId}.jsonl`

const inMemory = (content: Uint8Array) => layerWith([{ path: name, content, modifiedAt: 0 }])
const onDisk = (content: Uint8Array) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const home = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "rethread-ends-" }))
      yield* fs.makeDirectory(path.dirname(path.join(home, name)), { recursive: true })
      yield* fs.writeFile(path.join(home, name), content)
      return codexHome({ home })
    })
  ).pipe(Layer.provide(platform))

for (const [where, store] of [
  ["in memory", inMemory],
  ["on disk", onDisk]
] as const) {
  describe(`the ends of a rollout ${where}`, () => {
    const Length = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 300 }))
    it.effect.prop(
      "are its first and its last bytes, as many as there are",
      { size: Length, head: Length, tail: Length },
      ({ head, size, tail }) => {
        const bytes = bytesOf(size)
        return Effect.gen(function* () {
          const rollouts = yield* RolloutStore
          const ref = yield* rollouts.locate(threadId)
          const ends = yield* rollouts.ends(ref, { head, tail })
          assert.isTrue(same(ends?.head ?? bytesOf(1), bytes.subarray(0, head)))
          assert.strictEqual(ends?.tailFrom, Math.max(0, size - tail))
          assert.isTrue(same(ends?.tail ?? bytesOf(1), bytes.subarray(Math.max(0, size - tail))))
          assert.deepStrictEqual(ends?.stat, yield* rollouts.stat(ref))
          assert.isNull(yield* rollouts.ends({ ...ref, path: `${ref.path}.gone` }, { head, tail }))
          assert.isNull(yield* rollouts.ends({ ...ref, path: `${ref.path}.zst` }, { head, tail }))
        }).pipe(Effect.provide(store(bytes)))
      },
      { arbitrary: { runs: 30 } }
    )
  })
}
