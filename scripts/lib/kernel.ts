/**
 * The kernel (`kernel/*.ts`, AssemblyScript): how it is compiled, and the module that carries what it compiles to.
 */
import { main } from "assemblyscript/asc"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./sources.ts"

/** Where the compiled kernel is, relative to the root. */
export const kernelModule = "src/domain/LineKernel.ts"

/** Compiles the kernel, with other texts for some of its files; what is wrong instead, if it does not compile. */
export const compileKernel = async (others: ReadonlyMap<string, string> = new Map()): Promise<Uint8Array | Error> => {
  let binary: Uint8Array | null = null
  const options = ["-O2", "--noAssert", "--runtime", "stub", "--enable", "simd", "--importMemory"]
  const { error } = await main(["kernel/lines.ts", ...options, "--outFile", "lines.wasm"], {
    readFile: (name, base) => {
      try {
        return others.get(name) ?? readFileSync(join(base === "." ? root : base, name), "utf8")
      } catch {
        return null
      }
    },
    listFiles: () => [],
    writeFile: (_name, contents) => {
      if (typeof contents !== "string") binary = contents
    }
  })
  return binary ?? new Error("the kernel does not compile", { cause: error })
}

/** The text of the module that carries the kernel. */
export const kernelModuleText = (binary: Uint8Array): string => `/**
 * The kernel that looks over lines (\`kernel/lines.ts\`), compiled to WebAssembly, in base64. Written by \`npm run kernel\`;
 * \`npm run check\` compares.
 */

export const lineKernel =
  "${Buffer.from(binary).toString("base64")}"
`
