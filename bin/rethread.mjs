#!/usr/bin/env node
// Starts the program from its bundle, with V8's compile cache. Plain JavaScript without imports that an old Node lacks,
// so that it can say what is wrong there.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(`rethread needs Node.js 22.19 or newer; this is ${process.versions.node}`)
  process.exit(1)
}
const { enableCompileCache } = await import("node:module")
enableCompileCache()
await import("../dist/bin/rethread.mjs")
