/**
 * One pass over a thread's lines: the three projections together, and the few facts that are not theirs.
 *
 * A thread may live in several rollouts (a paginated fork or revert goes on from a base): their lines
 * are stepped in order, base first, each with the number of its segment.
 */
import type { Diagnostic } from "./Diagnostic.ts"
import type { TurnId } from "./Ids.ts"
import * as ContextHistory from "./ModelContext.ts"
import type { LinePlace, ModelContext } from "./ModelContext.ts"
import type { Looked } from "./LineScanner.ts"
import { LineSkimmer, referenceOf, turnFacts, type Words } from "./LineSkim.ts"
import { LineKind, type WholeTurn } from "./LineTable.ts"
import * as PersistedSettings from "./PersistedSettings.ts"
import type { ReadLine, RolloutLine, TurnContext } from "./RolloutLine.ts"
import { isFromUser, spoken } from "./Said.ts"
import { restated, type SessionMeta } from "./SessionMeta.ts"
import type { HistoryMode } from "./Thread.ts"
import type { SettingsSource } from "./ThreadSettings.ts"
import type { RestoredUsage } from "./TokenUsage.ts"
import * as TurnHistory from "./TurnHistory.ts"
import * as UsageHistory from "./UsageHistory.ts"

/** Diagnostics kept in full; beyond that they are only counted. */
export const MAX_DIAGNOSTICS = 1000

const noDiagnostics: ReadonlyArray<Diagnostic> = []

/** Where a turn began: the first line that would be left out by a fork that ends before it. */
export interface TurnOpening {
  readonly id: TurnId
  readonly serial: TurnHistory.TurnSerial
  readonly at: LinePlace
  /** Ordinal of that line; null in event-style histories. */
  readonly ordinal: number | null
}

/** Everything that a thread's lines say, once all are read. */
export interface ProjectedSession {
  /** What the session says of itself, as its own later `session_meta` lines left it. */
  readonly meta: SessionMeta
  /** The turns that survive, as recorded: one that never ended is `inProgress`. */
  readonly turns: ReadonlyArray<TurnHistory.RestoredTurn>
  readonly usage: RestoredUsage | null
  readonly context: ModelContext
  readonly settings: SettingsSource
  /** What the user said first; empty when nobody said anything. */
  readonly preview: string
  /** The name that the rollout itself records; the store may know a newer one. */
  readonly name: string | null
  /** Every turn ever opened, rolled back or not, in order. */
  readonly openings: ReadonlyArray<TurnOpening>
  /** The turn that was running when the lines ended (`turnId` null: an implied one); null when none was. */
  readonly midTurn: { readonly turnId: TurnId | null } | null
  /** The highest ordinal of a paginated history; null in event-style ones. */
  readonly lastOrdinal: number | null
  readonly lines: number
  readonly diagnostics: ReadonlyArray<Diagnostic>
  /** All findings, those beyond {@link MAX_DIAGNOSTICS} too. */
  readonly diagnosticCount: number
}

export interface SessionProjection {
  readonly step: (read: ReadLine, segment: number) => void
  /**
   * Takes lines, of `count`, by what it can skim of them, as `step` would have taken them whole: one, or several items in a
   * row. How many; 0 when the first has to be read.
   */
  readonly skim: (lines: Looked, count: number, segment: number) => number
  /** The bases of the thread are read; from here on the lines are its own. */
  readonly endInherited: () => void
  /**
   * True when an implied turn was named after its place among lines that were only looked over. One of them may not
   * count; the id is certain only after reading them all.
   */
  readonly isUncertain: () => boolean
  /** The session, as its lines so far describe it. */
  readonly meta: () => SessionMeta
  /** What the user said first, in the lines so far; empty when nobody said anything. */
  readonly preview: () => string
  /** The highest ordinal so far; null in event-style histories. */
  readonly lastOrdinal: () => number | null
  /** The id that the next item will have that is counted and not named. */
  readonly nextItemId: () => string
  /** Is no turn open? */
  readonly isAtRest: () => boolean
  /** Did every line that named a turn name one of these? */
  readonly isWhole: () => boolean
  /** What the lines so far say. May be asked again after more of them. */
  readonly result: () => ProjectedSession
}

const decoder = new TextDecoder()

/** The text of a message. */
const textOf = (bytes: Uint8Array, { textFrom, textTo }: Words): string =>
  String(JSON.parse(decoder.decode(bytes.subarray(textFrom, textTo))))

/** Is it an item that nothing is read of? */
const isPassed = (kind: number): boolean =>
  kind === LineKind.item || kind === LineKind.toolItem || kind === LineKind.agentItem

/** What is known of a thread before the lines to come, where those are not all. */
export interface Before {
  readonly settings?: SettingsSource
  /** The number of the next item that is counted and not named. */
  readonly nextItem?: number
}

/** A projection of nothing yet. `meta` is the thread's own first line: it tells how its history is kept. */
export const make = (meta: SessionMeta, mode: HistoryMode, before: Before = {}): SessionProjection => {
  const turns = TurnHistory.make(mode, before.nextItem)
  const usage = UsageHistory.make(meta)
  const context = ContextHistory.make()
  const openings: Array<TurnOpening> = []
  const diagnostics: Array<Diagnostic> = []
  let settings = before.settings ?? PersistedSettings.initial(meta)
  let settled: SettingsSource | null = null
  let settledContext: TurnContext | null = null
  let referredTo: TurnContext | null = null
  let settledReference: ReturnType<typeof referenceOf> = null
  let described = meta
  let preview = ""
  let itemPreview = ""
  let name: string | null = null
  let lastOrdinal: number | null = null
  let lines = 0
  let skipped = false
  let uncertain = false
  let diagnosticCount = 0
  // A user's item that precedes the event which opens its implied turn belongs to that turn. One that tells of its
  // beginning begins there: what was put in before it is not part of it.
  let early: LinePlace | null = null

  const note = (diagnostic: Diagnostic) => {
    diagnosticCount++
    if (diagnostics.length < MAX_DIAGNOSTICS) diagnostics.push(diagnostic)
  }

  /** A turn that a line opened. `begins`: the line tells of its beginning. */
  const noteOpening = (at: LinePlace, ordinal: number | null, begins: boolean) => {
    const opened = turns.lastOpened()
    if (opened === null || opened.serial === openings.at(-1)?.serial) return
    openings.push({ id: opened.id, serial: opened.serial, at: begins ? at : (early ?? at), ordinal })
    uncertain = uncertain || (skipped && !opened.explicit)
  }

  // Turn after turn runs under the same settings.
  const noteSettings = (line: RolloutLine) => {
    const { record } = line
    const context = record._tag === "TurnContext" ? record.context : null
    if (context !== null && context === settledContext && settings === settled) return
    settings = PersistedSettings.step(settings, line)
    if (context === null) return
    settledContext = context
    settled = settings
  }

  const noteItem = (fromUser: boolean, at: LinePlace) => {
    early = fromUser && !turns.inExplicitTurn() ? (early ?? at) : null
  }

  const notePreview = (line: RolloutLine) => {
    if (preview !== "") return
    const words = spoken(line)
    if (words?.by === "event") preview = words.text
    else if (words !== null && itemPreview === "" && mode === "legacy") itemPreview = words.text
  }

  const skimmer = new LineSkimmer()

  const noteLine = (ordinal: number) => {
    lines++
    if (ordinal >= 0) lastOrdinal = Math.max(lastOrdinal ?? -1, ordinal)
  }

  const placeOf = ({ at, line, offset, table }: Looked, segment: number): LinePlace => ({
    segment,
    line,
    offset,
    length: table.to(at) - table.from(at)
  })

  /** Items in a row, none of them a user's. */
  const pass = (looked: Looked, count: number, segment: number): number => {
    const { at, table } = looked
    let passed = 0
    for (; passed < count && isPassed(table.kind(at + passed)); passed++) noteLine(table.ordinal(at + passed))
    turns.pass(passed)
    skipped = true
    early = null
    context.passed(looked, passed, segment, turns)
    return passed
  }

  /** Lines of an open turn of which only the sum is of interest; how many. */
  const passage = ({ at, line, offset, table }: Looked, count: number, segment: number): number => {
    // The first words are looked at, for the preview.
    const before = preview === "" ? null : turns.beforePassage()
    if (before === null) return 0
    const taken = table.passage(at, count, before, line, offset)
    if (taken.lines === 0) return 0
    lines += taken.lines
    if (taken.ordinal >= 0) lastOrdinal = Math.max(lastOrdinal ?? -1, taken.ordinal)
    skipped = skipped || taken.filed.lines.length > 0
    early = null
    turns.passage(taken)
    if (taken.counts !== null) usage.counted(taken.counts, turns.activeTurn())
    context.passage(taken, segment, turns)
    return taken.lines
  }

  /** The settings that hold, for turns to be compared with; null when the next may change them. */
  const reference = () => {
    if (settings !== settled || settledContext === null) return null
    if (referredTo !== settledContext) settledReference = referenceOf(settledContext)
    referredTo = settledContext
    return settledReference
  }

  /** Turns that lie in these lines from their beginning to their end; how many lines. */
  const wholeTurns = (looked: Looked, count: number, segment: number): number => {
    const nextItem = preview === "" ? null : turns.beforeTurns()
    if (nextItem === null || !usage.isOwn() || !context.isSettled()) return 0
    const { at, line, offset, table } = looked
    const taken = table.turns(at, count, { nextItem, reference: reference() }, line, offset)
    if (taken.lines === 0) return 0
    lines += taken.lines
    if (taken.ordinal >= 0) lastOrdinal = Math.max(lastOrdinal ?? -1, taken.ordinal)
    skipped = skipped || taken.filed.lines.length > 0
    early = null
    let filed = 0
    const facts = (turn: WholeTurn) => turnFacts(looked, turn)
    turns.whole(taken, facts, ({ counts, filedTo, length, line, offset, ordinal }, { id, serial }) => {
      openings.push({ id, serial, at: { segment, line, offset, length }, ordinal: ordinal < 0 ? null : ordinal })
      if (counts !== null) usage.counted(counts, serial)
      context.turn(taken.filed, filed, filedTo, segment, serial)
      filed = filedTo
    })
    return taken.lines
  }

  const skimRecord = (looked: Looked, segment: number): boolean => {
    const { at, table } = looked
    const found = skimmer.record(looked)
    if (found === null) return false
    const place = placeOf(looked, segment)
    const ordinal = table.ordinal(at) < 0 ? null : table.ordinal(at)
    const { record, timestamp } = found
    const line = { line: place.line, offset: place.offset, length: place.length, timestamp, ordinal, record }
    step({ line, diagnostics: noDiagnostics, ordinal }, segment)
    return true
  }

  const skimOne = (looked: Looked, segment: number): boolean => {
    const { at, bytes, table } = looked
    const kind = table.kind(at)
    const ordinal = table.ordinal(at)
    switch (kind) {
      case LineKind.userItem: {
        // What counts where no event tells of it has to be read.
        if (preview === "" && itemPreview === "" && mode === "legacy") return false
        noteLine(ordinal)
        turns.pass(1)
        skipped = true
        const place = placeOf(looked, segment)
        noteItem(true, place)
        context.asked(place, turns)
        return true
      }
      case LineKind.tokenCount:
        noteLine(ordinal)
        turns.pass(1)
        early = null
        usage.counted(table.counts(at), turns.activeTurn())
        return true
      case LineKind.agentReasoning:
      case LineKind.agentMessage:
      case LineKind.userMessage: {
        if (!skimmer.said(looked)) return false
        const { words } = skimmer
        if (preview === "" && words.kind === "user_message") preview = textOf(bytes, words)
        noteLine(ordinal)
        turns.said(bytes, words)
        noteOpening(placeOf(looked, segment), ordinal < 0 ? null : ordinal, false)
        early = null
        context.heard(words.kind, turns)
        return true
      }
      default:
        return skimRecord(looked, segment)
    }
  }

  const skim: SessionProjection["skim"] = (looked, count, segment) => {
    const kind = looked.table.kind(looked.at)
    if (kind === LineKind.unknown) return 0
    const taken = kind === LineKind.taskStarted ? wholeTurns(looked, count, segment) : passage(looked, count, segment)
    if (taken > 0) return taken
    if (isPassed(kind)) return pass(looked, count, segment)
    return skimOne(looked, segment) ? 1 : 0
  }

  const step = (read: ReadLine, segment: number) => {
    lines++
    for (const diagnostic of read.diagnostics) note(diagnostic)
    // Also a line that is not understood takes up its ordinal.
    if (read.ordinal !== null) lastOrdinal = Math.max(lastOrdinal ?? -1, read.ordinal)
    const line = read.line
    if (line === null) return
    const at: LinePlace = { segment, line: line.line, offset: line.offset, length: line.length }
    const { record } = line
    turns.step(line)
    noteOpening(at, line.ordinal, record._tag === "Event" && record.event.type === "task_started")
    noteItem(record._tag === "ResponseItem" && isFromUser(record.item.item), at)
    usage.step(line, turns)
    context.step(line, segment, turns)
    noteSettings(line)
    if (line.record._tag === "SessionMeta") described = restated(described, line.record.meta)
    notePreview(line)
    const event = line.record._tag === "Event" ? line.record.event : null
    // A fork's copy of its source's name is not its own.
    if (event?.type === "thread_name_updated" && event.thread_id === meta.id) name = event.thread_name ?? null
  }

  return {
    step,
    skim,
    endInherited: usage.endInherited,
    isUncertain: () => uncertain,
    meta: () => described,
    preview: () => preview,
    lastOrdinal: () => lastOrdinal,
    nextItemId: turns.nextItemId,
    isAtRest: turns.isAtRest,
    isWhole: () => turns.strayEnds() === 0 && turns.orphans().length === 0,
    result: () => {
      const restored = turns.turns()
      const orphans = turns
        .orphans()
        .map((detail): Diagnostic => ({ reason: "unusableItem", line: 0, offset: 0, length: 0, detail }))
      const last = restored.at(-1)
      const running =
        last?.turn.status === "inProgress" ||
        (last !== undefined && !last.explicit && last.turn.status !== "interrupted" && context.awaitsAgent(turns))
      return {
        meta: described,
        turns: restored,
        usage: usage.result(turns),
        context: context.result(turns),
        settings,
        preview: preview === "" ? itemPreview : preview,
        name,
        openings: openings.slice(),
        midTurn: running && last !== undefined ? { turnId: last.explicit ? last.turn.id : null } : null,
        lastOrdinal,
        lines,
        diagnostics: [...diagnostics, ...orphans].slice(0, MAX_DIAGNOSTICS),
        diagnosticCount: diagnosticCount + orphans.length
      }
    }
  }
}
