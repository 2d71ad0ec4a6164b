/**
 * What a list shows of a thread, from its rollout's bytes in one pass: the head (`ThreadHead`), and what all of it says
 * (`RolloutScan`), the same as each of them finds by itself.
 *
 * A catalog that begins is made of ten thousand of these, so a line that has nothing for either is known by its first
 * bytes, one that both want is parsed once, and one that a later line overrules is not parsed at all.
 */
import { makeLineScanner, type RawLine, type Skim } from "../domain/LineScanner.ts"
import { readLine, type RolloutLine } from "../domain/RolloutLine.ts"
import { makeFactsFold } from "./FactsFold.ts"
import * as CatalogLine from "./CatalogLine.ts"
import { markAt, maxLineBytes, nothing, type Scanned } from "./RolloutScan.ts"
import { makeHeadFold, type RolloutHead } from "./ThreadHead.ts"

export interface RolloutSummary {
  /**
   * Null when there is no session in the rollout, undefined when more of it has to be read. Of a rollout that was read
   * whole the settings are those at its end.
   */
  readonly head: RolloutHead | null | undefined
  /** Null when more has to be read. */
  readonly scanned: Scanned | null
}

/** Where a line is. */
interface Place {
  readonly from: number
  readonly to: number
  readonly number: number
}

/** The summary of a rollout's first bytes, which may be all of them. */
export const summaryIn = (bytes: Uint8Array, whole: boolean): RolloutSummary => {
  const scanner = makeLineScanner(maxLineBytes)
  const head = makeHeadFold()
  const facts = makeFactsFold(null)
  let headIsDone = false
  /** Settings of turns since the last line that was read: the last of them that is understood counts. */
  let contexts: Array<Place> = []
  /** The end of the last whole line. */
  let end = 0
  let torn = false

  const readAt = ({ from, number, to }: Place): RolloutLine | null =>
    readLine({ line: number, offset: from, length: to - from, end: "\n", bytes: bytes.subarray(from, to) }).line

  const settle = () => {
    for (const place of contexts.toReversed()) {
      const line = readAt(place)
      if (line?.record._tag !== "TurnContext") continue
      facts.step(line)
      break
    }
    contexts = []
  }

  const visit = (raw: RawLine) => {
    if (headIsDone && !whole) return
    if (raw.end === "") torn = true
    else end = raw.offset + raw.length + raw.end.length
    const { line } = readLine(raw)
    if (!headIsDone) headIsDone = head.step(line, raw.offset + raw.length)
    if (line === null || !whole) return
    if (contexts.length > 0) settle()
    facts.step(line)
  }

  // All bytes are pushed at once: places in them are places in the file.
  const skim: Skim = ({ at, line: number, table }, count) => {
    if (headIsDone && !whole) return count
    return take(table.from(at), table.to(at), number) ? 1 : 0
  }

  const take = (from: number, to: number, number: number): boolean => {
    const kind = CatalogLine.kindOf(bytes, from, to)
    switch (kind) {
      case CatalogLine.other:
        break
      case CatalogLine.item:
        if (headIsDone) break
        if (!head.wantsItem()) return false
        headIsDone = head.defer(() => readAt({ from, to, number }), to)
        break
      case CatalogLine.words:
        if (!headIsDone) return false
        break
      case CatalogLine.context:
        if (!whole) return false
        contexts.push({ from, to, number })
        break
      default:
        return false
    }
    if (!headIsDone) headIsDone = head.step(null, to)
    end = to + 1
    return true
  }

  scanner.push(bytes, visit, skim)
  if (!whole) return { head: headIsDone ? head.finish() : undefined, scanned: null }
  scanner.finish(visit)
  settle()
  const mark = torn || end !== bytes.length ? nothing : markAt(end, bytes)
  const found = head.finish()
  const told = facts.facts()
  return {
    head: found === null ? null : { ...found, settings: told?.settings ?? found.settings },
    scanned: { mark, facts: told }
  }
}
