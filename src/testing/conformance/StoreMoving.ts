/**
 * What a rollout store must do with whole threads: move them to the archive and back, remove them, and name them.
 */
import { Effect, Option, Schema } from "effect"
import { parseExact } from "../../domain/Json.ts"
import { RolloutStore } from "../../services/RolloutStore.ts"
import * as Expect from "../Expect.ts"
import { day, file, id, listed, onFiles, onStore, segment, StoreFiles, textOf } from "./StoreFiles.ts"
import { opened } from "./StoreWriting.ts"
import { property } from "./Suite.ts"

const moving = onFiles("archive, unarchive and remove")
const naming = onFiles("setName")

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

/** The archive. */
export const moves = [
  moving.test(
    "move every rollout of a thread there and back, as it was",
    Effect.gen(function* () {
      const { files, first, later, laterName, store } = yield* threads
      const before = yield* store.segments(id(1))
      const stats = yield* Effect.forEach(before, store.stat)
      yield* store.archive(id(1))
      yield* Expect.equal((yield* Effect.flip(store.locate(id(1))))._tag, "ThreadArchived")
      const archived = yield* store.locate(id(1), { archived: true })
      yield* Expect.equal(archived.path, `${files.home}/archived_sessions/${laterName}`)
      yield* Expect.isTrue(archived.archived)
      yield* Expect.equal(archived.segmentId, segment(7))
      yield* Expect.equal(yield* textOf(archived), "second\n")
      yield* Expect.equal(yield* listed(true), [archived.path])
      yield* Expect.equal(yield* listed(false), [`${files.home}/${day}/${file(2)}`])
      yield* Expect.equal(yield* Effect.forEach(yield* store.segments(id(1)), textOf), ["first\n", "second\n"])
      yield* Expect.isUndefined(yield* files.read(first))
      yield* Expect.isUndefined(yield* files.read(later))

      yield* store.archive(id(1))
      yield* Expect.equal(yield* store.locate(id(1), { archived: true }), archived)

      const back = yield* store.unarchive(id(1))
      yield* Expect.equal(back.path, `${files.home}/${later}`)
      yield* Expect.equal(yield* store.locate(id(1)), back)
      yield* Expect.equal(yield* store.segments(id(1)), before)
      const times = (all: ReadonlyArray<{ readonly modifiedAt: number; readonly size: number }>) =>
        all.map(({ modifiedAt, size }) => [modifiedAt, size])
      yield* Expect.equal(times(yield* Effect.forEach(before, store.stat)), times(stats))
      yield* Expect.equal(yield* listed(true), [])
      yield* Expect.equal((yield* Effect.flip(store.unarchive(id(1))))._tag, "ThreadNotFound")
    }),
    ["archive"]
  ),

  moving.test(
    "bring back what lay anywhere, under any name, to where its name says",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const odd = `rollout-any thing ü-${id(1)}.jsonl`
      yield* files.write(`sessions/a b/${odd}`, "odd\n")
      yield* files.write(`sessions/ü/${file(2, { zst: true })}`, "packed")
      yield* store.archive(id(1))
      yield* store.archive(id(2))
      yield* Expect.equal(yield* files.read(`archived_sessions/${odd}`), "odd\n")
      yield* Expect.equal((yield* store.unarchive(id(1))).path, `${files.home}/sessions/${odd}`)
      yield* Expect.equal((yield* store.unarchive(id(2))).path, `${files.home}/${day}/${file(2, { zst: true })}`)
    }),
    ["archive"]
  ),

  moving.test(
    "never put a rollout in another's place",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.write(`${day}/${file(1)}`, "active\n")
      yield* files.write(`archived_sessions/${file(1)}`, "archived\n")
      for (const move of [store.archive(id(1)), store.unarchive(id(1))]) {
        const error = yield* Effect.flip(Effect.asVoid(move))
        yield* Expect.equal(error._tag, "RolloutStoreError")
        yield* Expect.includes(error.message, "exists")
        yield* Expect.equal(yield* files.read(`${day}/${file(1)}`), "active\n")
        yield* Expect.equal(yield* files.read(`archived_sessions/${file(1)}`), "archived\n")
      }
    }),
    ["archive"]
  ),

  moving.test(
    "wait for the thread's writer to be closed",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const { ref } = yield* opened(1, "a\n")
      for (const change of [store.archive(id(1)), store.unarchive(id(1)), store.remove(id(1))]) {
        const error = yield* Effect.flip(Effect.asVoid(change))
        yield* Expect.equal(error._tag, "RolloutBusy")
        yield* Expect.includes(error.message, "active writer")
      }
      yield* Expect.equal(yield* textOf(ref), "a\n")
    }),
    ["writerLock", "archive"]
  ),

  onStore("archive, unarchive and remove").test(
    "say of a thread that is not there that it is not",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      for (const change of [store.archive(id(1)), store.unarchive(id(1)), store.remove(id(1))]) {
        yield* Expect.equal((yield* Effect.flip(Effect.asVoid(change)))._tag, "ThreadNotFound")
      }
    }),
    ["archive"]
  ),

  moving.test(
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
      yield* Expect.equal(yield* store.segments(id(1)), [])
      yield* Expect.equal((yield* Effect.flip(store.locate(id(1), { archived: true })))._tag, "ThreadNotFound")
      yield* Expect.isUndefined(yield* files.read(`${day}/${file(1, { zst: true })}`))
      yield* Expect.equal(
        yield* files.read("session_index.jsonl"),
        `no json \ufffd\n{"id":"${id(2)}","thread_name":"two"}\n`
      )
      yield* Expect.equal(Array.from(yield* store.names), [[id(2), "two"]])
      yield* Expect.equal(yield* listed(false), [`${files.home}/${day}/${file(2)}`])
      yield* Expect.equal((yield* Effect.flip(store.remove(id(1))))._tag, "ThreadNotFound")
    }),
    ["names"]
  )
]

/** Names that are given. */
export const names = [
  onStore("setName").test(
    "then names gives the name, whatever is in it",
    property(
      Schema.Array(Schema.Trimmed.check(Schema.isNonEmpty())),
      (given) =>
        Effect.gen(function* () {
          const store = yield* RolloutStore
          for (const name of ["__proto__", `"quoted"\n\u2028\0`, "\ud800 alone", ...given]) {
            yield* store.setName(id(1), name)
            yield* store.setName(id(2), `not ${name}`)
            yield* Expect.equal((yield* store.names).get(id(1)), name)
          }
        }),
      { runs: 5 }
    ),
    ["names"]
  ),
  naming.test(
    "adds a line of its own, also after a torn one, with the time to the nanosecond",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.write("session_index.jsonl", `{"id":"${id(1)}","thread_name":"old"}\n{"id":"${id(2)}","thr`)
      yield* store.setName(id(1), "new")
      const lines = (yield* files.read("session_index.jsonl"))?.split("\n") ?? []
      yield* Expect.equal(lines.slice(0, 2), [`{"id":"${id(1)}","thread_name":"old"}`, `{"id":"${id(2)}","thr`])
      yield* Expect.equal(Option.getOrUndefined(parseExact(lines[2] ?? "")), {
        id: id(1),
        thread_name: "new",
        updated_at: "1970-01-01T00:00:00.000000000Z"
      })
      yield* Expect.equal(lines.slice(3), [""])
      yield* Expect.equal(Array.from(yield* store.names), [[id(1), "new"]])
    }),
    ["names"]
  ),

  onStore("setName").test(
    "loses none of many names that are given at once",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      yield* Effect.forEach(
        Array.from({ length: 20 }, (_, at) => at),
        (at) => store.setName(id(at), `name ${at}`),
        { concurrency: "unbounded" }
      )
      const names = yield* store.names
      yield* Expect.equal(names.size, 20)
      yield* Expect.equal(names.get(id(19)), "name 19")
    }),
    ["names"]
  )
]
