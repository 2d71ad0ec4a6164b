/**
 * Compiles the kernel (`kernel/*.ts`, AssemblyScript) into `src/domain/LineKernel.ts`, which is checked in: whoever builds
 * or installs the package needs no compiler for it. `--check` only tells whether that file is what the kernel compiles to.
 */
import { main } from "assemblyscript/asc"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./lib/sources.ts"

const target = join(root, "src/domain/LineKernel.ts")

const compile = async (): Promise<Uint8Array> => {
  let binary: Uint8Array | null = null
  const options = ["-O2", "--noAssert", "--runtime", "stub", "--enable", "simd", "--importMemory"]
  const { error } = await main(["kernel/lines.ts", ...options, "--outFile", "lines.wasm"], {
    readFile: (name, base) => {
      try {
        return readFileSync(join(base === "." ? root : base, name), "utf8")
      } catch {
        return null
      }
    },
    listFiles: () => [],
    writeFile: (_name, contents) => {
      if (typeof contents !== "string") binary = contents
    }
  })
  if (error !== null || binary === null) throw new Error("the kernel does not compile", { cause: error })
  return binary
}

const module = (binary: Uint8Array): string => `/**
 * The kernel that looks over lines (\`kernel/lines.ts\`), compiled to WebAssembly, in base64. Written by \`npm run kernel\`;
 * \`npm run check\` compares.
 */

export const lineKernel =
  "${Buffer.from(binary).toString("base64")}"
`

const text = module(await compile())
if (!process.argv.includes("--check")) writeFileSync(target, text)
else if (readFileSync(target, "utf8") !== text) {
  console.error("src/domain/LineKernel.ts is not what kernel/ compiles to: npm run kernel")
  process.exitCode = 1
}
