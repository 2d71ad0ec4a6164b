/**
 * `rethread doctor`: reads a home, or single rollouts, to the end and tells every damage. It changes nothing; with
 * `--repair` it writes mended copies beside. Exit code 0: sound, 1: damage found, 2: not understood.
 *
 * With `--json` one value a line: `{"type":"rollout",…}` and `{"type":"file",…}` as they are found, `{"type":"summary",…}` last.
 */
import { Console, Effect, FileSystem, Stdio, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import * as NodePath from "node:path"
import { addCounts, type Counts, type Finding, finding, noCounts } from "../../domain/Finding.ts"
import { type Diagnosis, reportOf, RolloutDoctor } from "../../services/RolloutDoctor.ts"
import { RolloutStore } from "../../services/RolloutStore.ts"
import * as Failure from "../Failure.ts"
import * as HomeInspection from "../HomeInspection.ts"
import * as LocalServices from "../LocalServices.ts"
import * as MendedFiles from "../MendedFiles.ts"
import * as Output from "../Output.ts"
import * as Root from "../Root.ts"

const flags = {
  targets: Argument.String("home or files").pipe(
    Argument.withDescription("A Codex home, or rollouts; the home of --codex-home when not given"),
    Argument.variadic()
  ),
  repair: Flag.Boolean("repair").pipe(
    Flag.withDescription(
      "Write a mended copy of each damaged rollout, into a folder `repaired` beside; nothing is overwritten"
    ),
    Flag.withDefault(false)
  ),
  notes: Flag.Boolean("notes").pipe(
    Flag.withDescription("Tell also what is no damage: turns that never ended, estimates, unknown records"),
    Flag.withDefault(false)
  ),
  json: Root.json,
  codexHome: Root.codexHome
}

interface Printing {
  readonly json: boolean
  readonly notes: boolean
  readonly style: Output.Style
}

/** What is counted over everything that was looked at. */
interface Tally {
  rollouts: number
  bytes: number
  counts: Counts
  repaired: number
}

const severities = { error: "red", warning: "yellow", info: "dim" } as const

const findingLine = (found: Finding, { style }: Printing): string => {
  const place = found.line === null ? "" : `line ${found.line}, byte ${found.offset}: `
  const detail = found.detail === "" ? "" : `: ${Output.flat(found.detail)}`
  const name = found.severity === "info" ? "note" : found.severity
  return `  ${style[severities[found.severity]](name.padEnd(8))}${place}${found.kind}${detail} (${found.action})`
}

const reportLines = (path: string, findings: ReadonlyArray<Finding>, counts: Counts, printing: Printing) => {
  const shown = findings.filter(({ severity }) => printing.notes || severity !== "info")
  const all = counts.error + counts.warning + counts.info
  const untold = all - findings.length
  return shown.length === 0
    ? []
    : [
        printing.style.bold(path),
        ...shown.map((found) => findingLine(found, printing)),
        ...(untold > 0 ? [printing.style.dim(`  and ${untold} more, of ${all}`)] : [])
      ]
}

const countsOf = (findings: ReadonlyArray<Finding>): Counts =>
  findings.reduce((counts, { severity }) => addCounts(counts, { ...noCounts, [severity]: 1 }), noCounts)

const tellFile = Effect.fnUntraced(function* (report: HomeInspection.FileReport, tally: Tally, printing: Printing) {
  const counts = countsOf(report.findings)
  tally.counts = addCounts(tally.counts, counts)
  if (printing.json) return yield* Output.json({ type: "file", ...report, counts })
  yield* Output.lines(reportLines(report.path, report.findings, counts, printing))
})

const tellRollout = Effect.fnUntraced(function* (
  diagnosis: Diagnosis,
  tally: Tally,
  printing: Printing,
  repair: boolean
) {
  const report = reportOf(diagnosis)
  tally.rollouts++
  tally.bytes += report.bytes
  tally.counts = addCounts(tally.counts, report.counts)
  const copy = repair && report.mendable ? yield* MendedFiles.write(diagnosis) : null
  if (copy !== null) tally.repaired++
  if (printing.json) return yield* Output.json({ type: "rollout", ...report, copy })
  yield* Output.lines([
    ...reportLines(report.path, report.findings, report.counts, printing),
    ...(copy === null ? [] : [`  ${printing.style.green("mended")}  ${copy.path} (${copy.keptLines} lines)`]),
    ...(copy === null || copy.rejectedPath === null
      ? []
      : [`  ${printing.style.dim("left out")} ${copy.rejectedPath} (${copy.rejectedLines} lines)`])
  ])
})

/** Tells on a terminal how far it is; nothing elsewhere. */
const progress = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  const isShown = yield* stdio.stderrIsTerminal
  const clear = isShown ? Output.aside("\r\u001b[K") : Effect.void
  return {
    clear,
    at: (done: number, path: string) =>
      isShown
        ? Output.aside(`\r\u001b[K${Output.cut(`${done} read, now ${NodePath.basename(path)}`, 78)}`)
        : Effect.void
  }
})

const checkHome = Effect.fnUntraced(function* (home: string, tally: Tally, printing: Printing, repair: boolean) {
  const doctor = yield* RolloutDoctor
  const shown = yield* progress
  const known = new Set<string>()
  yield* Stream.runForEach(doctor.checkAll(), (diagnosis) =>
    Effect.gen(function* () {
      known.add(diagnosis.ref.threadId)
      yield* shown.clear
      yield* tellRollout(diagnosis, tally, printing, repair)
      yield* shown.at(tally.rollouts, diagnosis.ref.path)
    })
  ).pipe(Effect.ensuring(shown.clear))
  for (const report of yield* HomeInspection.inspect(home, known)) yield* tellFile(report, tally, printing)
})

const checkFile = Effect.fnUntraced(function* (file: string, tally: Tally, printing: Printing, repair: boolean) {
  const doctor = yield* RolloutDoctor
  const ref = yield* RolloutStore.use((store) => store.resolve(file)).pipe(
    Effect.catchIf(
      (error) => error._tag === "PathRefused" && error.reason === "notARollout" && /\.jsonl(\.zst)?$/.test(file),
      () => Effect.succeed(null)
    )
  )
  if (ref !== null) return yield* tellRollout(yield* doctor.check(ref), tally, printing, repair)
  const findings = [finding("metaMissing", null, "neither its name nor a line in it tells whose session it is")]
  yield* tellFile({ path: file, findings }, tally, printing)
})

/** The home that a file lies in, where its bases are looked for. */
const homeOf = (file: string): string | null => {
  const parts = NodePath.dirname(file).split(NodePath.sep)
  const at = parts.findLastIndex((part) => part === "sessions" || part === "archived_sessions")
  return at > 0 ? parts.slice(0, at).join(NodePath.sep) : null
}

const isHome = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const found = yield* Effect.forEach(["sessions", "archived_sessions", "config.toml"], (name) =>
    fs.exists(NodePath.join(folder, name))
  )
  return found.includes(true)
})

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`

const summaryOf = ({ bytes, counts, repaired, rollouts }: Tally, { notes, style }: Printing): string => {
  const looked = `${plural(rollouts, "rollout")}, ${(bytes / 1e6).toFixed(1)} MB`
  const verdict = counts.error + counts.warning === 0 ? style.green("sound") : style.red("damaged")
  const found = [plural(counts.error, "error"), plural(counts.warning, "warning"), plural(counts.info, "note")].join(
    ", "
  )
  return [
    `${verdict}: ${looked}: ${found}`,
    ...(counts.info > 0 && !notes ? ["notes: --notes"] : []),
    ...(repaired > 0 ? [`${plural(repaired, "mended copy")} written`.replace("copys", "copies")] : [])
  ].join("; ")
}

export const doctor = Command.make("doctor", flags, (given) =>
  Failure.orFail(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const options = yield* Root.options(given.codexHome)
      const printing: Printing = { json: given.json, notes: given.notes, style: yield* Output.style }
      const tally: Tally = { rollouts: 0, bytes: 0, counts: noCounts, repaired: 0 }
      const targets = given.targets.length === 0 ? [options.home] : given.targets
      for (const target of targets) {
        const path = NodePath.resolve(options.cwd, target)
        const info = yield* Effect.option(fs.stat(path))
        if (info._tag === "None") return yield* Failure.fail({ message: `there is no ${path}` }, 2)
        const isFolder = info.value.type === "Directory"
        if (isFolder && !(yield* isHome(path))) {
          return yield* Failure.fail({ message: `${path} is no Codex home: no sessions, no archived_sessions` }, 2)
        }
        const home = isFolder ? path : (homeOf(path) ?? options.home)
        const check = Effect.gen(function* () {
          if (isFolder) yield* checkHome(path, tally, printing, given.repair)
          else yield* checkFile(path, tally, printing, given.repair)
        })
        yield* Effect.provide(check, LocalServices.layer({ ...options, home }))
      }
      const sound = tally.counts.error + tally.counts.warning === 0
      if (given.json) yield* Output.json({ type: "summary", sound, ...tally })
      else {
        // It goes to another stream than the rest, which may be a file.
        const isTerminal = yield* Stdio.Stdio.use(({ stderrIsTerminal }) => stderrIsTerminal)
        const style = isTerminal ? printing.style : Output.plainStyle
        yield* Console.error(summaryOf(tally, { ...printing, style }))
      }
      if (!sound) return yield* Failure.endWith(1)
    })
  )
).pipe(
  Command.withDescription("Look for damage in a home's rollouts, and write mended copies of them"),
  Command.withExamples([
    { command: "rethread doctor", description: "Everything in ~/.codex" },
    {
      command: "rethread doctor ~/.codex/sessions/2026/03/01/*.jsonl --notes",
      description: "Single files, with what is no damage"
    },
    {
      command: "rethread doctor --repair",
      description: "Mended copies go to ~/.codex/repaired, what they leave out beside them"
    },
    {
      command: "rethread doctor --json | jq -c 'select(.type==\"rollout\" and .counts.error>0)'",
      description: "In scripts"
    }
  ])
)
