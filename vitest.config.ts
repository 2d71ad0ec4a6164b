/**
 * Tests run in two processes, one for each core of a small machine. The limits are for a machine that hangs, not for a
 * slow one: no test waits for real time.
 */
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    // Examples import the package by its name, as its users do: here that is the sources (`paths` in tsconfig.json).
    alias: [
      { find: /^rethread$/, replacement: source("index.ts") },
      { find: /^rethread\/client$/, replacement: source("rpc/client/index.ts") },
      { find: /^rethread\/(.+)$/, replacement: source("$1/index.ts") }
    ]
  },
  test: {
    include: ["{test,examples}/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
