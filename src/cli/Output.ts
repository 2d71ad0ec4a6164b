/**
 * What commands print: answers on standard output, everything else on standard error. Colours only on a terminal.
 *
 * A reader that has seen enough (`rethread threads | head -1`) ends the program, quietly. Text of threads is printed
 * without the control characters that a terminal would obey.
 */
import { DateTime, Effect, Stdio, Stream } from "effect"
import { CliOutput, TerminalCapabilities } from "effect/cli"
import { styleText } from "node:util"
import { printExact } from "../domain/Json.ts"

/** Writes text as it is. */
export const write = (text: string): Effect.Effect<void, never, Stdio.Stdio> =>
  Stdio.Stdio.use((stdio) =>
    // Nobody reads any more: an end like any other.
    Effect.catch(Stream.run(Stream.succeed(text), stdio.stdout({ endOnDone: false })), () => Effect.interrupt)
  )

export const line = (text: string): Effect.Effect<void, never, Stdio.Stdio> => write(`${text}\n`)

export const lines = (all: ReadonlyArray<string>): Effect.Effect<void, never, Stdio.Stdio> =>
  all.length === 0 ? Effect.void : write(all.join("\n") + "\n")

/** One JSON document on a line; integers keep every digit. */
export const json = (value: unknown): Effect.Effect<void, never, Stdio.Stdio> => line(printExact(value))

/** Writes to standard error as it is; nobody has to read it. */
export const aside = (text: string): Effect.Effect<void, never, Stdio.Stdio> =>
  Stdio.Stdio.use((stdio) => Effect.ignore(Stream.run(Stream.succeed(text), stdio.stderr({ endOnDone: false }))))

type Paint = (text: string) => string

export interface Style {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly yellow: Paint
  readonly green: Paint
  readonly cyan: Paint
}

const painted =
  (format: keyof Style): Paint =>
  (text) =>
    styleText(format, text, { validateStream: false })
const unpainted: Paint = (text) => text

const colored: Style = {
  bold: painted("bold"),
  dim: painted("dim"),
  red: painted("red"),
  yellow: painted("yellow"),
  green: painted("green"),
  cyan: painted("cyan")
}

/** Text without colours. */
export const plainStyle: Style = {
  bold: unpainted,
  dim: unpainted,
  red: unpainted,
  yellow: unpainted,
  green: unpainted,
  cyan: unpainted
}

/** How text is painted here. */
export const style: Effect.Effect<Style> = Effect.map(TerminalCapabilities.TerminalCapabilities, ({ canColor }) =>
  canColor ? colored : plainStyle
)

/** Text from a thread without control characters, but for line ends. */
export const harmless = (text: string): string =>
  text.replace(/\r\n?/g, "\n").replace(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu, "")

/** The same on one line. */
export const flat = (text: string): string => harmless(text).replace(/\s+/g, " ").trim()

/** At most so many terminal cells of it. */
export const cut = (text: string, width: number): string => {
  if (CliOutput.displayWidth(text) <= width) return text
  let kept = ""
  for (const char of text) {
    if (CliOutput.displayWidth(kept + char) > width - 1) break
    kept += char
  }
  return `${kept}…`
}

/** Columns under their headings, without trailing space. */
export const table = (headings: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>, style: Style) => {
  const all = [headings.map(style.bold), ...rows]
  const widths = headings.map((_, column) => Math.max(...all.map((row) => CliOutput.displayWidth(row[column] ?? ""))))
  const padded = (text: string, column: number) =>
    text + " ".repeat(Math.max(0, (widths[column] ?? 0) - CliOutput.displayWidth(text)))
  return all.map((row) => row.map(padded).join("  ").trimEnd())
}

/** A time in Unix seconds, in UTC. */
export const time = (seconds: number): string =>
  DateTime.formatIso(DateTime.makeUnsafe(seconds * 1000)).replace(/\.\d+Z$/, "Z")
