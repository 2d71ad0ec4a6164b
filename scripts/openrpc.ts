/**
 * Writes the OpenRPC document of the wire to `docs/openrpc.json`: `npm run openrpc`. With `--check` it writes nothing and
 * fails when the file is not what the schemas give: `npm run check:openrpc`.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openRpcFile, openRpcText } from "./lib/openrpc.ts"
import { report, root } from "./lib/sources.ts"

const path = join(root, openRpcFile)
const text = openRpcText()

if (process.argv.includes("--check")) {
  const written = existsSync(path) ? readFileSync(path, "utf8") : ""
  const lines = text.split("\n")
  const differs = written.split("\n").findIndex((line, index) => line !== lines[index])
  report(
    "openrpc",
    written === text
      ? []
      : [
          {
            file: openRpcFile,
            line: (differs === -1 ? 0 : differs) + 1,
            message: "is not what the schemas give; run `npm run openrpc`"
          }
        ],
    openRpcFile
  )
} else {
  writeFileSync(path, text)
  console.log(`${openRpcFile}  ${text.length} characters`)
}
