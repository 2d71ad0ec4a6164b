/**
 * Reading a thread without its turns: quick where nothing changed, and never another thread than the one that a whole
 * reading tells of.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { type Snapshot, Threads } from "../../src/services/Threads.ts"
import { defaultCreatedAt, paginated, rollout, uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { server } from "../support/TestServer.ts"

const base = rollout({ model: "first" })
const short = base.turn({ id: "T1", user: "one", usage: true }).build()
const long = base.turn({ id: "T1", user: "one" }).turn({ id: "T2", user: "two", usage: true }).build()
const other = rollout({ model: "other", git: { branch: "side" } })
  .turn({ id: "T1", user: "else" })
  .build()
const renamed = base.event({ type: "thread_name_updated", thread_id: short.threadId, thread_name: "by itself" }).build()
const { path, threadId } = short
const reverted = base.turn({ id: "T9", user: "again" }).revert().turn({ id: "T8", user: "after" }).build()

const Operation = Schema.Literals([
  "nothing",
  "go on",
  "another",
  "named in it",
  "garbage",
  "name",
  "archive",
  "unarchive",
  "continue elsewhere",
  "remove"
])

const apply = Effect.fnUntraced(function* (operation: typeof Operation.Type, number: number) {
  const files = yield* MemoryFiles
  const store = yield* RolloutStore
  const write = (content: string) => files.write({ path, content, modifiedAt: defaultCreatedAt + number })
  switch (operation) {
    case "nothing":
      return
    case "go on":
      return yield* write(long.content)
    case "another":
      return yield* write(other.content)
    case "named in it":
      return yield* write(renamed.content)
    case "garbage":
      return yield* write("no rollout\n")
    case "name":
      return yield* store.setName(threadId, `name ${number}`)
    case "archive":
      return yield* Effect.ignore(store.archive(threadId))
    case "unarchive":
      return yield* Effect.ignore(store.unarchive(threadId))
    case "continue elsewhere":
      return yield* files.write({ path: reverted.path, content: reverted.content })
    case "remove":
      return yield* Effect.ignore(store.remove(threadId))
  }
})

/** What came of it: the thread without its turns, or which failure. */
const outcome = <E extends { readonly _tag: string; readonly message: string }>(read: Effect.Effect<Snapshot, E>) =>
  Effect.match(read, {
    onFailure: ({ _tag, message }) => ({ _tag, message }),
    onSuccess: (snapshot) => ({ ...snapshot, thread: { ...snapshot.thread, turns: [] } })
  })

describe("a thread without its turns", () => {
  it.effect.prop(
    "is what a whole reading tells, whatever happened to its files",
    { operations: Schema.Array(Operation).check(Schema.isMaxLength(12)) },
    ({ operations }) =>
      Effect.gen(function* () {
        const threads = yield* Threads
        for (const [number, operation] of ["nothing" as const, ...operations].entries()) {
          yield* apply(operation, number)
          const whole = yield* outcome(threads.read(threadId))
          const told = yield* outcome(threads.read(threadId, { withTurns: false }))
          assert.deepStrictEqual(told, whole, operation)
        }
      }).pipe(Effect.provide(server([short])))
  )

  it.effect("is read from its rollout once for as long as that stays the same", () => {
    let reads = 0
    const counted = (store: RolloutStore["Service"]) =>
      RolloutStore.of({
        ...store,
        read: (ref) => {
          reads++
          return store.read(ref)
        }
      })
    return Effect.gen(function* () {
      const threads = yield* Threads
      const first = yield* threads.read(threadId, { withTurns: false })
      const once = reads
      assert.isAbove(once, 0)
      assert.deepStrictEqual(yield* threads.read(threadId, { withTurns: false }), first)
      assert.strictEqual(reads, once)
      yield* apply("go on", 1)
      assert.notDeepEqual(yield* threads.read(threadId, { withTurns: false }), first)
      assert.isAbove(reads, once)
    }).pipe(Effect.provide(server([short], { store: counted })))
  })

  it.effect("whose history began elsewhere is what that says now", () => {
    const source = paginated().turn({ id: "T1", user: "from elsewhere" }).build()
    const history_base = {
      thread_id: source.threadId,
      end_ordinal_exclusive: source.content.trimEnd().split("\n").length
    }
    const fork = paginated({ threadId: uuidAt(defaultCreatedAt, 7), meta: { history_base } })
      .turn({ id: "T2", user: "here" })
      .build()
    return Effect.gen(function* () {
      const threads = yield* Threads
      const read = Effect.map(threads.read(fork.threadId, { withTurns: false }), ({ thread }) => thread.preview)
      assert.strictEqual(yield* read, "here")
      yield* MemoryFiles.use((files) => files.write(source))
      assert.strictEqual(yield* read, "from elsewhere")
    }).pipe(Effect.provide(server([fork])))
  })
})
