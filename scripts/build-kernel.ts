/**
 * Compiles the kernel (`kernel/*.ts`, AssemblyScript) into `src/domain/LineKernel.ts`, which is checked in: whoever builds
 * or installs the package needs no compiler for it. `--check` only tells whether that file is what the kernel compiles to.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { compileKernel, kernelModule, kernelModuleText } from "./lib/kernel.ts"
import { root } from "./lib/sources.ts"

const target = join(root, kernelModule)

const compiled = await compileKernel()
if (compiled instanceof Error) throw compiled
const text = kernelModuleText(compiled)
if (!process.argv.includes("--check")) writeFileSync(target, text)
else if (readFileSync(target, "utf8") !== text) {
  console.error("src/domain/LineKernel.ts is not what kernel/ compiles to: npm run kernel")
  process.exitCode = 1
}
