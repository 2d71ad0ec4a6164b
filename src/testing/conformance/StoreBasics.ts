/**
 * What every rollout store must do, seen through the store alone: these cases know of no files, so a store in a database
 * passes them as one in a folder does.
 */
import { Effect, Exit, Result, Scope, Stream } from "effect"
import { type RolloutRef, RolloutStore } from "../../services/RolloutStore.ts"
import * as Expect from "../Expect.ts"
import { id, listed, meta, onStore, segment, textOf } from "./StoreFiles.ts"

const basics = onStore("a rollout")
const at = 1_772_000_000_000

const made = (n: number, content: string, options: { readonly at?: number; readonly segment?: number } = {}) =>
  RolloutStore.use((store) =>
    store.create(
      {
        threadId: id(n),
        createdAt: options.at ?? at,
        ...(options.segment === undefined ? {} : { segmentId: segment(options.segment) })
      },
      Stream.succeed(new TextEncoder().encode(content))
    )
  )

const append = (ref: RolloutRef, ...lines: ReadonlyArray<string>) =>
  RolloutStore.use((store) => Effect.scoped(Effect.flatMap(store.writer(ref), (writer) => writer.append(lines))))

/** Through the service alone. */
export const basicCases = [
  basics.test(
    "that was created is found, listed and read",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const one = yield* made(1, meta(id(1)))
      const two = yield* made(2, meta(id(2)), { at: at + 60_000 })
      yield* Expect.equal(yield* store.locate(id(1)), one)
      yield* Expect.equal(yield* store.resolve(two.path), two)
      yield* Expect.equal(yield* textOf(two), meta(id(2)))
      yield* Expect.equal(yield* listed(false), [one.path, two.path].sort())
      yield* Expect.equal(yield* listed(true), [])
      const survey = yield* store.survey({ archived: false })
      yield* Expect.equal(survey, [two, one], "newest first")
      yield* Expect.same(yield* store.survey({ archived: false }), survey)
      yield* Expect.equal((yield* Effect.flip(store.locate(id(3))))._tag, "ThreadNotFound")
    })
  ),
  basics.test(
    "keeps every append, in order, by one writer or by many after each other",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const ref = yield* made(1, meta(id(1)))
      const writer = yield* store.writer(ref)
      for (let n = 0; n < 5; n++) {
        yield* writer.append([`${n}`, `${n} again`])
        const lines = Array.from({ length: n + 1 }, (_, m) => `${m}\n${m} again\n`).join("")
        yield* Expect.equal(yield* textOf(ref), meta(id(1)) + lines)
      }
      const other = yield* made(2, "")
      for (const line of ["a", "b", "c"]) yield* append(other, line)
      yield* Expect.equal(yield* textOf(other), "a\nb\nc\n")
    })
  ),
  basics.test(
    "that was just created is written to, and found as it grows",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const ref = yield* made(1, meta(id(1)))
      const writer = yield* store.writer(ref)
      yield* writer.append(["a"])
      yield* writer.append(["b"])
      yield* Expect.equal(yield* textOf(yield* store.locate(id(1))), `${meta(id(1))}a\nb\n`)
    })
  ),
  basics.test(
    "refuses a line that is two, and begins a new one after a torn one",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const ref = yield* made(1, "whole\ntor")
      const refused = yield* Effect.flip(append(ref, "a\nb"))
      yield* Expect.equal(refused._tag, "RolloutWriteFailed")
      yield* append(ref, "new")
      yield* Expect.equal(yield* textOf(yield* store.locate(id(1))), "whole\ntor\nnew\n")
    })
  ),
  basics.test(
    "changes its version with every append, and only then",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const ref = yield* made(1, "a\n")
      const before = yield* store.stat(ref)
      yield* Expect.equal(before.size, 2)
      yield* textOf(ref)
      yield* Expect.equal(yield* store.stat(ref), before)
      yield* append(ref, "b")
      const after = yield* store.stat(ref)
      yield* Expect.different(after.version, before.version)
      // It is the same rollout all the same, and another one is not.
      yield* Expect.equal(after.identity, before.identity)
      yield* Expect.different((yield* store.stat(yield* made(2, "a\n"))).identity, before.identity)
      yield* Expect.equal(after.size, 4)
      yield* Expect.equal(yield* store.stats([ref, { ...ref, path: `${ref.path}.gone.jsonl` }]), [after, null])
      const refused = yield* Effect.flip(store.writer(ref, { version: before.version }))
      yield* Expect.equal(refused._tag, "RolloutChanged")
    }),
    ["versions"]
  ),
  basics.test(
    "shows its beginning and its end, or says that it cannot",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const text = "0123456789".repeat(40_000)
      const ref = yield* made(1, text)
      const ends = yield* store.ends(ref, { head: 4, tail: 3 })
      if (ends !== null) {
        yield* Expect.equal(new TextDecoder().decode(ends.head), "0123")
        yield* Expect.equal(new TextDecoder().decode(ends.tail), "789")
        yield* Expect.equal(ends.tailFrom, text.length - 3)
      }
      const seen = yield* store.peek(ref, ({ bytes, whole }) => ({ text: new TextDecoder().decode(bytes), whole }))
      if (seen !== null) {
        yield* Expect.isTrue(text.startsWith(seen.text) && seen.text !== "", "a beginning")
        yield* Expect.equal(seen.whole, seen.text.length === text.length)
      }
      yield* Expect.isNull(yield* store.peek({ ...ref, path: `${ref.path}.gone.jsonl` }, () => 1))
    })
  ),
  basics.test(
    "has one writer at a time",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const ref = yield* made(1, "")
      const scope = yield* Scope.make()
      const writer = yield* Scope.provide(store.writer(ref), scope)
      const second = yield* Effect.result(Effect.scoped(store.writer(ref)))
      yield* Expect.isTrue(Result.isFailure(second) && second.failure._tag === "RolloutBusy", "a second writer")
      yield* Expect.equal((yield* Effect.flip(store.remove(id(1))))._tag, "RolloutBusy")
      yield* Scope.close(scope, Exit.void)
      yield* Expect.equal((yield* Effect.flip(writer.append(["late"]))).reason, "broken")
      yield* append(ref, "next")
      yield* Expect.equal(yield* textOf(ref), "next\n")
    }),
    ["writerLock"]
  ),
  basics.test(
    "lives on in its latest segment",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const first = yield* made(1, "1\n")
      const second = yield* made(1, "2\n", { segment: 1 })
      yield* Expect.equal(yield* store.locate(id(1)), second)
      yield* Expect.equal(yield* store.segments(id(1)), [first, second])
      yield* Expect.equal(yield* listed(false), [second.path])
    }),
    ["segments"]
  ),
  basics.test(
    "goes to the archive and comes back, byte for byte",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const ref = yield* made(1, "a\n")
      yield* made(2, "b\n")
      yield* store.archive(id(1))
      yield* Expect.equal((yield* Effect.flip(store.locate(id(1))))._tag, "ThreadArchived")
      const archived = yield* store.locate(id(1), { archived: true })
      yield* Expect.isTrue(archived.archived)
      yield* Expect.equal(yield* textOf(archived), "a\n")
      yield* Expect.equal(yield* listed(true), [archived.path])
      yield* Expect.equal((yield* listed(false)).length, 1)
      const back = yield* store.unarchive(id(1))
      yield* Expect.equal(yield* store.locate(id(1)), back)
      yield* Expect.equal(yield* textOf(back), "a\n")
      yield* Expect.equal(back.threadId, ref.threadId)
      yield* Expect.equal((yield* Effect.flip(store.archive(id(3))))._tag, "ThreadNotFound")
    }),
    ["archive"]
  ),
  basics.test(
    "leaves nothing behind when it is removed",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      yield* made(1, "a\n")
      const other = yield* made(2, "b\n")
      yield* store.remove(id(1))
      yield* Expect.equal((yield* Effect.flip(store.locate(id(1), { archived: true })))._tag, "ThreadNotFound")
      yield* Expect.equal(yield* listed(false), [other.path])
      yield* Expect.equal((yield* Effect.flip(store.remove(id(1))))._tag, "ThreadNotFound")
    })
  ),
  basics.test(
    "has the name that it was given last",
    Effect.gen(function* () {
      const store = yield* RolloutStore
      yield* store.setName(id(1), "old")
      yield* store.setName(id(2), "other")
      yield* store.setName(id(1), "new")
      const names = yield* store.names
      yield* Expect.equal([names.get(id(1)), names.get(id(2))], ["new", "other"])
    }),
    ["names"]
  )
]
