/**
 * The time in a rollout's name, and nothing from a name of another form.
 */
import { assert, describe, it } from "@effect/vitest"
import { stampIn } from "../../src/services/RolloutStamp.ts"

const stamp = "2026-03-01T10-00-00"
const id = "019ca8d7-2d00-7000-8000-00000000000a"

describe("the time in a rollout's name", () => {
  for (const path of [
    `/home/.codex/sessions/2026/03/01/rollout-${stamp}-${id}.jsonl`,
    `C:\\codex\\rollout-${stamp}-${id}.jsonl.zst`,
    `rollout-${stamp}-${id}_${id}.jsonl`
  ]) {
    it(`is there: ${path}`, () => assert.strictEqual(stampIn(path), stamp))
  }

  for (const path of [
    "",
    `rollout-${id}.jsonl`,
    `rollout-2026-03-01 10-00-00-${id}.jsonl`,
    `rollout-${stamp}`,
    `notes-${stamp}-${id}.jsonl`,
    `/rollout-${stamp}-${id}.jsonl/notes.txt`
  ]) {
    it(`is not there: "${path}"`, () => assert.isNull(stampIn(path)))
  }
})
