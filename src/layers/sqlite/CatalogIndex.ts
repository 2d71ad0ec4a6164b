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
import { factsIn } from "../../services/RolloutScan.ts"
import type { RolloutRef, RolloutStore } from "../../services/RolloutStore.ts"
import { stampIn } from "../../services/RolloutStamp.ts"
import { headIn, readThreadHead } from "../../services/ThreadHead.ts"
import type { ThreadQuery } from "../../services/ThreadQuery.ts"
import type { CatalogDatabase } from "./CatalogDatabase.ts"
import * as CatalogRows from "./CatalogRows.ts"
import * as SaidRows from "./SaidRows.ts"
import type { SqliteFailure } from "./Sqlite.ts"

/** Rollouts open at once. */
export const openFiles = 8
/** Rollouts read between two looks at whether somebody waits. */
const batchSize = 32
/** Files looked at between two looks at whether somebody waits. */
const sweepSize = 256
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
}

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

/** The index over a store, in a database. What it returns is used by one at a time: take `alone` around it. */
export const makeCatalogIndex = (store: RolloutStore["Service"], database: CatalogDatabase["Service"]) => {
  const sides = { active: side(false), archive: side(true) }
  let known = new Map<string, CatalogRows.Known>()
  let generation = -1
  let dataVersion = -1
  const lock = Semaphore.makeUnsafe(1)

  /** Is the database the one that was known, and did only this process write to it? Else what is in it is looked at again. */
  const ready = Effect.gen(function* () {
    const now = yield* database.generation
    const { found, version } = yield* database.use((sql) => {
      const version = CatalogRows.dataVersion(sql)
      const same = now === generation && version === dataVersion
      return { version, found: same ? known : CatalogRows.known(sql) }
    })
    if (found === known) return
    const other = now !== generation
    known = found
    generation = now
    dataVersion = version
    for (const each of [sides.active, sides.archive]) {
      each.lookedAt = null
      each.refs = []
      each.sweeping = null
      if (other) {
        each.pending.clear()
        each.sweptAt = null
      }
    }
  })

  const note = (at: Side, ref: RolloutRef, updated: number | null) => {
    at.sorted = null
    at.pending.set(ref.path, { ref, stamp: stampIn(ref.path), updated })
  }

  const forgetGone = (paths: ReadonlyArray<string>) =>
    paths.length === 0
      ? Effect.void
      : Effect.map(
          database.transaction((sql) => SaidRows.removeRollouts(sql, paths)),
          () => paths.forEach((path) => known.delete(path))
        )

  /** Looks at the folders: what is new has to be read, what is gone goes. */
  const look = Effect.fnUntraced(function* (at: Side) {
    const now = yield* Clock.currentTimeMillis
    const refs = yield* store.survey({ archived: at.archived })
    if (refs !== at.refs) {
      const paths = new Map(refs.map((ref) => [ref.path, ref]))
      for (const path of at.pending.keys()) if (!paths.has(path)) at.pending.delete(path)
      const gone = Array.from(known)
        .filter(([path, row]) => row.archived === at.archived && !paths.has(path))
        .map(([path]) => path)
      yield* forgetGone(gone)
      for (const ref of refs) if (!known.has(ref.path) && !at.pending.has(ref.path)) note(at, ref, null)
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
      const row = known.get(ref.path)
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
      some.filter(({ path }) => known.has(path))
    )
    if (sweeping.next < sweeping.refs.length) return true
    at.sweeping = null
    at.sweptAt = sweeping.since
    return false
  })

  const read = (ref: RolloutRef) =>
    Effect.gen(function* () {
      const peeked = yield* store.peek(ref, ({ bytes, stat, whole }) => ({
        stat,
        own: headIn(bytes, whole),
        scanned: whole ? factsIn(bytes) : null
      }))
      const stat = peeked?.stat ?? (yield* store.stat(ref))
      const head = yield* Effect.catch(readThreadHead(store, ref, peeked?.own), (error) =>
        Effect.as(Effect.logDebug("rollout not listed", error), undefined)
      )
      // A base that is missing may appear, and what cannot be read now may be readable later.
      const version = head === undefined || head?.final === false ? "" : stat.version
      return [{ ref, stat, version, entry: entryOf(ref, stat, head ?? null), scanned: peeked?.scanned ?? null }]
    }).pipe(Effect.orElseSucceed((): ReadonlyArray<CatalogRows.ReadRollout> => []))

  /** Reads rollouts, and writes what they say in one transaction. */
  const take = Effect.fnUntraced(function* (at: Side, batch: ReadonlyArray<RolloutRef>) {
    const rollouts = (yield* Effect.forEach(batch, read, { concurrency: openFiles })).flat()
    const there = new Set(rollouts.map(({ ref }) => ref.path))
    yield* database.transaction((sql) => {
      CatalogRows.put(sql, rollouts)
      SaidRows.removeRollouts(
        sql,
        batch.flatMap((ref) => (there.has(ref.path) ? [] : [ref.path]))
      )
    })
    for (const ref of batch) {
      at.pending.delete(ref.path)
      known.delete(ref.path)
    }
    for (const { entry, ref, version } of rollouts) {
      known.set(ref.path, { archived: ref.archived, listed: entry !== null, version })
    }
  })

  const timeOf = (pending: Pending, { sortKey }: Order) =>
    sortKey === "created_at" ? namedTime(pending.stamp) : pending.updated

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
    const slack = order.sortKey === "created_at" ? zoneMillis : 0
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
      if (found.length === count || (until !== null && !precedes(pending, order, until))) break
      found.push(pending.ref)
    }
    return found
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
    refsAt,
    /** Rollouts that are known and not listed: something may have been said in them. */
    unlisted: (at: Side) => at.refs.filter((ref) => known.get(ref.path)?.listed === false),
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
