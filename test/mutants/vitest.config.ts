/**
 * How tests run against mutants (`scripts/mutants.ts`): in one thread that loads a module once. A mutant is switched on
 * between runs; nothing is loaded again for it. Rules are tried with the tests of the domain alone. Its property tests
 * take their time with every expression watched; what hangs is a matter of services.
 */
import { defineConfig } from "vitest/config"
import base from "../../vitest.config.ts"

const ofDomain = process.env["MUTANTS_AREA"] === "domain"
const ofRules = ["test/domain/**/*.test.ts"]
const ofServices = ["test/{services,live}/**/*.test.ts", "test/rpc/{Handlers,ClientHandlers,ThreadSearch}.test.ts"]

export default defineConfig({
  ...base,
  test: {
    include: ofDomain ? ofRules : [...ofRules, ...ofServices],
    exclude: ["test/live/{Kill,Schedules,Agreement}.test.ts"],
    isolate: false,
    testTimeout: ofDomain ? 180_000 : 15_000,
    hookTimeout: 60_000
  }
})
