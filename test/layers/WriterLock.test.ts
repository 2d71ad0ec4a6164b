/**
 * One writer per thread: with the kernel's lock, as Codex takes it, and with a record alone, where there
 * is none.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Result, type Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { ThreadId } from "../../src/domain/Ids.ts"
import type { FileFailure } from "../../src/layers/codex-home/FileVersion.ts"
import type { LockOutcome } from "../../src/layers/codex-home/KernelLock.ts"
import * as ProcessIdentity from "../../src/layers/codex-home/ProcessIdentity.ts"
import { acquireWriterLock } from "../../src/layers/codex-home/WriterLock.ts"
import type { RolloutBusy } from "../../src/services/RolloutWriter.ts"

const id = ThreadId.make("01a20000-0000-7000-8000-000000000001")
const name = `${id}.lock`

const folder = Effect.acquireRelease(
  Effect.sync(() => join(mkdtempSync(join(tmpdir(), "rethread-lock-")), "thread-writer-locks")),
  (folder) => Effect.sync(() => rmSync(join(folder, ".."), { recursive: true, force: true }))
)

/** `noKernel`: this process has no way to lock a file. */
const acquire = (folder: string, options: { readonly noKernel?: boolean } = {}) =>
  Effect.flatMap(SecureRandom.SecureRandom, (random) =>
    acquireWriterLock(
      {
        folder,
        random,
        ...(options.noKernel === true ? { lock: () => Effect.succeed<LockOutcome>("unavailable") } : {})
      },
      id,
      "/the/rollout.jsonl"
    )
  )

/** Is it taken? It is free again afterwards when it was free. */
const isTaken = (folder: string, options?: { readonly noKernel?: boolean }) =>
  Effect.map(Effect.result(Effect.scoped(acquire(folder, options))), (result) => {
    if (Result.isSuccess(result)) return false
    assert.deepInclude(result.failure, { _tag: "RolloutBusy", threadId: id, path: "/the/rollout.jsonl" })
    return true
  })

const isBusy = (error: RolloutBusy | FileFailure): error is RolloutBusy => "_tag" in error

const test = (
  title: string,
  body: Effect.Effect<void, RolloutBusy | FileFailure | string, Scope.Scope | SecureRandom.SecureRandom>
) => it.live(title, () => body.pipe(Effect.scoped, Effect.provide(SecureRandom.layerWebCrypto)))

/** Another process that holds the kernel's lock on a file, as Codex does, until the scope closes. */
const holder = (file: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly kill: () => void }>((resume) => {
      const child = spawn("flock", [file, "sh", "-c", "echo held; exec sleep 1000"], {
        stdio: ["ignore", "pipe", "ignore"],
        detached: true
      })
      child.stdout.once("data", () =>
        resume(Effect.succeed({ kill: () => process.kill(-(child.pid ?? 0), "SIGKILL") }))
      )
    }),
    ({ kill }) => Effect.ignore(Effect.try({ try: kill, catch: String }))
  )

/** A process that has ended, as it wrote itself down. */
const dead = (identity: ProcessIdentity.ProcessIdentity) => JSON.stringify({ ...identity, start: "1" })

describe.each([{ noKernel: false }, { noKernel: true }])("a writer's lock, %o", (options) => {
  test(
    "keeps others out until its scope closes, and leaves no file of its own",
    Effect.gen(function* () {
      const at = yield* folder
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* acquire(at, options)
          const written = ProcessIdentity.parseIdentity(readFileSync(join(at, name), "utf8"))
          assert.strictEqual(Option.getOrThrow(written).pid, process.pid)
          assert.isTrue(yield* isTaken(at, options))
          assert.isTrue(yield* isTaken(at, options))
        })
      )
      assert.isFalse(yield* isTaken(at, options))
      assert.deepStrictEqual(
        readdirSync(at).filter((file) => file !== ".coordination.lock"),
        []
      )
    })
  )

  test(
    "is had by one of many who want it at once, and by each in the end",
    Effect.gen(function* () {
      const at = yield* folder
      mkdirSync(at)
      writeFileSync(join(at, name), dead(yield* ProcessIdentity.self))
      let holders = 0
      let most = 0
      const once: Effect.Effect<void, FileFailure, SecureRandom.SecureRandom> = Effect.scoped(
        Effect.gen(function* () {
          yield* acquire(at, options)
          most = Math.max(most, ++holders)
          yield* Effect.yieldNow
          holders--
        })
      ).pipe(Effect.catchIf(isBusy, () => Effect.andThen(Effect.yieldNow, once)))
      yield* Effect.forEach(Array.from({ length: 12 }), () => once, { concurrency: "unbounded" })
      assert.strictEqual(most, 1)
      assert.isFalse(yield* isTaken(at, options))
      assert.deepStrictEqual(
        readdirSync(at).filter((file) => file !== ".coordination.lock"),
        []
      )
    })
  )

  test(
    "is taken over from a process that is gone, from its number's next owner too, and from what is no record",
    Effect.gen(function* () {
      const at = yield* folder
      const self = yield* ProcessIdentity.self
      mkdirSync(at)
      for (const left of [dead(self), JSON.stringify({ ...self, pid: 4_194_305 }), "", "{", `{"pid":0}`]) {
        writeFileSync(join(at, name), left)
        assert.isFalse(yield* isTaken(at, options), left)
      }
    })
  )

  test(
    "is not taken from a process that runs and wrote itself down",
    Effect.gen(function* () {
      const at = yield* folder
      const other = yield* ProcessIdentity.self
      mkdirSync(at)
      const parent = process.ppid
      const fields = readFileSync(`/proc/${parent}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? []
      const record = JSON.stringify({ ...other, pid: parent, start: fields[19] })
      writeFileSync(join(at, name), record)
      assert.isTrue(yield* isTaken(at, options))
      assert.strictEqual(readFileSync(join(at, name), "utf8"), record)
    })
  )
})

describe("a writer's lock", () => {
  test(
    "is not had while another process has the kernel's, and is once that one is killed",
    Effect.gen(function* () {
      const at = yield* folder
      mkdirSync(at)
      const { kill } = yield* holder(join(at, name))
      assert.isTrue(yield* isTaken(at))
      kill()
      yield* Effect.eventually(Effect.flatMap(isTaken(at), (taken) => (taken ? Effect.fail("not yet") : Effect.void)))
    })
  )

  test(
    "stays where it is while a Codex is about to lock it",
    Effect.gen(function* () {
      const at = yield* folder
      mkdirSync(at)
      yield* holder(join(at, ".coordination.lock"))
      assert.isFalse(yield* isTaken(at))
      assert.strictEqual(readFileSync(join(at, name), "utf8"), "")
    })
  )

  test(
    "without the kernel's, is not taken from a process on another machine",
    Effect.gen(function* () {
      const at = yield* folder
      const self = yield* ProcessIdentity.self
      mkdirSync(at)
      writeFileSync(join(at, name), dead({ ...self, host: `not-${hostname()}` }))
      assert.isTrue(yield* isTaken(at, { noKernel: true }))
      assert.isFalse(yield* isTaken(at))
    })
  )

  test(
    "is let go when its fiber is interrupted while it takes it",
    Effect.gen(function* () {
      const at = yield* folder
      const fiber = yield* Effect.forkChild(Effect.scoped(Effect.andThen(acquire(at), Effect.never)))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.isFalse(yield* isTaken(at))
    })
  )
})
