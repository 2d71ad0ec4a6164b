/**
 * Faults of a store, over whatever store there is: the n-th call of an operation fails, as that operation can fail, or
 * takes its time on the `Clock`. What an operation never fails with cannot be written down.
 */
import { type Duration, Effect, Layer, Stream } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import { type RolloutRef, RolloutStore } from "../services/RolloutStore.ts"
import { RolloutBusy, RolloutChanged, type RolloutWriter, RolloutWriteFailed } from "../services/RolloutWriter.ts"
import { PathRefused, RolloutStoreError, ThreadArchived, ThreadNotFound } from "../services/ThreadError.ts"

/** Takes so long, on the `Clock`, and then goes on. */
export interface Slow {
  readonly slow: Duration.Input
}

/** Which calls are hit: from the `nth` on (from 1; default 1), so many `times` (default 1; `Infinity`: for ever). */
export interface Strike {
  readonly nth?: number
  readonly times?: number
}

type ReadFailure = ThreadNotFound | RolloutStoreError
type MoveFailure = ThreadNotFound | RolloutBusy | RolloutStoreError

/** One for each operation. `fail`: by name, as an error of the operation's own, or slowly. */
type Fault<On extends string, Named extends string, E> = On extends string
  ? Strike & { readonly on: On; readonly fail: Named | E | Slow }
  : never

/**
 * One fault. `gone`: the thread is not there. `failed`: permissions, disk, I/O. `torn`: a part, then an error; what was
 * acknowledged stays. `diskFull`, `accessDenied`, `lost`, `busy`, `changed`: as the errors are called.
 */
export type StoreFault =
  | Fault<"locate", "gone" | "archived" | "failed", ReadFailure | ThreadArchived>
  | Fault<"resolve", "refused" | "failed", PathRefused | RolloutStoreError>
  | Fault<"segments" | "list" | "survey" | "setName" | "names", "failed", RolloutStoreError>
  | Fault<"stat", "gone" | "failed", ReadFailure>
  | Fault<"read", "gone" | "failed" | "torn", ReadFailure>
  | Fault<"create", "diskFull" | "accessDenied" | "failed", RolloutStoreError>
  | Fault<"writer", "gone" | "busy" | "changed" | "failed", ReadFailure | RolloutBusy | RolloutChanged>
  | Fault<"append", "diskFull" | "accessDenied" | "lost" | "other" | "torn", RolloutWriteFailed>
  | Fault<"archive" | "unarchive" | "remove", "gone" | "busy" | "failed", MoveFailure>

type Of<K extends StoreFault["on"]> = Extract<StoreFault, { readonly on: K }>

const isSlow = (fail: unknown): fail is Slow => typeof fail === "object" && fail !== null && Object.hasOwn(fail, "slow")

/** The fault that hits this call, if any; counts calls. */
const counting = <F extends Strike>(faults: ReadonlyArray<F>): (() => F | undefined) => {
  let calls = 0
  return () => {
    calls++
    return faults.find(({ nth = 1, times = 1 }) => calls >= nth && calls < nth + times)
  }
}

/** Fails or waits as the fault of this call says. */
const gate = <N extends string, E extends object>(faults: ReadonlyArray<Strike & { readonly fail: N | E | Slow }>) => {
  const next = counting(faults)
  return (named: (name: N) => E): Effect.Effect<void, E> =>
    Effect.suspend(() => {
      const fail = next()?.fail
      if (fail === undefined) return Effect.void
      if (typeof fail === "string") return Effect.fail(named(fail))
      return isSlow(fail) ? Effect.sleep(fail.slow) : Effect.fail(fail)
    })
}

const storeError = (operation: RolloutStoreError["operation"], path: string, name = "failed") =>
  new RolloutStoreError({ operation, path, detail: `${name}: the test wants it` })

const writeFailed = (path: string, reason: RolloutWriteFailed["reason"]) =>
  new RolloutWriteFailed({ path, reason, detail: `${reason}: the test wants it` })

const half = (chunk: Uint8Array): Uint8Array => chunk.slice(0, Math.ceil(chunk.length / 2))

type Next<K extends StoreFault["on"]> = () => Of<K> | undefined

/** A writer that fails as the fault says, and every time after that. */
const faultyWriter = (path: string, writer: RolloutWriter, next: Next<"append">): RolloutWriter => {
  let isBroken = false
  const failing = (error: RolloutWriteFailed) =>
    Effect.suspend(() => {
      isBroken = true
      return Effect.fail(error)
    })
  return {
    append: (lines) =>
      Effect.suspend(() => {
        if (isBroken) return Effect.fail(writeFailed(path, "broken"))
        const fail = next()?.fail
        if (fail === undefined) return writer.append(lines)
        if (fail === "torn") {
          const through = writer.append(lines.slice(0, Math.floor(lines.length / 2)))
          return Effect.andThen(through, failing(writeFailed(path, "diskFull")))
        }
        if (typeof fail === "string") return failing(writeFailed(path, fail))
        return isSlow(fail) ? Effect.andThen(Effect.sleep(fail.slow), writer.append(lines)) : failing(fail)
      })
  }
}

const faulty = (store: RolloutStore["Service"], faults: ReadonlyArray<StoreFault>): RolloutStore["Service"] => {
  const of = <K extends StoreFault["on"]>(on: K): ReadonlyArray<Of<K>> =>
    faults.filter((fault): fault is Of<K> => fault.on === on)

  const locate = gate<"gone" | "archived" | "failed", ReadFailure | ThreadArchived>(of("locate"))
  const resolve = gate<"refused" | "failed", PathRefused | RolloutStoreError>(of("resolve"))
  const stat = gate<"gone" | "failed", ReadFailure>(of("stat"))
  const read = counting(of("read"))
  const create = gate<"diskFull" | "accessDenied" | "failed", RolloutStoreError>(of("create"))
  const writer = gate<"gone" | "busy" | "changed" | "failed", ReadFailure | RolloutBusy | RolloutChanged>(of("writer"))
  const append = counting(of("append"))
  const plain = (on: "segments" | "list" | "survey" | "setName" | "names") => gate<"failed", RolloutStoreError>(of(on))
  const [segments, list, survey, setName, names] = [
    plain("segments"),
    plain("list"),
    plain("survey"),
    plain("setName"),
    plain("names")
  ]
  const moving = (on: "archive" | "unarchive" | "remove") => {
    const hit = gate<"gone" | "busy" | "failed", MoveFailure>(of(on))
    return (threadId: ThreadId) =>
      hit((name): MoveFailure => {
        if (name === "gone") return new ThreadNotFound({ threadId })
        return name === "busy" ? new RolloutBusy({ threadId, path: threadId }) : storeError(on, threadId)
      })
  }
  const [archive, unarchive, remove] = [moving("archive"), moving("unarchive"), moving("remove")]

  const reading = (ref: RolloutRef): Stream.Stream<Uint8Array, ReadFailure> => {
    const fail = read()?.fail
    if (fail === undefined) return store.read(ref)
    if (fail === "gone") return Stream.fail(new ThreadNotFound({ threadId: ref.threadId }))
    if (fail === "failed") return Stream.fail(storeError("read", ref.path))
    if (fail === "torn") {
      const part = Stream.map(Stream.take(store.read(ref), 1), half)
      return Stream.concat(part, Stream.fail(storeError("read", ref.path, "torn")))
    }
    return isSlow(fail) ? Stream.unwrap(Effect.as(Effect.sleep(fail.slow), store.read(ref))) : Stream.fail(fail)
  }

  return {
    ...store,
    locate: (threadId, options) =>
      Effect.andThen(
        locate((name): ReadFailure | ThreadArchived => {
          if (name === "gone") return new ThreadNotFound({ threadId })
          return name === "archived" ? new ThreadArchived({ threadId }) : storeError("locate", threadId)
        }),
        store.locate(threadId, options)
      ),
    resolve: (path) =>
      Effect.andThen(
        resolve((name): PathRefused | RolloutStoreError =>
          name === "refused" ? new PathRefused({ path, reason: "invalid" }) : storeError("open", path)
        ),
        store.resolve(path)
      ),
    segments: (threadId) =>
      Effect.andThen(
        segments(() => storeError("list", threadId)),
        store.segments(threadId)
      ),
    stat: (ref) =>
      Effect.andThen(
        stat((name): ReadFailure =>
          name === "gone" ? new ThreadNotFound({ threadId: ref.threadId }) : storeError("stat", ref.path)
        ),
        store.stat(ref)
      ),
    read: (ref) => Stream.suspend(() => reading(ref)),
    list: (options) =>
      Stream.unwrap(
        Effect.as(
          list(() => storeError("list", "rollouts")),
          store.list(options)
        )
      ),
    survey: (options) =>
      Effect.andThen(
        survey(() => storeError("list", "rollouts")),
        store.survey(options)
      ),
    create: (rollout, content) =>
      Effect.andThen(
        create((name) => storeError("create", rollout.threadId, name)),
        store.create(rollout, content)
      ),
    writer: (ref, options) =>
      Effect.andThen(
        writer((name): ReadFailure | RolloutBusy | RolloutChanged => {
          const { path, threadId } = ref
          if (name === "gone") return new ThreadNotFound({ threadId })
          if (name === "busy") return new RolloutBusy({ threadId, path })
          return name === "changed" ? new RolloutChanged({ threadId, path }) : storeError("open", path)
        }),
        Effect.map(store.writer(ref, options), (opened) => faultyWriter(ref.path, opened, append))
      ),
    archive: (threadId) => Effect.andThen(archive(threadId), store.archive(threadId)),
    unarchive: (threadId) => Effect.andThen(unarchive(threadId), store.unarchive(threadId)),
    remove: (threadId) => Effect.andThen(remove(threadId), store.remove(threadId)),
    setName: (threadId, name) =>
      Effect.andThen(
        setName(() => storeError("setName", threadId)),
        store.setName(threadId, name)
      ),
    names: Effect.andThen(
      names(() => storeError("names", "names")),
      store.names
    )
  }
}

/** The store below, with these faults. Calls are counted from the building of the layer. */
export const store = (...faults: ReadonlyArray<StoreFault>): Layer.Layer<RolloutStore, never, RolloutStore> =>
  Layer.effect(
    RolloutStore,
    RolloutStore.use((below) => Effect.sync(() => RolloutStore.of(faulty(below, faults))))
  )
