/**
 * What every `RolloutStore` must do, whatever it stores in. A backend's test hands in a fresh store,
 * a way to its files behind the store's back, and says what it can do; nothing is skipped silently.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Result, Schema, Stream } from "effect"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { rolloutWritingSuite } from "./RolloutWritingSuite.ts"
import {
  bytesOf,
  day,
  file,
  id,
  listed,
  meta,
  segment,
  type StoreCapabilities,
  StoreFiles,
  textOf
} from "./StoreFiles.ts"

/** Runs the suite against stores that `fresh` makes: an empty home each. */
export const rolloutStoreSuite = <E>(
  name: string,
  fresh: () => Layer.Layer<RolloutStore | StoreFiles, E>,
  capabilities: StoreCapabilities
): void => {
  type Body = Effect.Effect<void, object | string, RolloutStore | StoreFiles>
  const test = (title: string, body: Body) => it.effect(title, () => Effect.provide(body, fresh()))
  /** A test of something that the backend declares it can do; there is nothing to run otherwise. */
  const testIf = (capable: boolean) => (title: string, body: Body) => {
    if (capable) test(title, body)
  }

  describe(name, () => {
    describe("locate", () => {
      test(
        "finds a rollout at any depth, by the thread in its name, in any letter case",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          yield* files.write(`${day}/${file(1)}`, meta(id(1)))
          yield* files.write(`sessions/${file(2)}`, meta(id(2)))
          yield* files.write(
            `sessions/a/b/c/d/e/${file(3).toUpperCase().replace("ROLLOUT-", "rollout-").replace(".JSONL", ".jsonl")}`,
            ""
          )
          yield* files.write(`${day}/rollout-anything-${id(4)}.jsonl`, meta(id(4)))
          const ref = yield* store.locate(id(1))
          assert.deepStrictEqual(ref, {
            threadId: id(1),
            path: `${files.home}/${day}/${file(1)}`,
            archived: false,
            segmentId: null
          })
          for (const n of [2, 3, 4]) assert.strictEqual((yield* store.locate(id(n))).threadId, id(n))
        })
      )

      test(
        "does not find what only resembles a rollout",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          for (const name of [`foo-${id(1)}.jsonl`, `${id(1)}.jsonl`, `${file(1)}.bak`, `rollout-x-${id(1)}.json`]) {
            yield* files.write(`${day}/${name}`, meta(id(1)))
          }
          yield* files.write(file(1), meta(id(1)))
          const error = yield* Effect.flip(store.locate(id(1)))
          assert.strictEqual(error._tag, "ThreadNotFound")
          assert.deepStrictEqual(yield* listed(false), [])
        })
      )

      test(
        "prefers the newest file, and over that the latest segment",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          const newest = file(1, { time: "2026-03-02T09-00-00" })
          yield* files.write(`${day}/${newest}`, "2\n")
          yield* files.write(`sessions/${file(1, { time: "zzzz" })}`, "0\n")
          yield* files.write(`${day}/${file(1)}`, "1\n")
          assert.strictEqual(yield* textOf(yield* store.locate(id(1))), "2\n")
          const second = file(1, { time: "2026-03-01T11-00-00", segment: 2 })
          yield* files.write(`${day}/${second}`, "4\n")
          yield* files.write(`${day}/${file(1, { time: "2026-03-03T11-00-00", segment: 1 })}`, "3\n")
          const ref = yield* store.locate(id(1))
          assert.strictEqual(ref.segmentId, segment(2))
          assert.strictEqual(yield* textOf(ref), "4\n")
          const all = yield* store.segments(id(1))
          assert.deepStrictEqual(yield* Effect.forEach(all, textOf), ["0\n", "1\n", "2\n", "3\n", "4\n"])
        })
      )

      test(
        "gives an archived thread only when asked for it, and an active file before an archived one",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          yield* files.write(`archived_sessions/${file(1)}`, meta(id(1)))
          assert.strictEqual((yield* Effect.flip(store.locate(id(1))))._tag, "ThreadArchived")
          const archived = yield* store.locate(id(1), { archived: true })
          assert.isTrue(archived.archived)
          assert.deepStrictEqual(yield* listed(false), [])
          assert.deepStrictEqual(yield* listed(true), [archived.path])
          yield* files.write(`${day}/${file(1)}`, meta(id(1)))
          assert.isFalse((yield* store.locate(id(1), { archived: true })).archived)
          assert.deepStrictEqual(yield* listed(true), [])
          assert.strictEqual((yield* store.segments(id(1))).length, 2)
        })
      )

      test(
        "sees what another program adds and removes",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          assert.strictEqual((yield* Effect.flip(store.locate(id(1))))._tag, "ThreadNotFound")
          yield* files.write(`${day}/${file(1)}`, "a")
          const ref = yield* store.locate(id(1))
          yield* files.write(`sessions/2026/03/02/${file(1, { time: "2026-03-02T00-00-00" })}`, "b")
          assert.strictEqual(yield* textOf(yield* store.locate(id(1))), "b")
          yield* files.remove(`sessions/2026/03/02/${file(1, { time: "2026-03-02T00-00-00" })}`)
          assert.deepStrictEqual(yield* store.locate(id(1)), ref)
          yield* files.remove(`${day}/${file(1)}`)
          assert.strictEqual((yield* Effect.flip(store.locate(id(1))))._tag, "ThreadNotFound")
          assert.strictEqual((yield* Effect.flip(store.stat(ref)))._tag, "ThreadNotFound")
          assert.strictEqual((yield* Effect.flip(textOf(ref)))._tag, "ThreadNotFound")
        })
      )

      test(
        "surveys what it lists, newest name first, as the same array until something is added or gone",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          const survey = store.survey({ archived: false })
          assert.deepStrictEqual(yield* survey, [])
          yield* files.write(`${day}/${file(1, { time: "2026-03-01T10-00-01" })}`, "a")
          yield* files.write(`${day}/${file(2, { time: "2026-03-01T10-00-03" })}`, "b")
          yield* files.write(`sessions/${file(3, { time: "2026-03-01T10-00-02" })}`, "c")
          yield* files.write(`sessions/rollout-x-${id(4)}.jsonl`, "d")
          yield* files.write(`archived_sessions/${file(5)}`, "e")
          const first = yield* survey
          assert.deepStrictEqual(
            first.map((ref) => ref.threadId),
            [4, 2, 3, 1].map(id)
          )
          assert.deepStrictEqual(first.map((ref) => ref.path).toSorted(), yield* listed(false))
          yield* files.append(`sessions/${file(3, { time: "2026-03-01T10-00-02" })}`, "more")
          assert.strictEqual(yield* survey, first)
          assert.deepStrictEqual(
            (yield* store.survey({ archived: true })).map((ref) => ref.threadId),
            [id(5)]
          )
          yield* files.remove(`sessions/${file(3, { time: "2026-03-01T10-00-02" })}`)
          assert.deepStrictEqual(
            (yield* survey).map((ref) => ref.threadId),
            [4, 2, 1].map(id)
          )
        })
      )

      test(
        "looks at many at once as at each, and at the beginning of one",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          yield* files.write(`${day}/${file(1)}`, "small")
          yield* files.write(`${day}/${file(2)}`, "0123456789".repeat(40_000))
          const refs = [yield* store.locate(id(1)), yield* store.locate(id(2))]
          yield* files.write(`${day}/${file(3)}`, "")
          const gone = yield* store.locate(id(3))
          yield* files.remove(`${day}/${file(3)}`)
          const [small = null, large = null] = yield* Effect.forEach(refs, store.stat)
          assert.deepStrictEqual(yield* store.stats([...refs, gone]), [small, large, null])
          const peeked = yield* Effect.forEach([...refs, gone], (ref) =>
            store.peek(ref, ({ bytes, stat, whole }) => ({ text: new TextDecoder().decode(bytes), stat, whole }))
          )
          assert.deepStrictEqual(peeked[0], { text: "small", stat: small ?? assert.fail("no stat"), whole: true })
          assert.deepStrictEqual([peeked[1]?.stat, peeked[1]?.whole], [large ?? undefined, false])
          assert.strictEqual(peeked[1]?.text, "0123456789".repeat(40_000).slice(0, 64 * 1024))
          assert.isNull(peeked[2])
        })
      )

      test(
        "lists each thread once",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          yield* files.write(`${day}/${file(1)}`, "a")
          yield* files.write(`${day}/${file(1, { segment: 1 })}`, "b")
          yield* files.write(`${day}/${file(2)}`, "c")
          assert.deepStrictEqual(
            yield* listed(false),
            [`${files.home}/${day}/${file(1, { segment: 1 })}`, `${files.home}/${day}/${file(2)}`].sort()
          )
        })
      )
    })

    describe("resolve", () => {
      const refused = (path: string, reason: string) =>
        Effect.gen(function* () {
          const store = yield* RolloutStore
          const result = yield* Effect.result(store.resolve(path))
          if (Result.isSuccess(result)) return assert.fail(`${JSON.stringify(path)} was let through`)
          if (result.failure._tag !== "PathRefused") return assert.fail(`${path}: ${result.failure.message}`)
          assert.strictEqual(result.failure.reason, reason, JSON.stringify(path))
          assert.strictEqual(result.failure.path, path)
        })

      test(
        "takes absolute and relative paths inside the home",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          yield* files.write(`${day}/${file(1)}`, meta(id(1)))
          yield* files.write(`archived_sessions/${file(2, { segment: 3 })}`, "")
          const expected = yield* store.locate(id(1))
          assert.deepStrictEqual(yield* store.resolve(expected.path), expected)
          assert.deepStrictEqual(yield* store.resolve(`${day}/${file(1)}`), expected)
          assert.deepStrictEqual(yield* store.resolve(`./sessions/../${day}//${file(1)}`), expected)
          assert.deepStrictEqual(yield* store.resolve(`archived_sessions/${file(2, { segment: 3 })}`), {
            threadId: id(2),
            path: `${files.home}/archived_sessions/${file(2, { segment: 3 })}`,
            archived: true,
            segmentId: segment(3)
          })
        })
      )

      test(
        "takes the id of a file with a free name from its session_meta",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          yield* files.write("backup/my session.jsonl", `\n{torn\n{"type":"event_msg"}\n${meta(id(7).toUpperCase())}`)
          assert.strictEqual((yield* store.resolve("backup/my session.jsonl")).threadId, id(7))
          yield* files.write("backup/none.jsonl", `{"type":"event_msg","payload":{"id":"${id(7)}"}}\n`)
          yield* refused("backup/none.jsonl", "notARollout")
          yield* files.write("backup/empty.jsonl", "")
          yield* refused("backup/empty.jsonl", "notARollout")
          yield* files.write("backup/far.jsonl", `${" ".repeat(3 * 1024 * 1024)}\n${meta(id(7))}`)
          yield* refused("backup/far.jsonl", "notARollout")
        })
      )

      test(
        "refuses every way out of the home",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          yield* files.write(`${day}/${file(1)}`, meta(id(1)))
          for (const path of [
            "..",
            "../x.jsonl",
            `${day}/../../../../../etc/hosts.jsonl`,
            "/etc/passwd",
            "/",
            `${files.home}-evil/x.jsonl`
          ]) {
            yield* refused(path, "outsideHome")
          }
        })
      )

      test(
        "says why a path cannot be used",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          yield* files.write(`${day}/${file(1)}`, meta(id(1)))
          yield* files.write("config.toml", "x = 1")
          yield* refused("", "invalid")
          yield* refused(`${day}/${file(1)}\0.jsonl`, "invalid")
          yield* refused("x/".repeat(5000), "invalid")
          yield* refused(".", "isDirectory")
          yield* refused(day, "isDirectory")
          yield* refused("config.toml", "notARollout")
          yield* refused(`${day}/${file(2)}`, "notFound")
          yield* refused(`${day}/${file(1)}/x.jsonl`, "notFound")
        })
      )

      testIf(capabilities.symlinks)(
        "follows links inside the home and refuses links out of it",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          yield* files.write(`${day}/${file(1)}`, meta(id(1)))
          yield* files.symlink("link.jsonl", `${day}/${file(1)}`)
          yield* files.symlink("secret.jsonl", "/etc/hostname")
          yield* files.symlink("elsewhere", "/etc")
          yield* files.symlink("dangling.jsonl", "nowhere")
          yield* files.symlink("loop.jsonl", "loop.jsonl")
          assert.deepStrictEqual(yield* store.resolve("link.jsonl"), yield* store.locate(id(1)))
          yield* refused("secret.jsonl", "outsideHome")
          yield* refused("elsewhere/hostname", "outsideHome")
          yield* refused("elsewhere/nothing.jsonl", "notFound")
          yield* refused("dangling.jsonl", "notFound")
          yield* refused("loop.jsonl", "invalid")
        })
      )

      testIf(capabilities.symlinks)(
        "passes over links that lead nowhere, in circles or out, and lists the others",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          yield* files.write(`${day}/${file(1)}`, meta(id(1)))
          yield* files.write(`kept/${file(2)}`, meta(id(2)))
          yield* files.symlink(`${day}/${file(3)}`, "nowhere.jsonl")
          yield* files.symlink(`${day}/${file(4)}`, file(4))
          yield* files.symlink(`${day}/up`, "../..")
          yield* files.symlink(`${day}/out`, "/etc")
          yield* files.symlink(`${day}/${file(5)}`, "/etc/hostname")
          yield* files.symlink(`${day}/kept`, "../../../../kept")
          assert.deepStrictEqual(
            yield* listed(false),
            [`${files.home}/${day}/${file(1)}`, `${files.home}/kept/${file(2)}`].sort()
          )
        })
      )
    })

    describe("read and stat", () => {
      test(
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
          assert.isTrue(bytes.equals(content))
          assert.isAtMost(largest, 1024 * 1024)
          assert.strictEqual((yield* store.stat(ref)).size, content.length)
          assert.strictEqual(yield* textOf(yield* store.locate(id(2))), "")
          yield* store.resolve(ref.path)
          yield* listed(false)
          yield* store.names
          assert.strictEqual(yield* files.fingerprint, before)
        })
      )

      test(
        "can be stopped after the first chunk, and read by many at once",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          const content = "0123456789abcdef".repeat(100_000)
          yield* files.write(`${day}/${file(1)}`, content)
          const ref = yield* store.locate(id(1))
          const head = yield* Stream.runCollect(Stream.take(store.read(ref), 1))
          assert.isTrue(content.startsWith(new TextDecoder().decode(head[0])))
          const all = yield* Effect.forEach([1, 2, 3, 4], () => textOf(ref), { concurrency: 4 })
          assert.isTrue(all.every((text) => text === content))
        })
      )

      test(
        "changes the version with every change, and only then",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          yield* files.write(`${day}/${file(1)}`, "abc", 1_700_000_000_000)
          const ref = yield* store.locate(id(1))
          const first = yield* store.stat(ref)
          assert.strictEqual(first.modifiedAt, 1_700_000_000_000)
          yield* textOf(ref)
          assert.deepStrictEqual(yield* store.stat(ref), first)
          yield* files.append(`${day}/${file(1)}`, "d")
          const second = yield* store.stat(ref)
          assert.notStrictEqual(second.version, first.version)
          assert.strictEqual(second.size, 4)
          yield* files.write(`${day}/${file(1)}`, "abce", 1_700_000_000_000)
          assert.notStrictEqual((yield* store.stat(ref)).version, second.version)
        })
      )

      testIf(capabilities.compression)(
        "unpacks .zst, which a plain twin hides, and leaves it where it is",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          const content = meta(id(1)) + "x".repeat(700_000)
          yield* files.write(`${day}/${file(1, { zst: true })}`, files.compress(content))
          const before = yield* files.fingerprint
          const ref = yield* store.locate(id(1))
          assert.strictEqual(yield* textOf(ref), content)
          assert.deepStrictEqual(yield* store.resolve(`${day}/${file(1)}`), ref)
          assert.strictEqual(yield* files.fingerprint, before)
          yield* files.write(`${day}/${file(1)}`, "plain\n")
          assert.strictEqual(yield* textOf(yield* store.locate(id(1))), "plain\n")
          assert.strictEqual(yield* textOf(yield* store.resolve(`${day}/${file(1, { zst: true })}`)), "plain\n")
          assert.strictEqual((yield* store.segments(id(1))).length, 1)
        })
      )

      testIf(capabilities.compression)(
        "gives what a cut or damaged .zst still holds, then fails",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          const content = Array.from({ length: 40_000 }, (_, n) => `${n * 7919}`).join("\n")
          const packed = files.compress(content)
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
            assert.isTrue(Result.isFailure(result) && result.failure._tag === "RolloutStoreError", `case ${n}`)
            assert.isTrue(content.startsWith(text), `case ${n}`)
            if (n <= 2) assert.isAbove(text.length, 0, `case ${n}`)
          }
          assert.strictEqual(yield* textOf(yield* store.locate(id(5))), content + content)
        })
      )
    })

    testIf(!capabilities.compression)(
      "knows a compressed rollout, and fails to read it with a reason",
      Effect.gen(function* () {
        const files = yield* StoreFiles
        const store = yield* RolloutStore
        yield* files.write(`${day}/${file(1, { zst: true })}`, "packed")
        const error = yield* Effect.flip(textOf(yield* store.locate(id(1))))
        assert.strictEqual(error._tag, "RolloutStoreError")
        assert.include(error.message, "compressed")
        yield* files.write(`${day}/${file(1)}`, "plain\n")
        assert.strictEqual(yield* textOf(yield* store.locate(id(1))), "plain\n")
      })
    )

    describe("create", () => {
      it.effect.prop(
        "then read gives the same bytes, however they were cut",
        [Schema.Array(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))))],
        ([parts]) =>
          Effect.gen(function* () {
            const store = yield* RolloutStore
            const ref = yield* store.create(
              { threadId: id(1), createdAt: 1_772_000_000_000 },
              Stream.fromIterable(parts.map((part) => Uint8Array.from(part)))
            )
            const { bytes } = yield* bytesOf(ref)
            assert.deepStrictEqual(Array.from(bytes), parts.flat())
            assert.deepStrictEqual(yield* store.locate(id(1)), ref)
          }).pipe(Effect.provide(fresh()))
      )

      test(
        "copies from a stream whose chunks are only lent",
        Effect.gen(function* () {
          const store = yield* RolloutStore
          const lent = new Uint8Array(4)
          const content = Stream.unfold(1, (n) =>
            Effect.sync(() => (n <= 50 ? ([lent.fill(n), n + 1] as const) : undefined))
          )
          const ref = yield* store.create({ threadId: id(1), createdAt: 1_772_000_000_000 }, content)
          const { bytes } = yield* bytesOf(ref)
          assert.deepStrictEqual(
            Array.from(bytes),
            Array.from({ length: 200 }, (_, at) => 1 + Math.floor(at / 4))
          )
        })
      )

      test(
        "names the file as Codex does, in local time",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          const at = new Date(2026, 0, 5, 6, 7, 8, 999)
          const ref = yield* store.create({ threadId: id(1), createdAt: at.getTime() }, Stream.empty)
          assert.strictEqual(ref.path, `${files.home}/sessions/2026/01/05/rollout-2026-01-05T06-07-08-${id(1)}.jsonl`)
          assert.isFalse(ref.archived)
          assert.isNull(ref.segmentId)
        })
      )

      test(
        "names a segment after its thread and itself, and the thread lives there",
        Effect.gen(function* () {
          const store = yield* RolloutStore
          const at = new Date(2026, 0, 5, 6, 7, 8).getTime()
          const first = yield* store.create({ threadId: id(1), createdAt: at }, Stream.empty)
          const next = { threadId: id(1), createdAt: at, segmentId: segment(2).toUpperCase() }
          const second = yield* store.create(next, Stream.empty)
          assert.strictEqual(second.path, first.path.replace(".jsonl", `_${segment(2)}.jsonl`))
          assert.strictEqual(second.segmentId, segment(2))
          assert.deepStrictEqual(yield* store.locate(id(1)), second)
          assert.deepStrictEqual(yield* store.segments(id(1)), [first, second])
          const error = yield* Effect.flip(store.create({ ...next, segmentId: "../escape" }, Stream.empty))
          assert.strictEqual(error._tag, "RolloutStoreError")
        })
      )

      test(
        "never replaces a file, and leaves nothing behind when the content fails",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          const rollout = { threadId: id(1), createdAt: 1_772_000_000_000 }
          const content = (text: string) => Stream.succeed(new TextEncoder().encode(text))
          const ref = yield* store.create(rollout, content("first"))
          const before = yield* files.fingerprint
          const again = yield* Effect.flip(store.create(rollout, content("second")))
          assert.strictEqual(again._tag, "RolloutStoreError")
          const broken = Stream.concat(content("half"), Stream.fail("broken" as const))
          const failure = yield* Effect.flip(store.create({ ...rollout, threadId: id(2) }, broken))
          assert.strictEqual(failure, "broken")
          assert.strictEqual((yield* Effect.flip(store.locate(id(2))))._tag, "ThreadNotFound")
          assert.strictEqual(yield* textOf(ref), "first")
          assert.strictEqual(yield* files.fingerprint, before)
        })
      )

      test(
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
          assert.deepStrictEqual(seen, [false, false])
          yield* store.locate(id(1))
        })
      )
    })

    describe("names", () => {
      test(
        "come from the newest usable line of each thread",
        Effect.gen(function* () {
          const files = yield* StoreFiles
          const store = yield* RolloutStore
          assert.strictEqual((yield* store.names).size, 0)
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
          assert.deepStrictEqual(Array.from(yield* store.names), [
            [id(1), "new"],
            [id(2), "__proto__"]
          ])
          yield* files.append("session_index.jsonl", `\n{"id":"${id(3)}","thread_name":"three"}\n`)
          assert.strictEqual((yield* store.names).get(id(3)), "three")
        })
      )
    })

    rolloutWritingSuite(fresh, capabilities)
  })
}
