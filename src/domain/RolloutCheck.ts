/**
 * Looks for damage in a rollout, line by line: a fold that keeps a few words of state, however long the file.
 *
 * It judges what reading (`RolloutLine`) and the projections make of each line; what other files have to do with it is
 * the business of the service above.
 */
import {
  addCounts,
  type Counts,
  type Finding,
  finding,
  isMendable,
  noCounts,
  ofDiagnostic,
  type Place
} from "./Finding.ts"
import type { ThreadId } from "./Ids.ts"
import type { RawLine } from "./LineScanner.ts"
import { makeOrdinalCheck } from "./OrdinalCheck.ts"
import type { RolloutEvent } from "./RolloutEvent.ts"
import type { ReadLine } from "./RolloutLine.ts"
import type { SessionMeta } from "./SessionMeta.ts"
import { historyMode } from "./ThreadView.ts"
import { makeUsageCheck } from "./UsageCheck.ts"

/** Findings of one rollout that are kept in full; beyond that they are only counted. */
const MAX_FINDINGS = 1000

/** What one rollout was found to be. */
export interface Checked {
  readonly meta: SessionMeta | null
  readonly lines: number
  readonly bytes: number
  readonly findings: ReadonlyArray<Finding>
  /** All findings, those beyond {@link MAX_FINDINGS} too. */
  readonly counts: Counts
  /** Would a mended copy have less damage? */
  readonly mendable: boolean
  /** The line that tells whose session it is, when others that count stand before it; null when it is where it belongs. */
  readonly lateMeta: Place | null
}

export interface RolloutCheck {
  readonly step: (read: ReadLine, raw: RawLine) => void
  readonly note: (found: Finding) => void
  readonly meta: () => SessionMeta | null
  readonly result: () => Checked
}

interface OpenTurn {
  readonly id: string
  readonly at: Place
}

/** Will a mended copy leave the line out? */
export const isRejected = (read: ReadLine): boolean =>
  read.line === null &&
  read.diagnostics.some((diagnostic) => {
    const found = ofDiagnostic(diagnostic)
    return found !== null && isMendable(found) && found.kind !== "invalidUtf8" && found.kind !== "byteOrderMark"
  })

const isBlank = (read: ReadLine): boolean => read.diagnostics.some(({ reason }) => reason === "blank")

/** A check of a rollout that is named after `threadId`; null for a file whose name says nothing. */
export const make = (threadId: ThreadId | null): RolloutCheck => {
  const findings: Array<Finding> = []
  let counts = noCounts
  let mendable = false
  let meta: SessionMeta | null = null
  let lateMeta: Place | null = null
  let kept = 0
  let lines = 0
  let bytes = 0
  let open: OpenTurn | null = null
  let unended: Place | null = null
  const turnIds = new Set<string>()

  const note = (found: Finding) => {
    counts = addCounts(counts, { ...noCounts, [found.severity]: 1 })
    mendable = mendable || isMendable(found)
    if (findings.length < MAX_FINDINGS) findings.push(found)
  }
  const ordinals = makeOrdinalCheck(note)
  const usage = makeUsageCheck(note)

  const leaveOpen = () => {
    if (open !== null) note(finding("turnLeftOpen", open.at, `turn ${open.id} never ended`))
    open = null
  }

  const onEvent = (event: RolloutEvent, at: Place) => {
    switch (event.type) {
      case "task_started":
        leaveOpen()
        if (turnIds.has(event.turn_id)) note(finding("turnRepeated", at, `turn ${event.turn_id} was started before`))
        turnIds.add(event.turn_id)
        open = { id: event.turn_id, at }
        return
      case "task_complete":
      case "thread_rolled_back":
        open = null
        return
      case "turn_aborted":
        if (typeof event.turn_id !== "string" || event.turn_id === open?.id) open = null
        return
      case "token_count":
        usage.step(event, at)
        return
      default:
        return
    }
  }

  const onMeta = (found: SessionMeta, at: Place) => {
    if (meta !== null) return
    meta = found
    if (kept > 0) {
      lateMeta = at
      note(finding("metaNotFirst", at, `${kept} lines that count stand before it`))
    }
    if (threadId !== null && found.id !== threadId) {
      note(finding("idMismatch", at, `the file is named after ${threadId}, the session is ${found.id}`))
    }
    const mode = historyMode(found)
    if (mode === null) note(finding("unknownHistoryMode", at, `history_mode \`${found.historyMode}\``))
    if (mode === "paginated") ordinals.begin(found.historyBase?.endOrdinalExclusive ?? 0)
  }

  return {
    step: (read, raw) => {
      const at: Place = { line: raw.line, offset: raw.offset, length: raw.length }
      lines++
      bytes = raw.offset + raw.length + raw.end.length
      for (const diagnostic of read.diagnostics) {
        const found = ofDiagnostic(diagnostic)
        if (found !== null) note(found)
      }
      const rejected = isRejected(read)
      const { line } = read
      if (line?.record._tag === "SessionMeta") onMeta(line.record.meta, at)
      if (!isBlank(read)) ordinals.step(read.ordinal, rejected, at)
      if (!rejected) kept++
      if (line?.record._tag === "Event") onEvent(line.record.event, at)
      unended = raw.end === "" && !rejected ? at : null
    },
    note,
    meta: () => meta,
    result: () => {
      if (unended !== null) note(finding("unended", unended, "no line end"))
      unended = null
      leaveOpen()
      if (meta === null && counts.error === 0 && kept === 0) note(finding("emptyFile", null, "nothing is in it"))
      else if (meta === null) note(finding("metaMissing", null, "no line is a valid session_meta"))
      return { meta, lines, bytes, findings, counts, mendable: mendable && meta !== null, lateMeta }
    }
  }
}

/** The same with one finding more. */
export const withFinding = (checked: Checked, found: Finding): Checked => ({
  ...checked,
  findings: [...checked.findings, found],
  counts: addCounts(checked.counts, { ...noCounts, [found.severity]: 1 })
})
