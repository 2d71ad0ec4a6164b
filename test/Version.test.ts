/**
 * The version that clients are told is the package's.
 */
import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { VERSION } from "../src/domain/Version.ts"
import { at } from "./conformance/Case.ts"

it("the version is that of package.json", () => {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
  assert.strictEqual(VERSION, at(manifest, "version"))
})
