/**
 * The table of settings in `docs/operations.md` has the flags that the serving commands have, and no other.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, Ref } from "effect"
import { CliOutput, Command, type HelpDoc } from "effect/cli"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { rethread } from "../../src/cli/Commands.ts"

/** They ask for something else than a server. */
const asksFor = new Set(["help", "version", "wizard", "completions"])

/** Every flag that a command's help tells of, with its other names. */
const flagsOf = Effect.fnUntraced(function* (command: string) {
  const docs = yield* Ref.make<ReadonlyArray<HelpDoc.HelpDoc>>([])
  const presenter: CliOutput.Presenter = {
    present: (event) => ("helpDoc" in event ? Ref.update(docs, (all) => [...all, event.helpDoc]) : Effect.void)
  }
  yield* Command.runWith(rethread, { version: "0" })([command, "--help"]).pipe(
    Effect.provide([CliOutput.layerPresenter(presenter), NodeServices.layer])
  )
  const [doc] = yield* Ref.get(docs)
  assert.isDefined(doc)
  return [...doc.flags, ...(doc.inheritedFlags ?? []), ...(doc.globalFlags ?? [])]
    .filter(({ name }) => !asksFor.has(name))
    .flatMap(({ aliases, name }) => [`--${name}`, ...aliases])
})

/** The flags in the table's first column. */
const documented = (): ReadonlyArray<string> => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8")
  const [, section = ""] = text.split("\n## Settings\n")
  const [table = ""] = section.split("\n## ")
  const cells = table.split("\n").map((line) => line.split("|")[1] ?? "")
  return cells.flatMap((cell) => cell.match(/(?<=`)--?[a-z0-9-]+/g) ?? [])
}

it.effect("the table of settings names the flags of the command line", () =>
  Effect.gen(function* () {
    const flags = new Set([...(yield* flagsOf("serve")), ...(yield* flagsOf("app-server")), "--no-color"])
    const told = documented()
    assert.deepStrictEqual(told.toSorted(), Array.from(flags).toSorted())
  })
)
