/**
 * What a rollout store must read and create: exact bytes, whole or not at all; and the names of threads.
 */
import { DateTime, Effect, Equal, Result, Schema, Stream } from "effect"
import { RolloutStore } from "../../services/RolloutStore.ts"
import * as Expect from "../Expect.ts"
import { bytesOf, day, file, id, listed, meta, onFiles, onStore, segment, StoreFiles, textOf } from "./StoreFiles.ts"
import { property } from "./Suite.ts"

const reading = onFiles("read and stat")
const creating = onStore("create")
const named = onFiles("names")

/** 2026-01-05T06:07:08, and some milliseconds, where the test runs. */
const localTime = (millisecond: number): number =>
  DateTime.toEpochMillis(
    DateTime.makeZonedUnsafe(
      { year: 2026, month: 1, day: 5, hour: 6, minute: 7, second: 8, millisecond },
      { timeZone: DateTime.zoneMakeLocal(), adjustForTimeZone: true }
    )
  )

const Cuts = Schema.Array(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))))

/** Bytes, and what tells that they changed. */
export const readingCases = [
  reading.test(
    "gives exact bytes, in chunks of at most 1 MiB, and writes nothing",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const content = new Uint8Array(3 * 1024 * 1024 + 17).map((_, at) => (at * 31 + (at >> 8)) & 255)
      yield* files.write(`${day}/${file(1)}`, content)
      yield* files.write(`${day}/${file(2)}`, "")
      const before = yield* files.fingerprint
      const ref = yield* store.locate(id(1))
      const { bytes, largest } = yield* bytesOf(ref)
      yield* Expect.isTrue(Equal.equals(bytes, content))
      yield* Expect.atMost(largest, 1024 * 1024)
      yield* Expect.equal((yield* store.stat(ref)).size, content.length)
      yield* Expect.equal(yield* textOf(yield* store.locate(id(2))), "")
      yield* store.resolve(ref.path)
      yield* listed(false)
      yield* store.names
      yield* Expect.equal(yield* files.fingerprint, before)
    })
  ),

  reading.test(
    "can be stopped after the first chunk, and read by many at once",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const content = "0123456789abcdef".repeat(100_000)
      yield* files.write(`${day}/${file(1)}`, content)
      const ref = yield* store.locate(id(1))
      const head = yield* Stream.runCollect(Stream.take(store.read(ref), 1))
      yield* Expect.isTrue(content.startsWith(new TextDecoder().decode(head[0])))
      const all = yield* Effect.forEach([1, 2, 3, 4], () => textOf(ref), { concurrency: 4 })
      yield* Expect.isTrue(all.every((text) => text === content))
    })
  ),

  reading.test(
    "changes the version with every change, and only then",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.write(`${day}/${file(1)}`, "abc", 1_700_000_000_000)
      const ref = yield* store.locate(id(1))
      const first = yield* store.stat(ref)
      yield* Expect.equal(first.modifiedAt, 1_700_000_000_000)
      yield* textOf(ref)
      yield* Expect.equal(yield* store.stat(ref), first)
      yield* files.append(`${day}/${file(1)}`, "d")
      const second = yield* store.stat(ref)
      yield* Expect.different(second.version, first.version)
      yield* Expect.equal(second.size, 4)
      yield* files.write(`${day}/${file(1)}`, "abce", 1_700_000_000_000)
      yield* Expect.different((yield* store.stat(ref)).version, second.version)
    })
  ),

  reading.test(
    "unpacks .zst, which a plain twin hides, and leaves it where it is",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const content = meta(id(1)) + "x".repeat(700_000)
      yield* files.write(`${day}/${file(1, { zst: true })}`, yield* files.compress(content))
      const before = yield* files.fingerprint
      const ref = yield* store.locate(id(1))
      yield* Expect.equal(yield* textOf(ref), content)
      yield* Expect.equal(yield* store.resolve(`${day}/${file(1)}`), ref)
      yield* Expect.equal(yield* files.fingerprint, before)
      yield* files.write(`${day}/${file(1)}`, "plain\n")
      yield* Expect.equal(yield* textOf(yield* store.locate(id(1))), "plain\n")
      yield* Expect.equal(yield* textOf(yield* store.resolve(`${day}/${file(1, { zst: true })}`)), "plain\n")
      yield* Expect.equal((yield* store.segments(id(1))).length, 1)
    }),
    ["compressed"]
  ),

  reading.test(
    "gives what a cut or damaged .zst still holds, then fails",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const content = Array.from({ length: 40_000 }, (_, n) => `${n * 7919}`).join("\n")
      const packed = yield* files.compress(content)
      const damaged = Uint8Array.from(packed)
      damaged.fill(0x5a, packed.length >> 1, (packed.length >> 1) + 64)
      const twice = new Uint8Array([...packed, ...packed])
      yield* files.write(`${day}/${file(1, { zst: true })}`, packed.subarray(0, packed.length - 100))
      yield* files.write(`${day}/${file(2, { zst: true })}`, damaged)
      yield* files.write(`${day}/${file(3, { zst: true })}`, "not compressed at all")
      yield* files.write(`${day}/${file(4, { zst: true })}`, "")
      yield* files.write(`${day}/${file(5, { zst: true })}`, twice)
      for (const n of [1, 2, 3, 4]) {
        const ref = yield* store.locate(id(n))
        let text = ""
        const result = yield* Effect.result(
          Stream.runForEach(store.read(ref), (chunk) =>
            Effect.sync(() => {
              text += new TextDecoder().decode(chunk)
            })
          )
        )
        yield* Expect.isTrue(Result.isFailure(result) && result.failure._tag === "RolloutStoreError", `case ${n}`)
        yield* Expect.isTrue(content.startsWith(text), `case ${n}`)
        if (n <= 2) yield* Expect.above(text.length, 0, `case ${n}`)
      }
      yield* Expect.equal(yield* textOf(yield* store.locate(id(5))), content + content)
    }),
    ["compressed"]
  ),
  reading.without(
    "compressed",
    "knows a compressed rollout, and fails to read it with a reason",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.write(`${day}/${file(1, { zst: true })}`, "packed")
      const error = yield* Effect.flip(textOf(yield* store.locate(id(1))))
      yield* Expect.equal(error._tag, "RolloutStoreError")
      yield* Expect.includes(error.message, "compressed")
      yield* files.write(`${day}/${file(1)}`, "plain\n")
      yield* Expect.equal(yield* textOf(yield* store.locate(id(1))), "plain\n")
    })
  )
]

/** New rollouts. */
export const creatingCases = [
  creating.test(
    "then read gives the same bytes, however they were cut",
    property(Cuts, (parts, run) =>
      Effect.gen(function* () {
        const store = yield* RolloutStore
        const ref = yield* store.create(
          { threadId: id(run), createdAt: 1_772_000_000_000 },
          Stream.fromIterable(parts.map((part) => Uint8Array.from(part)))
        )
        const { bytes } = yield* bytesOf(ref)
        yield* Expect.equal(Array.from(bytes), parts.flat())
        yield* Expect.equal(yield* store.locate(id(run)), ref)
      })
    )
  ),
  creating.test(
    "copies from a stream whose chunks are only lent",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const lent = new Uint8Array(4)
      const content = Stream.unfold(1, (n) =>
        Effect.sync(() => (n <= 50 ? ([lent.fill(n), n + 1] as const) : undefined))
      )
      const ref = yield* store.create({ threadId: id(1), createdAt: 1_772_000_000_000 }, content)
      const { bytes } = yield* bytesOf(ref)
      yield* Expect.equal(
        Array.from(bytes),
        Array.from({ length: 200 }, (_, at) => 1 + Math.floor(at / 4))
      )
    })
  ),

  creating.test(
    "names the file as Codex does, in local time",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const at = localTime(999)
      const ref = yield* store.create({ threadId: id(1), createdAt: at }, Stream.empty)
      yield* Expect.equal(ref.path, `${files.home}/sessions/2026/01/05/rollout-2026-01-05T06-07-08-${id(1)}.jsonl`)
      yield* Expect.isFalse(ref.archived)
      yield* Expect.isNull(ref.segmentId)
    }),
    ["files"]
  ),

  creating.test(
    "names a segment after its thread and itself, and the thread lives there",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const at = localTime(0)
      const first = yield* store.create({ threadId: id(1), createdAt: at }, Stream.empty)
      const next = { threadId: id(1), createdAt: at, segmentId: segment(2).toUpperCase() }
      const second = yield* store.create(next, Stream.empty)
      yield* Expect.equal(second.path, first.path.replace(".jsonl", `_${segment(2)}.jsonl`))
      yield* Expect.isDefined(yield* files.read(second.path.slice(files.home.length + 1)))
      yield* Expect.equal(second.segmentId, segment(2))
      yield* Expect.equal(yield* store.locate(id(1)), second)
      yield* Expect.equal(yield* store.segments(id(1)), [first, second])
      const error = yield* Effect.flip(store.create({ ...next, segmentId: "../escape" }, Stream.empty))
      yield* Expect.equal(error._tag, "RolloutStoreError")
    }),
    ["files", "segments"]
  ),

  creating.test(
    "never replaces a file, and leaves nothing behind when the content fails",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const rollout = { threadId: id(1), createdAt: 1_772_000_000_000 }
      const content = (text: string) => Stream.succeed(new TextEncoder().encode(text))
      const ref = yield* store.create(rollout, content("first"))
      const before = yield* files.fingerprint
      const again = yield* Effect.flip(store.create(rollout, content("second")))
      yield* Expect.equal(again._tag, "RolloutStoreError")
      const broken = Stream.concat(content("half"), Stream.fail("broken" as const))
      const failure = yield* Effect.flip(store.create({ ...rollout, threadId: id(2) }, broken))
      yield* Expect.equal(failure, "broken")
      yield* Expect.equal((yield* Effect.flip(store.locate(id(2))))._tag, "ThreadNotFound")
      yield* Expect.equal(yield* textOf(ref), "first")
      yield* Expect.equal(yield* files.fingerprint, before)
    }),
    ["files"]
  ),

  creating.test(
    "shows a rollout only once it is whole",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const seen: Array<boolean> = []
      const watch = Effect.matchEffect(store.locate(id(1)), {
        onFailure: () => Effect.sync(() => void seen.push(false)),
        onSuccess: () => Effect.sync(() => void seen.push(true))
      })
      const content = Stream.tap(Stream.make(new Uint8Array(3), new Uint8Array(3)), () => watch)
      yield* store.create({ threadId: id(1), createdAt: 1_772_000_000_000 }, content)
      yield* Expect.equal(seen, [false, false])
      yield* store.locate(id(1))
    })
  )
]

/** Names of threads. */
export const naming = [
  named.test(
    "come from the newest usable line of each thread",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* Expect.equal((yield* store.names).size, 0)
      yield* files.write(
        "session_index.jsonl",
        [
          `{"id":"${id(1)}","thread_name":"old","updated_at":"2026-03-01T00:00:00.1Z"}`,
          `{"id":"${id(2).toUpperCase()}","thread_name":"__proto__"}`,
          `{"id":"${id(1)}","thread_name":"new"}`,
          `{"id":"${id(1)}","thread_name":"  "}`,
          `{"id":"${id(1)}","thread_name":7}`,
          `{"id":"__proto__","thread_name":"x"}`,
          `{"__proto__":{"id":"${id(3)}","thread_name":"inherited"}}`,
          `[]`,
          `{"id":"${id(3)}","thread_name":"torn`
        ].join("\n")
      )
      yield* Expect.equal(Array.from(yield* store.names), [
        [id(1), "new"],
        [id(2), "__proto__"]
      ])
      yield* files.append("session_index.jsonl", `\n{"id":"${id(3)}","thread_name":"three"}\n`)
      yield* Expect.equal((yield* store.names).get(id(3)), "three")
    }),
    ["names"]
  )
]
