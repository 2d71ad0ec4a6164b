/**
 * A program on a terminal of its own: started in tmux, typed at, and looked at until what is awaited is on the screen.
 *
 * Nothing here waits for a time: the screen is read again and again until it shows what it must, or the patience of the
 * scenario is at its end.
 */
import { Effect, RegExp as Pattern, Schedule, Schema, type Scope } from "effect"
import { execFile } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"

/** What was awaited did not come; `screen` is what there was instead. */
export class NotOnScreen extends Schema.TaggedError<NotOnScreen>()("NotOnScreen", {
  wanted: Schema.String,
  screen: Schema.String
}) {
  override get message(): string {
    return `not on the screen: ${this.wanted}`
  }
}

/** tmux itself failed. */
export class TerminalBroken extends Schema.TaggedError<TerminalBroken>()("TerminalBroken", {
  command: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `tmux ${this.command}: ${this.detail}`
  }
}

/** What a scenario fails with. */
export type Failure = NotOnScreen | TerminalBroken

/** How long anything may take to appear. A TUI starts in two seconds; this is for a machine with much else to do. */
const glances = Schedule.upTo(Schedule.spaced("80 millis"), { duration: "25 seconds" })

export interface Terminal {
  readonly name: string
  /** The text that is visible, without trailing blanks. */
  readonly screen: Effect.Effect<string, TerminalBroken>
  /** The same with colours, as ANSI escapes. */
  readonly coloured: Effect.Effect<string, TerminalBroken>
  /** Done when the screen shows it (and none of `without`); the screen then. */
  readonly see: (wanted: RegExp, without?: RegExp) => Effect.Effect<string, Failure>
  /** Done when it holds; `wanted` says what, should it never. */
  readonly until: (wanted: string, holds: Effect.Effect<boolean>) => Effect.Effect<void, Failure>
  /** Types the text; done when it is visible. */
  readonly write: (text: string) => Effect.Effect<void, Failure>
  /** Presses keys, by tmux's names: `Enter`, `Escape`, `C-c`. */
  readonly press: (...keys: ReadonlyArray<string>) => Effect.Effect<void, TerminalBroken>
  /** Done when the program ends; its exit code. */
  readonly ended: Effect.Effect<number, Failure>
}

export interface Options {
  readonly name: string
  readonly command: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  /** A file that takes the program's standard error; beside it, in `….code`, stands the exit code. */
  readonly errors: string
  readonly columns?: number
  readonly rows?: number
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

const tidy = (screen: string): string => screen.replaceAll(/[ \t]+$/gm, "").replaceAll(/\n{3,}/g, "\n\n")

let terminals = 0

/** Runs a program on a terminal for as long as the scope lasts. */
export const open = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Terminal, TerminalBroken, Scope.Scope> {
  const { columns = 110, rows = 45 } = options
  const socket = yield* Effect.sync(() => `rethread-e2e-${process.pid}-${terminals++}`)
  const tmux = (...args: ReadonlyArray<string>): Effect.Effect<string, TerminalBroken> =>
    Effect.callback((resume) => {
      execFile("tmux", ["-L", socket, "-f", "/dev/null", ...args], (error, stdout, stderr) =>
        resume(
          error === null
            ? Effect.succeed(stdout)
            : Effect.fail(new TerminalBroken({ command: args.join(" ").slice(0, 200), detail: stderr.trim() }))
        )
      )
    })

  const environment = Object.entries({ TERM: "xterm-256color", LANG: "C.UTF-8", ...options.env })
  const words = ["env", "-i", ...environment.map(([name, value]) => `${name}=${value}`), ...options.command]
  const codeFile = `${options.errors}.code`
  // The shell stays, so that the last screen does; tmux itself does not always notice that a program has ended.
  const line =
    `cd /; ${words.map(quoted).join(" ")} 2>${quoted(options.errors)}; ` +
    `echo $? >${quoted(codeFile)}; exec sleep infinity`
  yield* Effect.acquireRelease(tmux("new-session", "-d", "-x", String(columns), "-y", String(rows), line), () =>
    Effect.ignore(tmux("kill-server"))
  )

  const screen = Effect.map(tmux("capture-pane", "-p"), tidy)
  const retried = <A>(look: Effect.Effect<A, Failure>): Effect.Effect<A, Failure> =>
    Effect.retry(look, { schedule: glances, while: (error) => error._tag === "NotOnScreen" })
  const see: Terminal["see"] = (wanted, without) =>
    retried(
      Effect.filterOrFail(
        screen,
        (shown) => wanted.test(shown) && without?.test(shown) !== true,
        (shown) =>
          new NotOnScreen({
            wanted: without === undefined ? String(wanted) : `${String(wanted)} without ${String(without)}`,
            screen: shown
          })
      )
    )
  const until: Terminal["until"] = (wanted, holds) =>
    retried(
      Effect.gen(function* () {
        if (!(yield* holds)) return yield* new NotOnScreen({ wanted, screen: yield* screen })
      })
    )
  const exitCode = Effect.sync(() => (existsSync(codeFile) ? readFileSync(codeFile, "utf8").trim() : ""))
  const ended = Effect.andThen(
    until(
      "the end of the program",
      Effect.map(exitCode, (code) => code !== "")
    ),
    Effect.map(exitCode, Number)
  )

  return {
    name: options.name,
    screen,
    coloured: tmux("capture-pane", "-p", "-e"),
    see,
    until,
    write: Effect.fnUntraced(function* (text) {
      yield* tmux("send-keys", "-l", text)
      // Long lines wrap.
      yield* see(new RegExp(Pattern.escape(text.slice(-60))))
    }),
    press: (...keys) => Effect.asVoid(tmux("send-keys", ...keys)),
    ended
  }
})
