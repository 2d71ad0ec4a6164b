/**
 * Builds `dist`: the library (ESM, declarations and their maps, one file a module) by `tsc`, and the command line
 * program as one bundle, because a bundle starts several times faster than a thousand modules.
 */
import { spawnSync } from "node:child_process"
import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import { build } from "rolldown"
import { root } from "./lib/sources.ts"

const entry = join(root, "src/cli/main.ts")

rmSync(join(root, "dist"), { recursive: true, force: true })
const tsc = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit"
})
if (tsc.status !== 0) process.exit(1)

if (existsSync(entry)) {
  await build({
    input: entry,
    platform: "node",
    logLevel: "warn",
    output: {
      file: join(root, "dist/bin/rethread.mjs"),
      format: "esm",
      codeSplitting: false,
      comments: { legal: true, annotation: false, jsdoc: false }
    }
  })
} else {
  console.log("no src/cli/main.ts yet: the program is not bundled")
}
