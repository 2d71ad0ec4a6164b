/**
 * What a rollout store's writer must do: whole lines, in order, by one writer at a time; and what it leaves behind when
 * the disk refuses.
 */
import { Deferred, Effect, Exit, Fiber, Result, Schema, Scope } from "effect"
import { type RolloutRef, RolloutStore } from "../../services/RolloutStore.ts"
import type { RolloutWriter } from "../../services/RolloutWriter.ts"
import * as Expect from "../Expect.ts"
import { day, file, id, listed, meta, onFiles, StoreFiles, textOf } from "./StoreFiles.ts"
import { property } from "./Suite.ts"

const writer = onFiles("writer")

const Appends = Schema.Tuple([
  Schema.Array(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })))),
  Schema.Boolean
])

/** An open rollout of thread `n` with this content. */
export const opened = (n: number, content: string) =>
  Effect.gen(function* () {
    const files = yield* StoreFiles
    const store = yield* RolloutStore
    const path = `${day}/${file(n)}`
    yield* files.write(path, content)
    const ref = yield* store.locate(id(n))
    return { path, ref, writer: yield* store.writer(ref) }
  })

const failsWith = (writer: RolloutWriter, reason: string) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(writer.append(["unheard"]))
    yield* Expect.equal(error.reason, reason)
    yield* Expect.includes(error.message, "again")
  })

const isBusy = (ref: RolloutRef) =>
  Effect.gen(function* () {
    const store = yield* RolloutStore
    const result = yield* Effect.result(Effect.scoped(store.writer(ref)))
    if (Result.isSuccess(result)) return false
    yield* Expect.equal(result.failure._tag, "RolloutBusy")
    yield* Expect.includes(result.failure.message, ref.threadId)
    return true
  })

/** Appending. */
export const writing = [
  writer.test(
    "adds whole lines, in order, that are there when it says so",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const { ref, writer } = yield* opened(1, meta(id(1)))
      const before = yield* store.stat(ref)
      yield* writer.append([`{"a":1}`, `{"b":"ü\u2028💥"}`])
      yield* Expect.equal(yield* textOf(ref), `${meta(id(1))}{"a":1}\n{"b":"ü\u2028💥"}\n`)
      const after = yield* store.stat(ref)
      yield* Expect.different(after.version, before.version)
      yield* writer.append([])
      yield* Expect.equal(yield* store.stat(ref), after)
      yield* writer.append(["x".repeat(3 * 1024 * 1024)])
      yield* Expect.equal((yield* store.stat(ref)).size, after.size + 3 * 1024 * 1024 + 1)
      yield* Expect.equal(yield* store.locate(id(1)), ref)
      yield* Expect.equal(yield* listed(false), [ref.path])
    })
  ),

  writer.test(
    "opens only what was read, where it is told the version that was, and keeps nothing back when it does not",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const files = yield* StoreFiles
      const path = `${day}/${file(1)}`
      yield* files.write(path, meta(id(1)))
      const ref = yield* store.locate(id(1))
      const { version } = yield* store.stat(ref)
      yield* files.append(path, `{"theirs":1}\n`)
      const refused = yield* Effect.flip(store.writer(ref, { version }))
      yield* Expect.equal(refused._tag, "RolloutChanged")
      yield* Expect.includes(refused.message, ref.path)
      const writer = yield* store.writer(ref, { version: (yield* store.stat(ref)).version })
      yield* writer.append([`{"ours":1}`])
      yield* Expect.equal(yield* textOf(ref), `${meta(id(1))}{"theirs":1}\n{"ours":1}\n`)
    }),
    ["versions"]
  ),

  writer.test(
    "keeps what many append at once whole and each one's in order",
    property(
      Appends,
      ([fibers, torn], run) =>
        Effect.scoped(
          Effect.gen(function* () {
            const start = torn ? `${meta(id(run))}{"torn` : meta(id(run))
            const { ref, writer } = yield* opened(run, start)
            const batches = fibers.map((sizes, fiber) =>
              sizes.map((size, batch) =>
                Array.from({ length: size }, (_, line) => `${fiber} ${batch} ${line} of ${size}`)
              )
            )
            yield* Effect.forEach(
              batches,
              (mine) => Effect.forEach(mine, (lines) => Effect.andThen(writer.append(lines), Effect.yieldNow)),
              { concurrency: "unbounded" }
            )
            const text = yield* textOf(ref)
            const whole = torn && batches.flat().length > 0 ? `${start}\n` : start
            yield* Expect.isTrue(text.startsWith(whole))
            let rest = text.slice(whole.length)
            const waiting = batches.map((mine) => mine.slice())
            while (rest !== "") {
              const next = waiting[Number(rest.slice(0, rest.indexOf(" ")))]?.shift()
              const batch = next === undefined ? "nothing" : `${next.join("\n")}\n`
              yield* Expect.isTrue(rest.startsWith(batch), rest.slice(0, 80))
              rest = rest.slice(batch.length)
            }
            yield* Expect.isTrue(waiting.every((mine) => mine.length === 0))
          })
        ),
      { runs: 25 }
    )
  ),

  writer.test(
    "ends a torn line before it adds one, and only then",
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [before: string, after: string]> = [
        ["", "new\n"],
        ["\n", "\nnew\n"],
        ["whole\n", "whole\nnew\n"],
        ["whole\r\n", "whole\r\nnew\n"],
        ["whole\ntor", "whole\ntor\nnew\n"],
        [`{"whole":1}`, `{"whole":1}\nnew\n`]
      ]
      for (const [at, [before, after]] of cases.entries()) {
        const { ref, writer } = yield* opened(at + 1, before)
        yield* Expect.equal(yield* textOf(ref), before)
        yield* writer.append(["new"])
        yield* Expect.equal(yield* textOf(ref), after)
        yield* writer.append(["more"])
        yield* Expect.equal(yield* textOf(ref), `${after}more\n`)
      }
    })
  ),

  writer.test(
    "is the only one of its thread until its scope closes, and works no longer then",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const scope = yield* Scope.make()
      const { ref, writer } = yield* Scope.provide(opened(1, "a\n"), scope)
      const other = yield* opened(2, "b\n")
      yield* Expect.isTrue(yield* isBusy(ref))
      yield* Expect.isTrue(yield* isBusy({ ...ref, path: other.ref.path }))
      yield* Scope.close(scope, Exit.void)
      yield* failsWith(writer, "broken")
      yield* Expect.isFalse(yield* isBusy(ref))
      yield* Expect.isTrue(yield* isBusy(other.ref))
      yield* Effect.scoped(Effect.flatMap(store.writer(ref), (again) => again.append(["b"])))
      yield* Expect.equal(yield* textOf(ref), "a\nb\n")
    }),
    ["writerLock"]
  ),

  writer.test(
    "lets go when its fiber is interrupted",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.write(`${day}/${file(1)}`, "")
      const ref = yield* store.locate(id(1))
      const open = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        Effect.scoped(
          Effect.flatMap(store.writer(ref), (writer) =>
            Effect.all([writer.append(["a"]), Deferred.succeed(open, undefined), Effect.never])
          )
        )
      )
      yield* Deferred.await(open)
      yield* Expect.isTrue(yield* isBusy(ref))
      yield* Fiber.interrupt(fiber)
      yield* Expect.isFalse(yield* isBusy(ref))
      yield* Expect.equal(yield* textOf(ref), "a\n")
    }),
    ["writerLock"]
  ),

  writer.test(
    "leaves whole lines when those who append are interrupted",
    Effect.gen(function* () {
      const { ref, writer } = yield* opened(1, "")
      const acknowledged: Array<string> = []
      const fibers = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, at) => `line ${at} ${"x".repeat(50_000)}`),
        (line) =>
          Effect.forkChild(
            Effect.andThen(
              writer.append([line]),
              Effect.sync(() => void acknowledged.push(line))
            )
          )
      )
      yield* Effect.yieldNow
      yield* Fiber.interruptAll(fibers)
      yield* writer.append(["last"])
      const lines = (yield* textOf(ref)).split("\n")
      yield* Expect.equal(lines.slice(-2), ["last", ""])
      yield* Expect.isTrue(lines.slice(0, -2).every((line) => /^line \d+ x{50000}$/.test(line)))
      yield* Expect.isTrue(acknowledged.every((line) => lines.includes(line)))
      yield* Expect.equal(new Set(lines).size, lines.length)
    })
  ),

  writer.test(
    "keeps no lock when it cannot be opened",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.write(`${day}/${file(1)}`, "")
      const ref = yield* store.locate(id(1))
      yield* files.remove(`${day}/${file(1)}`)
      yield* Expect.equal((yield* Effect.flip(store.writer(ref)))._tag, "ThreadNotFound")
      yield* Expect.isUndefined(yield* files.read(`${day}/${file(1)}`))
      yield* files.write(`${day}/${file(1)}`, "")
      yield* Expect.isFalse(yield* isBusy(ref))
    })
  ),

  writer.test(
    "refuses a line that is two, and an archived rollout",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const { ref, writer } = yield* opened(1, "")
      yield* Expect.includes((yield* Effect.flip(writer.append(["a\nb"]))).message, "line break")
      yield* Expect.equal(yield* textOf(ref), "")
      yield* files.write(`archived_sessions/${file(2)}`, "")
      const archived = yield* store.locate(id(2), { archived: true })
      const error = yield* Effect.flip(store.writer(archived))
      yield* Expect.equal(error._tag, "RolloutStoreError")
      yield* Expect.includes(error.message, "unarchive")
    })
  ),

  writer.test(
    "finds out that its file was removed or replaced, and leaves the new one alone",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const removed = yield* opened(1, "a\n")
      const replaced = yield* opened(2, "a\n")
      const untouched = yield* opened(3, "a\n")
      yield* files.remove(removed.path)
      yield* files.remove(replaced.path)
      yield* files.write(replaced.path, "another\n")
      yield* failsWith(removed.writer, "lost")
      yield* failsWith(removed.writer, "broken")
      yield* failsWith(replaced.writer, "lost")
      yield* untouched.writer.append(["b"])
      yield* Expect.isUndefined(yield* files.read(removed.path))
      yield* Expect.equal(yield* files.read(replaced.path), "another\n")
      yield* Expect.equal(yield* textOf(untouched.ref), "a\nb\n")
    })
  ),

  writer.test(
    "keeps what it acknowledged when the disk is full, and nothing of what failed",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      for (const [at, reason] of (["diskFull", "accessDenied", "other"] as const).entries()) {
        const scope = yield* Scope.make()
        const { path, ref, writer } = yield* Scope.provide(opened(at + 1, "a\ntorn"), scope)
        const other = yield* opened(at + 11, "")
        yield* files.failAppends(path, { reason, afterLines: 3 })
        yield* writer.append(["b", "c"])
        const error = yield* Effect.flip(writer.append(["d", "e", "f"]))
        yield* Expect.equal(error.reason, reason)
        yield* Expect.equal(error.path, ref.path)
        yield* Expect.equal(yield* textOf(ref), "a\ntorn\nb\nc\n")
        yield* failsWith(writer, "broken")
        yield* other.writer.append(["well"])
        yield* Expect.isTrue(yield* isBusy(ref))
        yield* Scope.close(scope, Exit.void)
        yield* Effect.scoped(Effect.flatMap(store.writer(ref), (again) => again.append(["g"])))
        yield* Expect.equal(yield* textOf(ref), "a\ntorn\nb\nc\ng\n")
      }
    }),
    ["appendFaults", "writerLock"]
  ),

  writer.test(
    "leaves at most a torn line behind what it acknowledged, and the next one begins afresh",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const scope = yield* Scope.make()
      const { path, ref, writer } = yield* Scope.provide(opened(1, "a\n"), scope)
      yield* files.failAppends(path, { reason: "diskFull", torn: true })
      yield* Expect.equal((yield* Effect.flip(writer.append(["1234567"]))).reason, "diskFull")
      yield* Expect.equal(yield* textOf(ref), "a\n1234")
      yield* Scope.close(scope, Exit.void)
      yield* Effect.scoped(Effect.flatMap(store.writer(ref), (again) => again.append(["b"])))
      yield* Expect.equal(yield* textOf(ref), "a\n1234\nb\n")
    }),
    ["appendFaults"]
  ),

  writer.test(
    "unpacks a .zst where it is, which those who read it do not notice",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const content = meta(id(1)) + "x".repeat(700_000)
      const packed = `${day}/${file(1, { zst: true })}`
      yield* files.write(packed, yield* files.compress(content), 1_700_000_000_000)
      const ref = yield* store.locate(id(1))
      const writer = yield* store.writer(ref)
      yield* Expect.isUndefined(yield* files.read(packed))
      yield* Expect.equal((yield* store.stat(ref)).modifiedAt, 1_700_000_000_000)
      yield* writer.append(["more"])
      const current = yield* store.locate(id(1))
      yield* Expect.equal(current.path, `${files.home}/${day}/${file(1)}`)
      yield* Expect.equal(yield* textOf(current), `${content}\nmore\n`)
      yield* Expect.equal(yield* textOf(ref), `${content}\nmore\n`)
      yield* Expect.equal(yield* store.stat(ref), yield* store.stat(current))
      yield* Expect.isTrue(yield* isBusy(current))
    }),
    ["compressed", "writerLock"]
  ),

  writer.test(
    "leaves a damaged .zst as it is, and a hidden one too",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const packed = yield* files.compress(Array.from({ length: 40_000 }, (_, n) => `${n * 7919}`).join("\n"))
      yield* files.write(`${day}/${file(1, { zst: true })}`, packed.subarray(0, packed.length - 100))
      yield* files.write(`${day}/${file(2, { zst: true })}`, packed)
      const damaged = yield* store.locate(id(1))
      yield* Expect.equal((yield* Effect.flip(store.writer(damaged)))._tag, "RolloutStoreError")
      yield* Expect.isUndefined(yield* files.read(`${day}/${file(1)}`))
      yield* Expect.isDefined(yield* files.read(`${day}/${file(1, { zst: true })}`))
      const hidden = yield* store.locate(id(2))
      yield* files.write(`${day}/${file(2)}`, "plain\n")
      yield* Effect.flatMap(store.writer(hidden), (writer) => writer.append(["more"]))
      yield* Expect.equal(yield* files.read(`${day}/${file(2)}`), "plain\nmore\n")
      yield* Expect.isDefined(yield* files.read(`${day}/${file(2, { zst: true })}`))
    }),
    ["compressed"]
  ),

  writer.without(
    "compressed",
    "refuses a compressed rollout with a reason",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.write(`${day}/${file(1, { zst: true })}`, "packed")
      const error = yield* Effect.flip(store.writer(yield* store.locate(id(1))))
      yield* Expect.equal(error._tag, "RolloutStoreError")
      yield* Expect.includes(error.message, "compressed")
    })
  )
]
