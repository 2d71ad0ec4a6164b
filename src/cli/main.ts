/**
 * The program's entry. It loads what the command line needs, and nothing else.
 */
import { VERSION } from "../domain/Version.ts"
import * as StdioArguments from "./StdioArguments.ts"

const args = process.argv.slice(2)
const plain = StdioArguments.parse(args)

if (args.length === 1 && (args[0] === "--version" || args[0] === "-v")) {
  process.stdout.write(`rethread v${VERSION}\n`)
} else if (plain === null) {
  void import("./CommandLine.ts").then(({ run }) => run())
} else {
  void import("./StdioServer.ts").then(({ run }) => run(plain))
}
