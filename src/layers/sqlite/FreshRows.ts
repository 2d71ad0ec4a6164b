/**
 * The rows of a catalog that begins, before they are in its database: what was read for the first pages is shown at once,
 * and written when nobody waits. As long as this is used, it has all rows.
 */
import type { Place } from "../../services/ThreadPages.ts"
import type { Scanned } from "../../services/RolloutScan.ts"
import {
  type Filter,
  kindOf,
  type ListedRow,
  listedOf,
  primaryOf,
  type ReadRollout,
  type Selection
} from "./CatalogRows.ts"

/** Rows that are held at most. */
const mostRows = 16_384
/** Characters of previews that are held at most. */
const mostText = 16 * 1024 * 1024

interface Fresh {
  readonly read: ReadRollout
  /** Null when it is not listed. */
  readonly row: ListedRow | null
}

/** Listed rows in one order. */
interface Ordered {
  readonly rows: Array<ListedRow>
  /** How many of them are in order; the others were added behind them. */
  sorted: number
}

type Order = Pick<Selection, "archived" | "sortKey" | "sortDirection">

const timeOf = (row: ListedRow, { sortKey }: Order): number =>
  sortKey === "created_at" ? row.createdAt : row.updatedAt

/** Where a row stands behind a place in an order: above 0; before it: below. */
const behind = (row: ListedRow, place: Place, order: Order): number => {
  const { id } = row.thread
  const ascending = timeOf(row, order) - place.time || (id < place.id ? -1 : id > place.id ? 1 : 0)
  return order.sortDirection === "asc" ? ascending : -ascending
}

/** The number of the first row for which something holds that holds for all rows behind it too. */
const firstWhere = (rows: ReadonlyArray<ListedRow>, holds: (row: ListedRow) => boolean): number => {
  let [from, to] = [0, rows.length]
  while (from < to) {
    const middle = (from + to) >> 1
    const row = rows[middle]
    if (row === undefined || holds(row)) to = middle
    else from = middle + 1
  }
  return from
}

/** An empty table, that is full with so many rows. */
export const makeFreshRows = (most: number = mostRows) => {
  const byPath = new Map<string, Fresh>()
  const unwritten = new Set<string>()
  let orders = new Map<string, Ordered>()
  let length = 0

  const remove = (path: string) => {
    const before = byPath.get(path)
    if (before === undefined) return
    byPath.delete(path)
    unwritten.delete(path)
    length -= before.read.entry?.thread.preview.length ?? 0
    if (before.row !== null) orders = new Map()
  }

  const nameOf = (archived: boolean, { sortDirection, sortKey }: Omit<Order, "archived">) =>
    `${archived ? "archived" : "active"} ${sortKey === "created_at" ? "created" : "updated"} ${sortDirection}`

  const put = (found: ReadRollout) => {
    const { path } = found.ref
    // Facts are kept with a thread that is shown, and only if what was read is good for its version.
    const facts = found.version === "" || found.entry === null ? null : found.scanned
    const earlier = facts ?? byPath.get(path)?.read.earlier ?? null
    remove(path)
    const row = listedOf({ ...found, earlier })
    // The thread as it is shown: there it is once.
    const entry = found.entry === null || row === null ? null : { ...found.entry, thread: row.thread }
    const read = { ...found, entry, earlier }
    byPath.set(path, { read, row })
    unwritten.add(path)
    length += read.entry?.thread.preview.length ?? 0
    if (row === null) return
    for (const [name, order] of orders) {
      if (name.startsWith(read.ref.archived ? "archived" : "active")) {
        order.rows.push(row)
      }
    }
  }

  const inOrder = (order: Order): ReadonlyArray<ListedRow> => {
    const name = nameOf(order.archived, order)
    const all = () =>
      Array.from(byPath.values()).flatMap(({ read, row }) =>
        row !== null && read.ref.archived === order.archived ? [row] : []
      )
    const found = orders.get(name) ?? { rows: all(), sorted: 0 }
    orders.set(name, found)
    const { rows, sorted } = found
    if (sorted < rows.length) {
      const compare = (a: ListedRow, b: ListedRow) => behind(a, { time: timeOf(b, order), id: b.thread.id }, order)
      const added = rows.splice(sorted).sort(compare)
      const [first] = added
      // Rollouts are read nearly in this order: what was added belongs behind nearly all that was there.
      const from = first === undefined ? sorted : firstWhere(rows, (row) => compare(row, first) > 0)
      const mixed = rows.splice(from)
      for (const row of mixed.length === 0 ? added : [...mixed, ...added].sort(compare)) rows.push(row)
      found.sorted = rows.length
    }
    return rows
  }

  return {
    isFull: () => byPath.size >= most || length >= mostText,
    /** Adds what was read, in the place of what was read of the same rollouts before. */
    put: (rollouts: ReadonlyArray<ReadRollout>) => rollouts.forEach(put),
    remove: (paths: ReadonlyArray<string>) => paths.forEach(remove),
    /** Adds what a whole reading of a rollout of this version found out. */
    putFacts: (path: string, version: string, scanned: Scanned) => {
      const fresh = byPath.get(path)
      if (fresh?.read.version === version) put({ ...fresh.read, scanned })
    },
    /** The first `count` rows of a selection, in order. */
    select: (selection: Selection, count: number, filter: Filter | null): ReadonlyArray<ListedRow> => {
      const { after, kinds } = selection
      const rows = inOrder(selection)
      let from = after === null ? 0 : firstWhere(rows, (row) => behind(row, after, selection) > 0)
      const wanted = kinds === null ? null : new Set(kinds.map(primaryOf))
      const found: Array<ListedRow> = []
      for (let row = rows[from]; row !== undefined && found.length < count; row = rows[++from]) {
        if (wanted !== null && !wanted.has(kindOf(row.thread.source))) continue
        if (filter === null || filter.matches(row)) found.push(row)
      }
      return found
    },
    /** Some of the rows that are not in the database. */
    unwritten: (count: number): ReadonlyArray<ReadRollout> => {
      const found: Array<ReadRollout> = []
      for (const path of unwritten) {
        if (found.length === count) break
        const fresh = byPath.get(path)
        if (fresh !== undefined) found.push(fresh.read)
      }
      return found
    },
    /** These are in the database now. */
    written: (rollouts: ReadonlyArray<ReadRollout>) => {
      for (const read of rollouts) if (byPath.get(read.ref.path)?.read === read) unwritten.delete(read.ref.path)
    }
  }
}

export type FreshRows = ReturnType<typeof makeFreshRows>
