/**
 * Runs every check of the repository, two at a time, and prints one line for each: what it is, how long it took, and
 * all that it says when it fails. `node scripts/check.ts types rules` runs only those.
 */
import { spawn } from "node:child_process"
import { delimiter, join } from "node:path"
import { readManifest, root } from "./lib/sources.ts"

const atOnce = 2

const scripts = new Map(
  Object.entries(readManifest("scripts")).flatMap(([name, command]) =>
    name.startsWith("check:") && typeof command === "string" ? [[name.slice(6), command]] : []
  )
)
const known = [...scripts.keys()]
const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  console.error(`no check named ${unknown.join(", ")}; there are ${known.join(", ")}`)
  process.exit(1)
}

const run = (name: string): Promise<boolean> =>
  new Promise((resolve) => {
    const started = performance.now()
    const output: Array<Buffer> = []
    const child = spawn(scripts.get(name) ?? "", {
      cwd: root,
      shell: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PATH: `${join(root, "node_modules/.bin")}${delimiter}${process.env["PATH"] ?? ""}` }
    })
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => output.push(chunk))
    child.on("error", (error) => output.push(Buffer.from(`${error.message}\n`)))
    child.on("close", (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      console.log(`${code === 0 ? "ok  " : "FAIL"} ${name.padEnd(12)} ${seconds.padStart(5)} s`)
      if (code !== 0) console.log(Buffer.concat(output).toString("utf8").trimEnd().replace(/^/gm, "     "))
      resolve(code === 0)
    })
  })

const queue = asked.length > 0 ? [...asked] : [...known]
const failed: Array<string> = []
const worker = async () => {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (!(await run(name))) failed.push(name)
  }
}
await Promise.all(Array.from({ length: atOnce }, worker))
if (failed.length > 0) {
  console.log(`failed: ${failed.join(", ")}`)
  process.exitCode = 1
}
