/**
 * What a rollout store must find: a thread's rollout by id and by path, and what is no rollout of it.
 */
import { Effect, Result } from "effect"
import { RolloutStore } from "../../services/RolloutStore.ts"
import * as Expect from "../Expect.ts"
import { day, file, id, listed, meta, onFiles, segment, StoreFiles, textOf } from "./StoreFiles.ts"

const locate = onFiles("locate")
const resolve = onFiles("resolve")

const refused = (path: string, reason: string) =>
  Effect.gen(function* () {
    const store = yield* RolloutStore
    const result = yield* Effect.result(store.resolve(path))
    if (Result.isSuccess(result)) return yield* Expect.fail(`${JSON.stringify(path)} was let through`)
    if (result.failure._tag !== "PathRefused") return yield* Expect.fail(`${path}: ${result.failure.message}`)
    yield* Expect.equal(result.failure.reason, reason, JSON.stringify(path))
    yield* Expect.equal(result.failure.path, path)
  })

/** Finding by id, and lists. */
export const locating = [
  locate.test(
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
      yield* Expect.equal(ref, {
        threadId: id(1),
        path: `${files.home}/${day}/${file(1)}`,
        archived: false,
        segmentId: null
      })
      for (const n of [2, 3, 4]) yield* Expect.equal((yield* store.locate(id(n))).threadId, id(n))
    })
  ),

  locate.test(
    "does not find what only resembles a rollout",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      for (const name of [`foo-${id(1)}.jsonl`, `${id(1)}.jsonl`, `${file(1)}.bak`, `rollout-x-${id(1)}.json`]) {
        yield* files.write(`${day}/${name}`, meta(id(1)))
      }
      yield* files.write(file(1), meta(id(1)))
      const error = yield* Effect.flip(store.locate(id(1)))
      yield* Expect.equal(error._tag, "ThreadNotFound")
      yield* Expect.equal(yield* listed(false), [])
    })
  ),

  locate.test(
    "prefers the newest file, and over that the latest segment",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const newest = file(1, { time: "2026-03-02T09-00-00" })
      yield* files.write(`${day}/${newest}`, "2\n")
      yield* files.write(`sessions/${file(1, { time: "zzzz" })}`, "0\n")
      yield* files.write(`${day}/${file(1)}`, "1\n")
      yield* Expect.equal(yield* textOf(yield* store.locate(id(1))), "2\n")
      const second = file(1, { time: "2026-03-01T11-00-00", segment: 2 })
      yield* files.write(`${day}/${second}`, "4\n")
      yield* files.write(`${day}/${file(1, { time: "2026-03-03T11-00-00", segment: 1 })}`, "3\n")
      const ref = yield* store.locate(id(1))
      yield* Expect.equal(ref.segmentId, segment(2))
      yield* Expect.equal(yield* textOf(ref), "4\n")
      const all = yield* store.segments(id(1))
      yield* Expect.equal(yield* Effect.forEach(all, textOf), ["0\n", "1\n", "2\n", "3\n", "4\n"])
    }),
    ["segments"]
  ),

  locate.test(
    "gives an archived thread only when asked for it, and an active file before an archived one",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.write(`archived_sessions/${file(1)}`, meta(id(1)))
      yield* Expect.equal((yield* Effect.flip(store.locate(id(1))))._tag, "ThreadArchived")
      const archived = yield* store.locate(id(1), { archived: true })
      yield* Expect.isTrue(archived.archived)
      yield* Expect.equal(yield* listed(false), [])
      yield* Expect.equal(yield* listed(true), [archived.path])
      yield* files.write(`${day}/${file(1)}`, meta(id(1)))
      yield* Expect.isFalse((yield* store.locate(id(1), { archived: true })).archived)
      yield* Expect.equal(yield* listed(true), [])
      yield* Expect.equal((yield* store.segments(id(1))).length, 2)
    })
  ),

  locate.test(
    "sees what another program adds and removes",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* Expect.equal((yield* Effect.flip(store.locate(id(1))))._tag, "ThreadNotFound")
      yield* files.write(`${day}/${file(1)}`, "a")
      const ref = yield* store.locate(id(1))
      yield* files.write(`sessions/2026/03/02/${file(1, { time: "2026-03-02T00-00-00" })}`, "b")
      yield* Expect.equal(yield* textOf(yield* store.locate(id(1))), "b")
      yield* files.remove(`sessions/2026/03/02/${file(1, { time: "2026-03-02T00-00-00" })}`)
      yield* Expect.equal(yield* store.locate(id(1)), ref)
      yield* files.remove(`${day}/${file(1)}`)
      yield* Expect.equal((yield* Effect.flip(store.locate(id(1))))._tag, "ThreadNotFound")
      yield* Expect.equal((yield* Effect.flip(store.stat(ref)))._tag, "ThreadNotFound")
      yield* Expect.equal((yield* Effect.flip(textOf(ref)))._tag, "ThreadNotFound")
    })
  ),

  locate.test(
    "surveys what it lists, newest name first, as the same array until something is added or gone",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      const survey = store.survey({ archived: false })
      yield* Expect.equal(yield* survey, [])
      yield* files.write(`${day}/${file(1, { time: "2026-03-01T10-00-01" })}`, "a")
      yield* files.write(`${day}/${file(2, { time: "2026-03-01T10-00-03" })}`, "b")
      yield* files.write(`sessions/${file(3, { time: "2026-03-01T10-00-02" })}`, "c")
      yield* files.write(`sessions/rollout-x-${id(4)}.jsonl`, "d")
      yield* files.write(`archived_sessions/${file(5)}`, "e")
      const first = yield* survey
      yield* Expect.equal(
        first.map((ref) => ref.threadId),
        [4, 2, 3, 1].map(id)
      )
      yield* Expect.equal(first.map((ref) => ref.path).toSorted(), yield* listed(false))
      yield* files.append(`sessions/${file(3, { time: "2026-03-01T10-00-02" })}`, "more")
      yield* Expect.same(yield* survey, first)
      yield* Expect.equal(
        (yield* store.survey({ archived: true })).map((ref) => ref.threadId),
        [id(5)]
      )
      yield* files.remove(`sessions/${file(3, { time: "2026-03-01T10-00-02" })}`)
      yield* Expect.equal(
        (yield* survey).map((ref) => ref.threadId),
        [4, 2, 1].map(id)
      )
    })
  ),

  locate.test(
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
      yield* Expect.equal(yield* store.stats([...refs, gone]), [small, large, null])
      const peeked = yield* Effect.forEach([...refs, gone], (ref) =>
        store.peek(ref, ({ bytes, stat, whole }) => ({ text: new TextDecoder().decode(bytes), stat, whole }))
      )
      yield* Expect.equal(peeked[0], { text: "small", stat: small, whole: true })
      yield* Expect.equal([peeked[1]?.stat, peeked[1]?.whole], [large ?? undefined, false])
      yield* Expect.equal(peeked[1]?.text, "0123456789".repeat(40_000).slice(0, 64 * 1024))
      yield* Expect.isNull(peeked[2])
    })
  ),

  locate.test(
    "lists each thread once",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      yield* files.write(`${day}/${file(1)}`, "a")
      yield* files.write(`${day}/${file(1, { segment: 1 })}`, "b")
      yield* files.write(`${day}/${file(2)}`, "c")
      yield* Expect.equal(
        yield* listed(false),
        [`${files.home}/${day}/${file(1, { segment: 1 })}`, `${files.home}/${day}/${file(2)}`].sort()
      )
    }),
    ["segments"]
  )
]

/** Finding by path. */
export const resolving = [
  resolve.test(
    "takes absolute and relative paths inside the home",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.write(`${day}/${file(1)}`, meta(id(1)))
      yield* files.write(`archived_sessions/${file(2, { segment: 3 })}`, "")
      const expected = yield* store.locate(id(1))
      yield* Expect.equal(yield* store.resolve(expected.path), expected)
      yield* Expect.equal(yield* store.resolve(`${day}/${file(1)}`), expected)
      yield* Expect.equal(yield* store.resolve(`./sessions/../${day}//${file(1)}`), expected)
      yield* Expect.equal(yield* store.resolve(`archived_sessions/${file(2, { segment: 3 })}`), {
        threadId: id(2),
        path: `${files.home}/archived_sessions/${file(2, { segment: 3 })}`,
        archived: true,
        segmentId: segment(3)
      })
    })
  ),

  resolve.test(
    "takes the id of a file with a free name from its session_meta",
    Effect.gen(function* () {
      const files = yield* StoreFiles
      const store = yield* RolloutStore
      yield* files.write("backup/my session.jsonl", `\n{torn\n{"type":"event_msg"}\n${meta(id(7).toUpperCase())}`)
      yield* Expect.equal((yield* store.resolve("backup/my session.jsonl")).threadId, id(7))
      yield* files.write("backup/none.jsonl", `{"type":"event_msg","payload":{"id":"${id(7)}"}}\n`)
      yield* refused("backup/none.jsonl", "notARollout")
      yield* files.write("backup/empty.jsonl", "")
      yield* refused("backup/empty.jsonl", "notARollout")
      yield* files.write("backup/far.jsonl", `${" ".repeat(3 * 1024 * 1024)}\n${meta(id(7))}`)
      yield* refused("backup/far.jsonl", "notARollout")
    })
  ),

  resolve.test(
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
  ),

  resolve.test(
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
  ),

  resolve.test(
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
      yield* Expect.equal(yield* store.resolve("link.jsonl"), yield* store.locate(id(1)))
      yield* refused("secret.jsonl", "outsideHome")
      yield* refused("elsewhere/hostname", "outsideHome")
      yield* refused("elsewhere/nothing.jsonl", "notFound")
      yield* refused("dangling.jsonl", "notFound")
      yield* refused("loop.jsonl", "invalid")
    }),
    ["symlinks"]
  ),

  resolve.test(
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
      yield* Expect.equal(
        yield* listed(false),
        [`${files.home}/${day}/${file(1)}`, `${files.home}/kept/${file(2)}`].sort()
      )
    }),
    ["symlinks"]
  )
]
