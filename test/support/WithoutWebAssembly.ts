/** Prints what a rollout tells in a process that has no WebAssembly (any more: Node itself takes the types out with it). */
import { readFileSync } from "node:fs"
import { printExact } from "../../src/domain/Json.ts"
import { LineTable } from "../../src/domain/LineTable.ts"
import { project } from "./Script.ts"

Reflect.deleteProperty(globalThis, "WebAssembly")
if (LineTable.borrow() !== null) throw new Error("there is WebAssembly")
const { turns, usage } = project(new Uint8Array(readFileSync(process.argv[2] ?? "")), { skims: true })
process.stdout.write(printExact({ turns, usage }))
