/**
 * What every `RolloutStore` must do that writes: appending, one writer at a time, and moving, naming and
 * removing whole threads. Part of the store's suite.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, type Layer, Option, Result, Schema, Scope, Stream } from "effect"
import { parseExact } from "../../src/domain/Json.ts"
import { type RolloutRef, RolloutStore } from "../../src/services/RolloutStore.ts"
import type { RolloutWriter } from "../../src/services/RolloutWriter.ts"
import { day, file, id, listed, meta, segment, type StoreCapabilities, StoreFiles, textOf } from "./StoreFiles.ts"

/** An open rollout of thread `n` with this content. */
const opened = (n: number, content: string) =>
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
    assert.strictEqual(error.reason, reason)
    assert.include(error.message, "again")
  })

const isBusy = (ref: RolloutRef) =>
  Effect.gen(function* () {
    const store = yield* RolloutStore
    const result = yield* Effect.result(Effect.scoped(store.writer(ref)))
    if (Result.isSuccess(result)) return false
    assert.strictEqual(result.failure._tag, "RolloutBusy")
    assert.include(result.failure.message, ref.threadId)
    return true
  })

/** Runs against stores that `fresh` makes: an empty home each. */
export const rolloutWritingSuite = <E>(
  fresh: () => Layer.Layer<RolloutStore | StoreFiles, E>,
  capabilities: StoreCapabilities
): void => {
  type Body = Effect.Effect<void, object | string | void, RolloutStore | StoreFiles | Scope.Scope>
  const test = (title: string, body: Body) => it.effect(title, () => Effect.provide(Effect.scoped(body), fresh()))
  const testIf = (capable: boolean) => (title: string, body: Body) => {
    if (capable) test(title, body)
  }

  describe("writer", () => {
    test(
      "adds whole lines, in order, that are there when it says so",
      Effect.gen(function* () {
        const store = yield* RolloutStore
        const { ref, writer } = yield* opened(1, meta(id(1)))
        const before = yield* store.stat(ref)
        yield* writer.append([`{"a":1}`, `{"b":"ü\u2028💥"}`])
        assert.strictEqual(yield* textOf(ref), `${meta(id(1))}{"a":1}\n{"b":"ü\u2028💥"}\n`)
        const after = yield* store.stat(ref)
        assert.notStrictEqual(after.version, before.version)
        yield* writer.append([])
        assert.deepStrictEqual(yield* store.stat(ref), after)
        yield* writer.append(["x".repeat(3 * 1024 * 1024)])
        assert.strictEqual((yield* store.stat(ref)).size, after.size + 3 * 1024 * 1024 + 1)
        assert.deepStrictEqual(yield* store.locate(id(1)), ref)
        assert.deepStrictEqual(yield* listed(false), [ref.path])
      })
    )

    test(
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
        assert.strictEqual(refused._tag, "RolloutChanged")
        assert.include(refused.message, ref.path)
        const writer = yield* store.writer(ref, { version: (yield* store.stat(ref)).version })
        yield* writer.append([`{"ours":1}`])
        assert.strictEqual(yield* textOf(ref), `${meta(id(1))}{"theirs":1}\n{"ours":1}\n`)
      })
    )

    it.effect.prop(
      "keeps what many append at once whole and each one's in order",
      [Schema.Array(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })))), Schema.Boolean],
      ([fibers, torn]) =>
        Effect.gen(function* () {
          const start = torn ? `${meta(id(1))}{"torn` : meta(id(1))
          const { ref, writer } = yield* opened(1, start)
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
          assert.isTrue(text.startsWith(whole))
          let rest = text.slice(whole.length)
          const waiting = batches.map((mine) => mine.slice())
          while (rest !== "") {
            const next = waiting[Number(rest.slice(0, rest.indexOf(" ")))]?.shift()
            const batch = next === undefined ? "nothing" : `${next.join("\n")}\n`
            assert.isTrue(rest.startsWith(batch), rest.slice(0, 80))
            rest = rest.slice(batch.length)
          }
          assert.isTrue(waiting.every((mine) => mine.length === 0))
        }).pipe(Effect.scoped, Effect.provide(fresh())),
      { arbitrary: { runs: 25 } }
    )

    test(
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
          assert.strictEqual(yield* textOf(ref), before)
          yield* writer.append(["new"])
          assert.strictEqual(yield* textOf(ref), after)
          yield* writer.append(["more"])
          assert.strictEqual(yield* textOf(ref), `${after}more\n`)
        }
      })
    )

    test(
      "is the only one of its thread until its scope closes, and works no longer then",
      Effect.gen(function* () {
        const store = yield* RolloutStore
        const scope = yield* Scope.make()
        const { ref, writer } = yield* Scope.provide(opened(1, "a\n"), scope)
        const other = yield* opened(2, "b\n")
        assert.isTrue(yield* isBusy(ref))
        assert.isTrue(yield* isBusy({ ...ref, path: other.ref.path }))
        yield* Scope.close(scope, Exit.void)
        yield* failsWith(writer, "broken")
        assert.isFalse(yield* isBusy(ref))
        assert.isTrue(yield* isBusy(other.ref))
        yield* Effect.scoped(Effect.flatMap(store.writer(ref), (again) => again.append(["b"])))
        assert.strictEqual(yield* textOf(ref), "a\nb\n")
      })
    )

    test(
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
        assert.isTrue(yield* isBusy(ref))
        yield* Fiber.interrupt(fiber)
        assert.isFalse(yield* isBusy(ref))
        assert.strictEqual(yield* textOf(ref), "a\n")
      })
    )

    test(
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
        assert.deepStrictEqual(lines.slice(-2), ["last", ""])
        assert.isTrue(lines.slice(0, -2).every((line) => /^line \d+ x{50000}$/.test(line)))
        assert.isTrue(acknowledged.every((line) => lines.includes(line)))
        assert.strictEqual(new Set(lines).size, lines.length)
      })
    )

    test(
      "keeps no lock when it cannot be opened",
      Effect.gen(function* () {
        const files = yield* StoreFiles
        const store = yield* RolloutStore
        yield* files.write(`${day}/${file(1)}`, "")
        const ref = yield* store.locate(id(1))
        yield* files.remove(`${day}/${file(1)}`)
        assert.strictEqual((yield* Effect.flip(store.writer(ref)))._tag, "ThreadNotFound")
        assert.isUndefined(yield* files.read(`${day}/${file(1)}`))
        yield* files.write(`${day}/${file(1)}`, "")
        assert.isFalse(yield* isBusy(ref))
      })
    )

    test(
      "refuses a line that is two, and an archived rollout",
      Effect.gen(function* () {
        const files = yield* StoreFiles
        const store = yield* RolloutStore
        const { ref, writer } = yield* opened(1, "")
        assert.include((yield* Effect.flip(writer.append(["a\nb"]))).message, "line break")
        assert.strictEqual(yield* textOf(ref), "")
        yield* files.write(`archived_sessions/${file(2)}`, "")
        const archived = yield* store.locate(id(2), { archived: true })
        const error = yield* Effect.flip(store.writer(archived))
        assert.strictEqual(error._tag, "RolloutStoreError")
        assert.include(error.message, "unarchive")
      })
    )

    test(
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
        assert.isUndefined(yield* files.read(removed.path))
        assert.strictEqual(yield* files.read(replaced.path), "another\n")
        assert.strictEqual(yield* textOf(untouched.ref), "a\nb\n")
      })
    )

    test(
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
          assert.strictEqual(error.reason, reason)
          assert.strictEqual(error.path, ref.path)
          assert.strictEqual(yield* textOf(ref), "a\ntorn\nb\nc\n")
          yield* failsWith(writer, "broken")
          yield* other.writer.append(["well"])
          assert.isTrue(yield* isBusy(ref))
          yield* Scope.close(scope, Exit.void)
          yield* Effect.scoped(Effect.flatMap(store.writer(ref), (again) => again.append(["g"])))
          assert.strictEqual(yield* textOf(ref), "a\ntorn\nb\nc\ng\n")
        }
      })
    )

    test(
      "leaves at most a torn line behind what it acknowledged, and the next one begins afresh",
      Effect.gen(function* () {
        const files = yield* StoreFiles
        const store = yield* RolloutStore
        const scope = yield* Scope.make()
        const { path, ref, writer } = yield* Scope.provide(opened(1, "a\n"), scope)
        yield* files.failAppends(path, { reason: "diskFull", torn: true })
        assert.strictEqual((yield* Effect.flip(writer.append(["1234567"]))).reason, "diskFull")
        assert.strictEqual(yield* textOf(ref), "a\n1234")
        yield* Scope.close(scope, Exit.void)
        yield* Effect.scoped(Effect.flatMap(store.writer(ref), (again) => again.append(["b"])))
        assert.strictEqual(yield* textOf(ref), "a\n1234\nb\n")
      })
    )

    testIf(capabilities.compression)(
      "unpacks a .zst where it is, which those who read it do not notice",
      Effect.gen(function* () {
        const files = yield* StoreFiles
        const store = yield* RolloutStore
        const content = meta(id(1)) + "x".repeat(700_000)
        const packed = `${day}/${file(1, { zst: true })}`
        yield* files.write(packed, files.compress(content), 1_700_000_000_000)
        const ref = yield* store.locate(id(1))
        const writer = yield* store.writer(ref)
        assert.isUndefined(yield* files.read(packed))
        assert.strictEqual((yield* store.stat(ref)).modifiedAt, 1_700_000_000_000)
        yield* writer.append(["more"])
        const current = yield* store.locate(id(1))
        assert.strictEqual(current.path, `${files.home}/${day}/${file(1)}`)
        assert.strictEqual(yield* textOf(current), `${content}\nmore\n`)
        assert.strictEqual(yield* textOf(ref), `${content}\nmore\n`)
        assert.deepStrictEqual(yield* store.stat(ref), yield* store.stat(current))
        assert.isTrue(yield* isBusy(current))
      })
    )

    testIf(capabilities.compression)(
      "leaves a damaged .zst as it is, and a hidden one too",
      Effect.gen(function* () {
        const files = yield* StoreFiles
        const store = yield* RolloutStore
        const packed = files.compress(Array.from({ length: 40_000 }, (_, n) => `${n * 7919}`).join("\n"))
        yield* files.write(`${day}/${file(1, { zst: true })}`, packed.subarray(0, packed.length - 100))
        yield* files.write(`${day}/${file(2, { zst: true })}`, packed)
        const damaged = yield* store.locate(id(1))
        assert.strictEqual((yield* Effect.flip(store.writer(damaged)))._tag, "RolloutStoreError")
        assert.isUndefined(yield* files.read(`${day}/${file(1)}`))
        assert.isDefined(yield* files.read(`${day}/${file(1, { zst: true })}`))
        const hidden = yield* store.locate(id(2))
        yield* files.write(`${day}/${file(2)}`, "plain\n")
        yield* Effect.flatMap(store.writer(hidden), (writer) => writer.append(["more"]))
        assert.strictEqual(yield* files.read(`${day}/${file(2)}`), "plain\nmore\n")
        assert.isDefined(yield* files.read(`${day}/${file(2, { zst: true })}`))
      })
    )

    testIf(!capabilities.compression)(
      "refuses a compressed rollout with a reason",
      Effect.gen(function* () {
        const files = yield* StoreFiles
        const store = yield* RolloutStore
        yield* files.write(`${day}/${file(1, { zst: true })}`, "packed")
        const error = yield* Effect.flip(store.writer(yield* store.locate(id(1))))
        assert.strictEqual(error._tag, "RolloutStoreError")
        assert.include(error.message, "compressed")
      })
    )
  })

  describe("archive, unarchive and remove", () => {
    /** Thread 1: two files and a segment, in folders of different days; thread 2: one file. */
    const threads = Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const later = file(1, { time: "2026-04-05T01-02-03", segment: 7 })
      yield* files.write(`${day}/${file(1)}`, "first\n", 1_700_000_000_000)
      yield* files.write(`sessions/2026/04/05/${later}`, "second\n", 1_700_000_001_000)
      yield* files.write(`${day}/${file(2)}`, "other\n")
      return { files, store, first: `${day}/${file(1)}`, later: `sessions/2026/04/05/${later}`, laterName: later }
    })

    test(
      "move every rollout of a thread there and back, as it was",
      Effect.gen(function* () {
        const { files, first, later, laterName, store } = yield* threads
        const before = yield* store.segments(id(1))
        const stats = yield* Effect.forEach(before, store.stat)
        yield* store.archive(id(1))
        assert.strictEqual((yield* Effect.flip(store.locate(id(1))))._tag, "ThreadArchived")
        const archived = yield* store.locate(id(1), { archived: true })
        assert.strictEqual(archived.path, `${files.home}/archived_sessions/${laterName}`)
        assert.isTrue(archived.archived)
        assert.strictEqual(archived.segmentId, segment(7))
        assert.strictEqual(yield* textOf(archived), "second\n")
        assert.deepStrictEqual(yield* listed(true), [archived.path])
        assert.deepStrictEqual(yield* listed(false), [`${files.home}/${day}/${file(2)}`])
        assert.deepStrictEqual(yield* Effect.forEach(yield* store.segments(id(1)), textOf), ["first\n", "second\n"])
        assert.isUndefined(yield* files.read(first))
        assert.isUndefined(yield* files.read(later))

        yield* store.archive(id(1))
        assert.deepStrictEqual(yield* store.locate(id(1), { archived: true }), archived)

        const back = yield* store.unarchive(id(1))
        assert.strictEqual(back.path, `${files.home}/${later}`)
        assert.deepStrictEqual(yield* store.locate(id(1)), back)
        assert.deepStrictEqual(yield* store.segments(id(1)), before)
        const times = (all: ReadonlyArray<{ readonly modifiedAt: number; readonly size: number }>) =>
          all.map(({ modifiedAt, size }) => [modifiedAt, size])
        assert.deepStrictEqual(times(yield* Effect.forEach(before, store.stat)), times(stats))
        assert.deepStrictEqual(yield* listed(true), [])
        assert.strictEqual((yield* Effect.flip(store.unarchive(id(1))))._tag, "ThreadNotFound")
      })
    )

    test(
      "bring back what lay anywhere, under any name, to where its name says",
      Effect.gen(function* () {
        const files = yield* StoreFiles
        const store = yield* RolloutStore
        const odd = `rollout-any thing ü-${id(1)}.jsonl`
        yield* files.write(`sessions/a b/${odd}`, "odd\n")
        yield* files.write(`sessions/ü/${file(2, { zst: true })}`, "packed")
        yield* store.archive(id(1))
        yield* store.archive(id(2))
        assert.strictEqual(yield* files.read(`archived_sessions/${odd}`), "odd\n")
        assert.strictEqual((yield* store.unarchive(id(1))).path, `${files.home}/sessions/${odd}`)
        assert.strictEqual((yield* store.unarchive(id(2))).path, `${files.home}/${day}/${file(2, { zst: true })}`)
      })
    )

    test(
      "never put a rollout in another's place",
      Effect.gen(function* () {
        const files = yield* StoreFiles
        const store = yield* RolloutStore
        yield* files.write(`${day}/${file(1)}`, "active\n")
        yield* files.write(`archived_sessions/${file(1)}`, "archived\n")
        for (const move of [store.archive(id(1)), store.unarchive(id(1))]) {
          const error = yield* Effect.flip(Effect.asVoid(move))
          assert.strictEqual(error._tag, "RolloutStoreError")
          assert.include(error.message, "exists")
          assert.strictEqual(yield* files.read(`${day}/${file(1)}`), "active\n")
          assert.strictEqual(yield* files.read(`archived_sessions/${file(1)}`), "archived\n")
        }
      })
    )

    test(
      "wait for the thread's writer to be closed",
      Effect.gen(function* () {
        const store = yield* RolloutStore
        const { ref } = yield* opened(1, "a\n")
        for (const change of [store.archive(id(1)), store.unarchive(id(1)), store.remove(id(1))]) {
          const error = yield* Effect.flip(Effect.asVoid(change))
          assert.strictEqual(error._tag, "RolloutBusy")
          assert.include(error.message, "active writer")
        }
        assert.strictEqual(yield* textOf(ref), "a\n")
      })
    )

    test(
      "say of a thread that is not there that it is not",
      Effect.gen(function* () {
        const store = yield* RolloutStore
        for (const change of [store.archive(id(1)), store.unarchive(id(1)), store.remove(id(1))]) {
          assert.strictEqual((yield* Effect.flip(Effect.asVoid(change)))._tag, "ThreadNotFound")
        }
      })
    )

    test(
      "leave nothing of a removed thread, and all of the others",
      Effect.gen(function* () {
        const { files, store } = yield* threads
        yield* files.write(`archived_sessions/${file(1, { time: "2025-01-01T00-00-00" })}`, "archived\n")
        yield* files.write(`${day}/${file(1, { zst: true })}`, "packed twin")
        yield* files.write(
          "session_index.jsonl",
          `{"id":"${id(1)}","thread_name":"one"}\nno json \ufffd\n{"id":"${id(2)}","thread_name":"two"}\n`
        )
        yield* store.setName(id(1), "one again")
        yield* store.remove(id(1))
        assert.deepStrictEqual(yield* store.segments(id(1)), [])
        assert.strictEqual((yield* Effect.flip(store.locate(id(1), { archived: true })))._tag, "ThreadNotFound")
        assert.isUndefined(yield* files.read(`${day}/${file(1, { zst: true })}`))
        assert.strictEqual(
          yield* files.read("session_index.jsonl"),
          `no json \ufffd\n{"id":"${id(2)}","thread_name":"two"}\n`
        )
        assert.deepStrictEqual(Array.from(yield* store.names), [[id(2), "two"]])
        assert.deepStrictEqual(yield* listed(false), [`${files.home}/${day}/${file(2)}`])
        assert.strictEqual((yield* Effect.flip(store.remove(id(1))))._tag, "ThreadNotFound")
      })
    )
  })

  describe("setName", () => {
    it.effect.prop(
      "then names gives the name, whatever is in it",
      [Schema.Array(Schema.Trimmed.check(Schema.isNonEmpty()))],
      ([names]) =>
        Effect.gen(function* () {
          const store = yield* RolloutStore
          for (const name of ["__proto__", `"quoted"\n\u2028\0`, "\ud800 alone", ...names]) {
            yield* store.setName(id(1), name)
            yield* store.setName(id(2), `not ${name}`)
            assert.strictEqual((yield* store.names).get(id(1)), name)
          }
        }).pipe(Effect.provide(fresh())),
      { arbitrary: { runs: 5 } }
    )

    test(
      "adds a line of its own, also after a torn one, with the time to the nanosecond",
      Effect.gen(function* () {
        const files = yield* StoreFiles
        const store = yield* RolloutStore
        yield* files.write("session_index.jsonl", `{"id":"${id(1)}","thread_name":"old"}\n{"id":"${id(2)}","thr`)
        yield* store.setName(id(1), "new")
        const lines = (yield* files.read("session_index.jsonl"))?.split("\n") ?? []
        assert.deepStrictEqual(lines.slice(0, 2), [`{"id":"${id(1)}","thread_name":"old"}`, `{"id":"${id(2)}","thr`])
        assert.deepStrictEqual(Option.getOrUndefined(parseExact(lines[2] ?? "")), {
          id: id(1),
          thread_name: "new",
          updated_at: "1970-01-01T00:00:00.000000000Z"
        })
        assert.deepStrictEqual(lines.slice(3), [""])
        assert.deepStrictEqual(Array.from(yield* store.names), [[id(1), "new"]])
      })
    )

    test(
      "loses none of many names that are given at once",
      Effect.gen(function* () {
        const store = yield* RolloutStore
        yield* Effect.forEach(
          Array.from({ length: 20 }, (_, at) => at),
          (at) => store.setName(id(at), `name ${at}`),
          { concurrency: "unbounded" }
        )
        const names = yield* store.names
        assert.strictEqual(names.size, 20)
        assert.strictEqual(names.get(id(19)), "name 19")
      })
    )
  })

  test(
    "a rollout that was just created is written to, and found as it grows",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const first = new TextEncoder().encode(meta(id(1)))
      const ref = yield* store.create({ threadId: id(1), createdAt: 1_772_000_000_000 }, Stream.succeed(first))
      const writer = yield* store.writer(ref)
      yield* writer.append(["a"])
      yield* writer.append(["b"])
      assert.strictEqual(yield* textOf(yield* store.locate(id(1))), `${meta(id(1))}a\nb\n`)
    })
  )
}
