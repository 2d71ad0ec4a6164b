/**
 * Writes the public interface to `api/`, one file an entry of the package: `npm run api`. `npm run check:package` compares
 * it with what is committed, so that no change of it goes unseen.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { apiReports } from "./lib/api.ts"
import { root } from "./lib/sources.ts"
import { ensureBuilt } from "./lib/tarball.ts"

ensureBuilt()
const folder = join(root, "api")
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
for (const [file, text] of apiReports()) {
  writeFileSync(join(folder, file), text)
  console.log(`api/${file}  ${text.split("\n").length} lines`)
}
