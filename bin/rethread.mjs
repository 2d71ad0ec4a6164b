#!/usr/bin/env node
// Starts the program from its bundle, with the code that earlier processes compiled. Plain JavaScript without imports
// that an old Node lacks, so that it can say what is wrong there.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(`rethread needs Node.js 22.19 or newer; this is ${process.versions.node}`)
  process.exit(1)
}
const { homedir } = await import("node:os")
const { isAbsolute, join } = await import("node:path")

// Compiled code is in the user's own cache, not in the temporary folder, where others could put theirs in its place.
const cacheFolder = () => {
  const { LOCALAPPDATA = "", NODE_COMPILE_CACHE = "", NODE_DISABLE_COMPILE_CACHE, XDG_CACHE_HOME = "" } = process.env
  if (NODE_DISABLE_COMPILE_CACHE !== undefined) return undefined
  if (NODE_COMPILE_CACHE !== "") return join(NODE_COMPILE_CACHE, "rethread")
  const elsewhere = process.platform === "win32" ? LOCALAPPDATA : XDG_CACHE_HOME
  const inHome = process.platform === "darwin" ? "Library/Caches" : ".cache"
  try {
    const caches = isAbsolute(elsewhere) ? elsewhere : join(homedir(), inHome)
    // Without a home it would be wherever the program was started, and so in anybody's project.
    return isAbsolute(caches) ? join(caches, "rethread", "compiled") : undefined
  } catch {
    // A user without a home has no cache.
    return undefined
  }
}

const { open } = await import("../dist/bin/compiled-code.mjs")
const bundle = open(join(import.meta.dirname, "../dist/bin"), cacheFolder())
process.once("exit", bundle.keep)
setTimeout(() => {
  bundle.keepNew()
}, 2000).unref()
bundle.require("./main.cjs")
