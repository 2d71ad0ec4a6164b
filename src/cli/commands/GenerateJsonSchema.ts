/**
 * `rethread generate-json-schema`: the wire as JSON Schema (draft-07), as `codex app-server generate-json-schema` prints
 * Codex's.
 */
import { Console, Effect, FileSystem, Option, Path } from "effect"
import { Command, Flag } from "effect/cli"
import * as Failure from "../Failure.ts"
import * as Output from "../Output.ts"

const flags = {
  out: Flag.Directory("out").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("DIR"),
    Flag.withDescription(
      "Where to write one file for each shape, and the bundle; standard output gets the bundle alone"
    ),
    Flag.optional
  )
}

export const generateJsonSchema = Command.make("generate-json-schema", flags, ({ out }) =>
  Failure.orFail(
    Effect.gen(function* () {
      const JsonSchemas = yield* Effect.promise(() => import("../../rpc/codex/JsonSchemas.ts"))
      const documents = JsonSchemas.documents()
      if (Option.isNone(out)) return yield* Output.line(JSON.stringify(documents.get(JsonSchemas.bundleName), null, 2))
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      yield* fs.makeDirectory(out.value, { recursive: true })
      yield* Effect.forEach(
        documents,
        ([name, document]) =>
          fs.writeFileString(path.join(out.value, `${name}.json`), `${JSON.stringify(document, null, 2)}\n`),
        { discard: true }
      )
      yield* Console.error(`${documents.size} files in ${out.value}`)
    })
  )
).pipe(
  Command.withDescription("Print the protocol as JSON Schema (draft-07)"),
  Command.withExamples([
    {
      command: "rethread generate-json-schema --out schemas",
      description: "One file for each params, response and notification"
    },
    { command: "rethread generate-json-schema | jq .definitions.Thread", description: "One shape of the bundle" }
  ])
)
