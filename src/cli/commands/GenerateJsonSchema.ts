/**
 * `rethread generate-json-schema`: the wire as JSON Schema (draft-07), as `codex app-server generate-json-schema` prints
 * Codex's; or as one OpenRPC document.
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
  ),
  openrpc: Flag.Boolean("openrpc").pipe(
    Flag.withDescription("Print one OpenRPC document instead: methods with params, results and errors"),
    Flag.withDefault(false)
  )
}

export const generateJsonSchema = Command.make("generate-json-schema", flags, ({ openrpc, out }) =>
  Failure.orFail(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const write = (folder: string, name: string, document: object) =>
        fs.writeFileString(path.join(folder, name), `${JSON.stringify(document, null, 2)}\n`)
      if (Option.isSome(out)) yield* fs.makeDirectory(out.value, { recursive: true })
      if (openrpc) {
        const OpenRpc = yield* Effect.promise(() => import("../../rpc/codex/OpenRpc.ts"))
        const document = OpenRpc.document()
        if (Option.isNone(out)) return yield* Output.line(JSON.stringify(document, null, 2))
        yield* write(out.value, "openrpc.json", document)
        return yield* Console.error(`openrpc.json in ${out.value}`)
      }
      const JsonSchemas = yield* Effect.promise(() => import("../../rpc/codex/JsonSchemas.ts"))
      const documents = JsonSchemas.documents()
      if (Option.isNone(out)) return yield* Output.line(JSON.stringify(documents.get(JsonSchemas.bundleName), null, 2))
      yield* Effect.forEach(documents, ([name, document]) => write(out.value, `${name}.json`, document), {
        discard: true
      })
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
    { command: "rethread generate-json-schema | jq .definitions.Thread", description: "One shape of the bundle" },
    { command: "rethread generate-json-schema --openrpc", description: "The methods, as an OpenRPC document" }
  ])
)
