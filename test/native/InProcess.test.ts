/** The native face for a client in the same process. */
import { describe } from "@effect/vitest"
import { suite } from "./Suite.ts"
import * as World from "./support/World.ts"

describe("in process", () => suite(World.inProcess))
