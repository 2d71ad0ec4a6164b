/**
 * Tests run in two processes, one for each core of a small machine. The limits are for a machine that hangs, not for a
 * slow one: no test waits for real time.
 */
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
