/**
 * Where there is no WebAssembly a rollout tells the same: every line is read whole.
 */
import { assert, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { printExact } from "../../src/domain/Json.ts"
import { am, C, project, S, script, U, um } from "../support/Script.ts"

it("a rollout tells the same without WebAssembly", () => {
  const { bytes } = script([
    S("T1"),
    um("one"),
    am("a"),
    U(10),
    C("T1"),
    S("T2"),
    um("two"),
    am("b"),
    U(20),
    C("T2")
  ]).build()
  const folder = mkdtempSync(join(tmpdir(), "rethread-wasm-"))
  try {
    const file = join(folder, "rollout.jsonl")
    writeFileSync(file, bytes)
    const teller = join(import.meta.dirname, "../support/WithoutWebAssembly.ts")
    const child = spawnSync(process.execPath, [teller, file], { encoding: "utf8" })
    assert.strictEqual(child.stderr, "")
    const { turns, usage } = project(bytes, { skims: true })
    assert.strictEqual(child.stdout, printExact({ turns, usage }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 60_000)
