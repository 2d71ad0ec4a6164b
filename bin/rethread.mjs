#!/usr/bin/env node
// Starts the program from its bundle, with V8's compile cache. Plain JavaScript without imports that an old Node lacks,
// so that it can say what is wrong there.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(`rethread needs Node.js 22.19 or newer; this is ${process.versions.node}`)
  process.exit(1)
}
const { enableCompileCache, flushCompileCache } = await import("node:module")
const { homedir } = await import("node:os")
const { isAbsolute, join } = await import("node:path")

// Compiled code is in the user's own cache, not in the temporary folder, where others could put theirs in its place.
// NODE_COMPILE_CACHE and NODE_DISABLE_COMPILE_CACHE are heard. Without a cache the start is slower, and that is all.
const { LOCALAPPDATA = "", XDG_CACHE_HOME = "" } = process.env
const elsewhere = process.platform === "win32" ? LOCALAPPDATA : XDG_CACHE_HOME
const inHome = process.platform === "darwin" ? "Library/Caches" : ".cache"
try {
  const caches = isAbsolute(elsewhere) ? elsewhere : join(homedir(), inHome)
  enableCompileCache(join(caches, "rethread", "compiled"))
  // Written once the start is over, and not only at the end, which a server may never come to.
  setTimeout(() => {
    flushCompileCache()
  }, 2000).unref()
} catch {
  // A user without a home has no cache.
}
await import("../dist/bin/rethread.mjs")
