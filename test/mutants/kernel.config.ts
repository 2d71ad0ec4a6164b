/**
 * How tests run against mutants of the kernel (`scripts/kernel-mutants.ts`): in one thread that loads a module once and
 * ends with its process, however it hangs; first those that find most in the shortest time.
 */
import { basename } from "node:path"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"
import base from "../../vitest.config.ts"

const order = ["LineTable", "Passage", "WholeTurns", "LineSkim", "SavedSession", "Projections"]

class Quickest extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const placeOf = ({ moduleId }: TestSpecification) => order.indexOf(basename(moduleId, ".test.ts"))
    return files.toSorted((a, b) => placeOf(a) - placeOf(b))
  }
}

export default defineConfig({
  ...base,
  cacheDir: ".vite",
  test: {
    include: order.map((module) => `test/domain/${module}.test.ts`),
    pool: "threads",
    maxWorkers: 1,
    isolate: false,
    bail: 1,
    sequence: { sequencer: Quickest },
    testTimeout: 180_000
  }
})
