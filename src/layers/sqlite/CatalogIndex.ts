/**
 * Keeps the catalog's rows up with the rollouts: which there are, which changed, and which have to be read before a
 * page is right.
 *
 * A row is good for one version of its file. A page needs only the rollouts that could come before its end: those are
 * read first, newest or oldest as the page goes; the rest is read in the background, a few files at a time.
 */
import { Clock, Effect, Semaphore } from "effect"
import { entryOf } from "../../services/ThreadEntries.ts"
import { pagingMillis } from "../../services/ThreadCatalog.ts"
import type { RolloutStoreError } from "../../services/ThreadError.ts"
import type { Scanned } from "../../services/RolloutScan.ts"
import { type RolloutSummary, summaryIn } from "../../services/RolloutSummary.ts"
import type { RolloutPeek, RolloutRef, RolloutStat, RolloutStore } from "../../services/RolloutStore.ts"
import { stampIn } from "../../services/RolloutStamp.ts"
import { beganAt, headAlone, readThreadHead, type ThreadHead } from "../../services/ThreadHead.ts"
import type { ThreadQuery } from "../../services/ThreadQuery.ts"
import type * as CatalogRows from "./CatalogRows.ts"
import type { CatalogTable } from "./CatalogTable.ts"
import type { SqliteFailure } from "./Sqlite.ts"

/** Rollouts open at once, where they are read as streams. */
export const openFiles = 8
/** Rollouts read in one go, a tenth of a millisecond each, before somebody else may go on. */
const sliceSize = 16
/** Rollouts read between two looks at whether somebody waits for a list. */
const batchSize = 64
/** Rollouts that are read for a page before it is looked at again. */
export const lastBatch = 1024
/** Names looked at in one go: some milliseconds. */
const noticedAtOnce = 2048
/** Files looked at between two looks at whether somebody waits. */
const sweepSize = 128
/** A name's time is local; the farthest time zones are this far from Greenwich, and an hour. */
const zoneMillis = 15 * 3_600_000

/** The time in a rollout's name as if it were UTC; null without one. */
const namedTime = (stamp: string | null): number | null => {
  if (stamp === null) return null
  const part = (from: number, to: number) => Number(stamp.slice(from, to))
  const time = Date.UTC(part(0, 4), part(5, 7) - 1, part(8, 10), part(11, 13), part(14, 16), part(17, 19))
  return Number.isNaN(time) ? null : time
}

/** A rollout that has to be read. */
interface Pending {
  readonly ref: RolloutRef
  /** The time in its name. Ten thousand are read as they are: as text they stand in order. */
  readonly stamp: string | null
  /** Null when nobody has looked. */
  readonly updated: number | null
  /** When its thread began, where somebody has looked for that alone. */
  began: number | null
}

/** What a look at a rollout's bytes tells. */
interface Looked extends RolloutSummary {
  readonly stat: RolloutStat
}

const lookAt = ({ bytes, stat, whole }: RolloutPeek): Looked => ({ stat, ...summaryIn(bytes, whole) })

const readRollout = (
  ref: RolloutRef,
  stat: RolloutStat,
  version: string,
  head: ThreadHead | null,
  scanned: Scanned | null
): CatalogRows.ReadRollout => ({ ref, stat, version, entry: entryOf(ref, stat, head), scanned })

/** What has to be read in an order. */
interface Sorted {
  readonly name: string
  readonly pending: ReadonlyArray<Pending>
  /** Those before it have been read. */
  from: number
}

/** The active rollouts, or the archived ones. */
export interface Side {
  readonly archived: boolean
  refs: ReadonlyArray<RolloutRef>
  /** The same by their paths. */
  byPath: ReadonlyMap<string, RolloutRef>
  readonly pending: Map<string, Pending>
  /** The same in an order; null when something was added since. */
  sorted: Sorted | null
  /** A look at all of its files that is under way, in pieces: which, how far, and since when. */
  sweeping: { readonly refs: ReadonlyArray<RolloutRef>; next: number; readonly since: number } | null
  /** When all of its files were last looked at, in milliseconds. */
  sweptAt: number | null
  /** When its folders were last looked at. */
  lookedAt: number | null
}

/** The order that a page is cut from. */
export type Order = Pick<ThreadQuery, "sortKey" | "sortDirection">

export type IndexError = SqliteFailure | RolloutStoreError

const side = (archived: boolean): Side => ({
  archived,
  refs: [],
  byPath: new Map(),
  pending: new Map(),
  sorted: null,
  sweeping: null,
  sweptAt: null,
  lookedAt: null
})

/** The index over a store, in a table. What it returns is used by one at a time: take `alone` around it. */
export const makeCatalogIndex = (store: RolloutStore["Service"], table: CatalogTable) => {
  const sides = { active: side(false), archive: side(true) }
  const lock = Semaphore.makeUnsafe(1)

  /** Is the database the one that was known, and did only this process write to it? Else what is in it is looked at again. */
  const ready = Effect.gen(function* () {
    const found = yield* table.ready
    if (found === "same") return
    for (const each of [sides.active, sides.archive]) {
      each.lookedAt = null
      each.refs = []
      each.sweeping = null
      if (found === "other") {
        each.pending.clear()
        each.sweptAt = null
      }
    }
  })

  const note = (at: Side, ref: RolloutRef, updated: number | null) => {
    at.sorted = null
    at.pending.set(ref.path, { ref, stamp: stampIn(ref.path), updated, began: null })
  }

  /** What is not among these paths goes. */
  const forget = (at: Side, paths: ReadonlyMap<string, RolloutRef>) => {
    for (const path of at.pending.keys()) if (!paths.has(path)) at.pending.delete(path)
    const gone: Array<string> = []
    for (const [path, row] of table.known()) if (row.archived === at.archived && !paths.has(path)) gone.push(path)
    return table.remove(gone)
  }

  /** Looks at the folders: what is new has to be read, what is gone goes. */
  const look = Effect.fnUntraced(function* (at: Side) {
    const now = yield* Clock.currentTimeMillis
    const refs = yield* store.survey({ archived: at.archived })
    if (refs !== at.refs) {
      const known = table.known()
      const paths = new Map<string, RolloutRef>()
      for (const ref of refs) {
        paths.set(ref.path, ref)
        if (!known.has(ref.path) && !at.pending.has(ref.path)) note(at, ref, null)
        if (paths.size % noticedAtOnce === 0) yield* Effect.yieldNow
      }
      yield* forget(at, paths)
      at.refs = refs
      at.byPath = paths
    }
    at.lookedAt = now
  })

  /** Looks at some files: those that changed have to be read. */
  const check = Effect.fnUntraced(function* (at: Side, refs: ReadonlyArray<RolloutRef>) {
    const stats = yield* store.stats(refs)
    let changed = 0
    for (const [index, ref] of refs.entries()) {
      const stat = stats[index] ?? null
      const row = table.known().get(ref.path)
      if (stat === null || (row !== undefined && row.version === stat.version && row.version !== "")) continue
      note(at, ref, stat.modifiedAt)
      changed++
    }
    return changed
  })

  const sweep = Effect.fnUntraced(function* (at: Side) {
    at.sweptAt = yield* Clock.currentTimeMillis
    at.sweeping = null
    yield* check(at, at.refs)
  })

  /** Looks at some of the files that are known, each time at further ones; false when it has been at all of them. */
  const sweepOn = Effect.fnUntraced(function* (at: Side) {
    const now = yield* Clock.currentTimeMillis
    const sweeping = (at.sweeping ??= { refs: at.refs, next: 0, since: now })
    const some = sweeping.refs.slice(sweeping.next, sweeping.next + sweepSize)
    sweeping.next += sweepSize
    // What was never read has to be read in any case.
    yield* check(
      at,
      some.filter(({ path }) => table.known().has(path))
    )
    if (sweeping.next < sweeping.refs.length) return true
    at.sweeping = null
    at.sweptAt = sweeping.since
    return false
  })

  /** A rollout with its stat, its head and what it says, whichever of these are known already. */
  const readRest = (ref: RolloutRef, looked: Looked | null) =>
    Effect.gen(function* () {
      const stat = looked?.stat ?? (yield* store.stat(ref))
      const head = yield* Effect.catch(readThreadHead(store, ref, looked?.head), (error) =>
        Effect.as(Effect.logDebug("rollout not listed", error), undefined)
      )
      // A base that is missing may appear, and what cannot be read now may be readable later.
      const version = head === undefined || head?.final === false ? "" : stat.version
      return readRollout(ref, stat, version, head ?? null, looked?.scanned ?? null)
    }).pipe(Effect.orElseSucceed(() => null))

  /** Reads rollouts one after the other; null for one that cannot be. Nearly all are read by a look at their bytes. */
  const readAll = Effect.fnUntraced(function* (batch: ReadonlyArray<RolloutRef>) {
    const rollouts: Array<CatalogRows.ReadRollout> = []
    for (const [number, ref] of batch.entries()) {
      const looked = yield* store.peek(ref, lookAt)
      const head = looked?.head ?? null
      const alone = head === null ? null : headAlone(head)
      const read =
        looked === null || alone === null
          ? yield* readRest(ref, looked)
          : readRollout(ref, looked.stat, looked.stat.version, alone, looked.scanned)
      if (read !== null) rollouts.push(read)
      if (number % sliceSize === sliceSize - 1) yield* Effect.yieldNow
    }
    return rollouts
  })

  /** Reads rollouts, and keeps what they say. */
  const take = Effect.fnUntraced(function* (at: Side, batch: ReadonlyArray<RolloutRef>) {
    const rollouts = yield* readAll(batch)
    const there = new Set(rollouts.map(({ ref }) => ref.path))
    yield* table.put(rollouts)
    yield* table.remove(batch.flatMap(({ path }) => (there.has(path) ? [] : [path])))
    for (const ref of batch) at.pending.delete(ref.path)
  })

  const timeOf = (pending: Pending, { sortKey }: Order) =>
    sortKey === "created_at" ? (pending.began ?? namedTime(pending.stamp)) : pending.updated

  /** What had to be read when it was last put in this order: first whose time nobody knows, then by time. */
  const sorted = (at: Side, order: Order): Sorted => {
    const name = `${order.sortKey === "created_at" ? "created" : "updated"} ${order.sortDirection}`
    if (at.sorted?.name === name) return at.sorted
    const sign = order.sortDirection === "asc" ? 1 : -1
    const keyOf = (each: Pending) => (order.sortKey === "created_at" ? each.stamp : each.updated)
    const compare = (a: Pending, b: Pending) => {
      const [left, right] = [keyOf(a), keyOf(b)]
      if (left === right) return 0
      if (left === null || right === null) return left === null ? -1 : 1
      return left < right ? -sign : sign
    }
    return (at.sorted = { name, pending: Array.from(at.pending.values()).sort(compare), from: 0 })
  }

  /** Could a rollout that was not read come before this time, as the page goes? */
  const precedes = (pending: Pending, order: Order, time: number): boolean => {
    const own = timeOf(pending, order)
    if (own === null) return true
    const slack = order.sortKey === "created_at" && pending.began === null ? zoneMillis : 0
    return order.sortDirection === "asc" ? own - slack <= time : own + slack >= time
  }

  /** The first `count` that have to be read before a page that ends at `until` is right; null: that has no end yet. */
  const unread = (
    at: Side,
    order: Order,
    until: number | null,
    count: number,
    except: ReadonlySet<string> = new Set()
  ): ReadonlyArray<RolloutRef> => {
    const found: Array<RolloutRef> = []
    const list = sorted(at, order)
    const isRead = (pending: Pending) => at.pending.get(pending.ref.path) !== pending
    for (let next = list.pending[list.from]; next !== undefined && isRead(next); next = list.pending[list.from]) {
      list.from++
    }
    for (let number = list.from; number < list.pending.length; number++) {
      const pending = list.pending[number]
      if (pending === undefined || isRead(pending) || except.has(pending.ref.path)) continue
      if (found.length === count) break
      if (until !== null && !precedes(pending, order, until)) {
        // Those behind it that nobody has looked at may be of any time in half a day.
        if (pending.began !== null) continue
        break
      }
      found.push(pending.ref)
    }
    return found
  }

  /**
   * {@link unread}, without those whose first line shows that they do not come before that time: a name tells it to the
   * zone, and half a day's rollouts would be read for nothing.
   */
  const needed = Effect.fnUntraced(function* (
    at: Side,
    order: Order,
    until: number | null,
    count: number,
    except: ReadonlySet<string>
  ) {
    const looked = new Set<Pending>()
    for (;;) {
      const named = unread(at, order, until, count, except)
      if (until === null || order.sortKey !== "created_at") return named
      const undated = named
        .flatMap(({ path }) => at.pending.get(path) ?? [])
        .filter((pending) => pending.began === null && !looked.has(pending))
      if (undated.length === 0) return named
      for (const pending of undated) {
        looked.add(pending)
        pending.began = yield* store.peek(pending.ref, ({ bytes }) => beganAt(bytes))
      }
    }
  })

  /** What a first page of `count` threads needs of a catalog that knows nothing; nothing of another. */
  const firstOf = (at: Side, order: Order, count: number): ReadonlyArray<RolloutRef> => {
    if (table.known().size > 0) return []
    return unread(at, order, null, count)
  }

  const refsAt = (at: Side, paths: Iterable<string>): ReadonlyArray<RolloutRef> =>
    Array.from(paths).flatMap((path) => at.byPath.get(path) ?? [])

  return {
    sides,
    ready,
    look,
    check,
    sweep,
    sweepOn,
    take,
    unread,
    needed,
    firstOf,
    refsAt,
    /** Rollouts that are known and not listed: something may have been said in them. */
    unlisted: (at: Side) => at.refs.filter((ref) => table.known().get(ref.path)?.listed === false),
    isRecent: (at: number | null) =>
      Effect.map(Clock.currentTimeMillis, (now) => at !== null && now - at <= pagingMillis),
    alone: lock.withPermits(1),
    /** Reads the next few of what has to be read, whoever asks or nobody; false when there is nothing. */
    step: Effect.fnUntraced(function* (at: Side) {
      const batch = unread(at, { sortKey: "created_at", sortDirection: "desc" }, null, batchSize)
      if (batch.length > 0) yield* take(at, batch)
      return batch.length > 0
    })
  }
}

export type CatalogIndex = ReturnType<typeof makeCatalogIndex>
