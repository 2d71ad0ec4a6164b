import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Layer, Path, PlatformError, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { zstdCompressSync } from "node:zlib"
import { ThreadId } from "../../src/domain/Ids.ts"
import { layer as codexHome } from "../../src/layers/codex-home/CodexHomeStore.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { rolloutStoreSuite, StoreFiles } from "../../src/testing/conformance/RolloutStoreSuite.ts"
import { register } from "../../src/testing/conformance/Suite.ts"
import { type AppendFaults, overlay, withAppendFaults, withShortWrites } from "../support/FaultyFileSystem.ts"

const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, SecureRandom.layerWebCrypto)

const makeFiles = (home: string, faults: AppendFaults) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const inHome = (file: string) => path.join(home, file)
    const parent = (file: string) => Effect.orDie(fs.makeDirectory(path.dirname(inHome(file)), { recursive: true }))
    const toBytes = (content: string | Uint8Array) =>
      typeof content === "string" ? new TextEncoder().encode(content) : content
    return StoreFiles.of({
      home,
      write: (file, content, modifiedAt) =>
        Effect.gen(function* () {
          yield* parent(file)
          yield* fs.writeFile(inHome(file), toBytes(content))
          if (modifiedAt !== undefined) yield* fs.utimes(inHome(file), new Date(modifiedAt), new Date(modifiedAt))
        }).pipe(Effect.orDie),
      append: (file, content) => Effect.orDie(fs.writeFile(inHome(file), toBytes(content), { flag: "a" })),
      remove: (file) => Effect.orDie(fs.remove(inHome(file))),
      read: (file) => Effect.orElseSucceed(fs.readFileString(inHome(file)), () => undefined),
      failAppends: (file, fault) => Effect.sync(() => void faults.set(inHome(file), fault)),
      symlink: (link, target) => Effect.andThen(parent(link), Effect.orDie(fs.symlink(target, inHome(link)))),
      compress: (content) => Effect.sync(() => zstdCompressSync(content)),
      fingerprint: Effect.gen(function* () {
        const hash = createHash("sha256")
        for (const entry of (yield* fs.readDirectory(home, { recursive: true })).sort()) {
          const info = yield* fs.lstat(inHome(entry))
          hash.update(`${entry} ${info.type} ${info.mode} ${info.type === "Directory" ? "" : info.size}\n`)
          if (info.type === "File") hash.update(yield* fs.readFile(inHome(entry)))
        }
        return hash.digest("hex")
      }).pipe(Effect.orDie)
    })
  })

/** A store over an empty folder, removed afterwards; `tamper` may put a faulty file system under it. */
const inFolder = (
  options: {
    readonly allowPathsOutside?: boolean
    readonly durability?: "system" | "disk"
    readonly tamper?: (fs: FileSystem.FileSystem) => FileSystem.FileSystem
  } = {}
) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const home = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "rethread-store-" }))
      const faults: AppendFaults = new Map()
      const underneath = withAppendFaults(options.tamper?.(fs) ?? fs, faults)
      const { allowPathsOutside = false, durability = "system" } = options
      const store = codexHome({ home, allowPathsOutside, durability }).pipe(
        Layer.provide(Layer.succeed(FileSystem.FileSystem, underneath))
      )
      return Layer.merge(store, Layer.effect(StoreFiles, makeFiles(home, faults)))
    })
  ).pipe(Layer.provideMerge(platform), Layer.fresh)

register(it, { ...rolloutStoreSuite, name: "CodexHomeStore" }, { layer: inFolder() })

const id = ThreadId.make("01a20000-0000-7000-8000-000000000001")
const name = `rollout-2026-03-01T10-00-00-${id}.jsonl`
const rollout = { threadId: id, createdAt: new Date(2026, 2, 1, 10).getTime() }
const text = (content: string) => Stream.succeed(new TextEncoder().encode(content))
const denied = (method: string) =>
  PlatformError.systemError({ _tag: "PermissionDenied", module: "FileSystem", method, description: "not for you" })

describe("a Codex home on a real file system", () => {
  it.effect("tells an I/O failure from a missing thread", () =>
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.write(`sessions/${name}`, "content")
      const ref = yield* store.locate(id)
      const error = yield* Effect.flip(Stream.runDrain(store.read(ref)))
      assert.strictEqual(error._tag, "RolloutStoreError")
      assert.include(error.message, "not for you")
      assert.include(error.message, name)
    }).pipe(Effect.provide(inFolder({ tamper: (fs) => ({ ...fs, open: () => Effect.fail(denied("open")) }) })))
  )

  it.effect("reads a file up to its size at opening, and closes it when the reader leaves", () => {
    let open = 0
    const counted = (fs: FileSystem.FileSystem): FileSystem.FileSystem => ({
      ...fs,
      open: (path, options) =>
        Effect.acquireRelease(
          Effect.map(fs.open(path, options), (file) => {
            open++
            return file
          }),
          () => Effect.sync(() => void open--)
        )
    })
    return Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const content = "0123456789abcdef".repeat(40_000)
      yield* files.write(`sessions/${name}`, content)
      const ref = yield* store.locate(id)
      let read = 0
      yield* Stream.runForEach(store.read(ref), (chunk) => {
        read += chunk.length
        return files.append(`sessions/${name}`, "more")
      })
      assert.strictEqual(read, content.length)
      assert.strictEqual(open, 0)
      const reader = yield* Effect.forkChild(
        Stream.runForEach(store.read(ref), () => Effect.never),
        {
          startImmediately: true
        }
      )
      yield* Effect.suspend(() => (open === 1 ? Effect.void : Effect.fail("not open yet"))).pipe(Effect.eventually)
      yield* Fiber.interrupt(reader)
      assert.strictEqual(open, 0)
    }).pipe(Effect.provide(inFolder({ tamper: counted })))
  })

  it.effect("writes files as Codex does, and never over another, also without hard links", () => {
    const noLinks = (fs: FileSystem.FileSystem): FileSystem.FileSystem => ({
      ...fs,
      link: () => Effect.fail(denied("link"))
    })
    return Effect.gen(function* () {
      const files = yield* StoreFiles
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const store = yield* RolloutStore
      const ref = yield* store.create(rollout, text("first"))
      const error = yield* Effect.flip(store.create(rollout, text("second")))
      assert.include(error.message, "exists")
      assert.strictEqual(yield* fs.readFileString(ref.path), "first")
      assert.deepStrictEqual(yield* fs.readDirectory(path.dirname(ref.path)), [name])
      yield* files.write("plain", "")
      const mode = (file: string) => Effect.map(fs.stat(file), (info) => info.mode & 0o777)
      assert.strictEqual(yield* mode(ref.path), yield* mode(path.join(files.home, "plain")))
    }).pipe(Effect.provide(inFolder({ tamper: noLinks })))
  })

  it.effect("makes a home that is not there yet", () =>
    Effect.gen(function* () {
      const { home } = yield* StoreFiles
      const store = codexHome({ home: `${home}/not/yet` })
      yield* Effect.gen(function* () {
        const store = yield* RolloutStore
        assert.deepStrictEqual(yield* Stream.runCollect(store.list({ archived: false })), [])
        assert.strictEqual((yield* store.names).size, 0)
        const ref = yield* store.create(rollout, text("x"))
        assert.deepStrictEqual(yield* store.locate(id), ref)
        assert.deepStrictEqual(yield* store.resolve(ref.path), ref)
      }).pipe(Effect.provide(store))
    }).pipe(Effect.provide(inFolder()))
  )

  it.effect("takes a home, and a sessions folder, that are links", () =>
    Effect.gen(function* () {
      const files = yield* StoreFiles
      yield* files.write(`disk/2026/${name}`, "x")
      yield* files.write("real/auth.json", "{}")
      yield* files.symlink("real/sessions", "../disk")
      yield* files.symlink("linked", "real")
      yield* Effect.gen(function* () {
        const store = yield* RolloutStore
        const ref = yield* store.locate(id)
        assert.strictEqual(ref.path, `${files.home}/real/sessions/2026/${name}`)
        for (const path of [
          ref.path,
          `sessions/2026/${name}`,
          `${files.home}/linked/sessions/2026/${name}`,
          `${files.home}/disk/2026/${name}`
        ]) {
          assert.deepStrictEqual(yield* store.resolve(path), ref)
        }
      }).pipe(Effect.provide(codexHome({ home: `${files.home}/linked` })))
    }).pipe(Effect.provide(inFolder()))
  )

  it.effect("lets paths outside through where that is allowed", () =>
    Effect.gen(function* () {
      const files = yield* StoreFiles
      yield* files.write(`elsewhere/${name}`, "x")
      yield* Effect.gen(function* () {
        const store = yield* RolloutStore
        const ref = yield* store.resolve(`../elsewhere/${name}`)
        assert.strictEqual(ref.path, `${files.home}/elsewhere/${name}`)
        assert.strictEqual((yield* Effect.flip(store.resolve("/etc/hosts")))._tag, "PathRefused")
      }).pipe(Effect.provide(codexHome({ home: `${files.home}/home`, allowPathsOutside: true })))
    }).pipe(Effect.provide(inFolder()))
  )

  it.effect("writes all of a line when the system takes it in pieces", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const ref = yield* store.create(rollout, text("first\nto"))
      const line = "0123456789".repeat(10)
      yield* Effect.flatMap(store.writer(ref), (writer) => writer.append([line, line]))
      const fs = yield* FileSystem.FileSystem
      assert.strictEqual(yield* fs.readFileString(ref.path), `first\nto\n${line}\n${line}\n`)
    }).pipe(Effect.scoped, Effect.provide(inFolder({ tamper: (fs) => withShortWrites(fs, 7) })))
  )

  it.effect("finishes a line that was begun when whoever wrote it is interrupted", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const fs = yield* FileSystem.FileSystem
      const ref = yield* store.create(rollout, Stream.empty)
      const writer = yield* store.writer(ref)
      const line = "0123456789".repeat(200)
      const fiber = yield* Effect.forkChild(writer.append([line]))
      yield* Effect.eventually(
        Effect.flatMap(store.stat(ref), ({ size }) => (size === 0 ? Effect.fail("not begun yet") : Effect.void))
      )
      yield* Fiber.interrupt(fiber)
      yield* writer.append(["next"])
      assert.strictEqual(yield* fs.readFileString(ref.path), `${line}\nnext\n`)
    }).pipe(Effect.scoped, Effect.provide(inFolder({ tamper: (fs) => withShortWrites(fs, 1) })))
  )

  it.effect("does not take back what another program wrote behind a line that failed", () =>
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const ref = yield* store.create(rollout, text("first\n"))
      const writer = yield* store.writer(ref)
      const file = ref.path.slice(files.home.length + 1)
      yield* files.append(file, "foreign\n")
      yield* files.failAppends(file, { reason: "diskFull" })
      assert.strictEqual((yield* Effect.flip(writer.append(["1234567"]))).reason, "diskFull")
      assert.strictEqual(yield* files.read(file), "first\nforeign\n1234")
    }).pipe(Effect.scoped, Effect.provide(inFolder()))
  )

  it.effect.runIf(existsSync("/dev/full"))("tells a full disk from the system's own words", () =>
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.symlink(`sessions/${name}`, "/dev/full")
      const ref = { threadId: id, path: `${files.home}/sessions/${name}`, archived: false, segmentId: null }
      const writer = yield* store.writer(ref)
      const error = yield* Effect.flip(writer.append(["a"]))
      assert.strictEqual(error.reason, "diskFull")
      assert.include(error.message, "ENOSPC")
      assert.strictEqual((yield* Effect.flip(writer.append(["b"]))).reason, "broken")
    }).pipe(Effect.scoped, Effect.provide(inFolder({ allowPathsOutside: true })))
  )

  it.effect("waits for the disk where that is asked for, and only there", () => {
    let synced = 0
    const counted = (fs: FileSystem.FileSystem): FileSystem.FileSystem => ({
      ...fs,
      open: (path, options) =>
        Effect.map(fs.open(path, options), (handle) =>
          overlay(handle, { sync: Effect.tap(handle.sync, () => Effect.sync(() => void synced++)) })
        )
    })
    const appended = (durability: "system" | "disk") =>
      Effect.gen(function* () {
        const store = yield* RolloutStore
        const ref = yield* store.create(rollout, text("first\n"))
        const writer = yield* store.writer(ref)
        synced = 0
        yield* writer.append(["a", "b"])
        yield* writer.append(["c"])
        return synced
      }).pipe(Effect.scoped, Effect.provide(inFolder({ tamper: counted, durability })))
    return Effect.gen(function* () {
      assert.strictEqual(yield* appended("system"), 0)
      assert.strictEqual(yield* appended("disk"), 2)
    })
  })

  it.effect("archives to another disk, and keeps a link leading where it led", () => {
    const farAway = (fs: FileSystem.FileSystem): FileSystem.FileSystem => ({
      ...fs,
      rename: (from, to) =>
        from.includes("sessions/2026") && to.includes("archived_sessions")
          ? Effect.fail(
              PlatformError.systemError({
                _tag: "Unknown",
                module: "FileSystem",
                method: "rename",
                cause: Object.assign(new Error("cross-device link"), { code: "EXDEV" })
              })
            )
          : fs.rename(from, to)
    })
    return Effect.gen(function* () {
      const files = yield* StoreFiles
      const fs = yield* FileSystem.FileSystem
      const store = yield* RolloutStore
      const other = ThreadId.make("01a20000-0000-7000-8000-000000000002")
      yield* files.write(`sessions/2026/03/01/${name}`, "content\n", 1_700_000_000_000)
      yield* files.write("kept/rollout.jsonl", "linked\n")
      yield* files.symlink(`sessions/2026/rollout-x-${other}.jsonl`, "../../kept/rollout.jsonl")
      yield* store.archive(id)
      yield* store.archive(other)
      const ref = yield* store.locate(id, { archived: true })
      assert.strictEqual((yield* store.stat(ref)).modifiedAt, 1_700_000_000_000)
      assert.strictEqual(yield* files.read(`archived_sessions/${name}`), "content\n")
      assert.strictEqual(yield* files.read(`archived_sessions/rollout-x-${other}.jsonl`), "linked\n")
      assert.deepStrictEqual((yield* fs.readDirectory(`${files.home}/archived_sessions`)).sort(), [
        name,
        `rollout-x-${other}.jsonl`
      ])
      assert.deepStrictEqual(yield* fs.readDirectory(`${files.home}/sessions/2026/03/01`), [])
    }).pipe(Effect.provide(inFolder({ tamper: farAway })))
  })

  it.effect("reads the sample home as it lies in the repository", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const active = yield* Stream.runCollect(store.list({ archived: false }))
      const archived = yield* Stream.runCollect(store.list({ archived: true }))
      assert.strictEqual(active.length, 5)
      assert.strictEqual(archived.length, 1)
      assert.deepStrictEqual(Array.from((yield* store.names).values()).sort(), [
        "JSON flag",
        "The date test that fails on Sundays"
      ])
    }).pipe(Effect.provide(codexHome({ home: "fixtures/sample-home" }).pipe(Layer.provide(platform))))
  )
})
