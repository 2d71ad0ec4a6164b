/**
 * Puts the figures of a full run into docs/performance.md, between its two marks.
 *
 *     node bench/report.ts [bench/results/full.json]
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Schema } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { machineText } from "./lib/machine.ts"
import { Results } from "./lib/results.ts"
import { markdownLimits, markdownTable } from "./lib/table.ts"

const root = join(import.meta.dirname, "..")
const file = process.argv[2] ?? join(root, "bench/results/full.json")
const document = join(root, "docs/performance.md")
const begin = "<!-- figures: written by bench/report.ts -->"
const end = "<!-- end of figures -->"

class NoMarks extends Schema.TaggedError<NoMarks>()("NoMarks", { path: Schema.String }) {
  override get message(): string {
    return `${this.path} has no marks for the figures`
  }
}

const figures = ({ command, commit, limits, machine, rows, servers }: Results): string =>
  [
    `\`${command}\` on ${machineText(machine)}; commit ${commit}; ${servers.join(", ")}.`,
    markdownLimits(limits),
    markdownTable(rows)
  ].join("\n\n")

const report = Effect.gen(function* () {
  const results = yield* Schema.decodeEffect(Schema.fromJsonString(Results))(readFileSync(file, "utf8"))
  const text = readFileSync(document, "utf8")
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) return yield* new NoMarks({ path: document })
  writeFileSync(document, `${text.slice(0, from + begin.length)}\n\n${figures(results)}\n\n${text.slice(to)}`)
  yield* Console.log(`${results.rows.length} rows in docs/performance.md`)
})

NodeRuntime.runMain(report)
