/** The members whose values are looked for, by their keys; the order is that of `src/domain/LineTable.ts`. */
import { standsAt } from "./json"

export const TEXT: i32 = 1
export const MESSAGE: i32 = 2
export const PHASE: i32 = 3
export const MEMORY_CITATION: i32 = 4
export const CLIENT_ID: i32 = 5
/** `images`, `local_images`, `audio`, `local_audio`. */
export const ATTACHED_FIRST: i32 = 6
export const ATTACHED_LAST: i32 = 9
export const TEXT_ELEMENTS: i32 = 10
export const TURN_ID: i32 = 11
export const ROOT_TURN_ID: i32 = 12
export const STARTED_AT: i32 = 13
export const COMPLETED_AT: i32 = 14
export const DURATION_MS: i32 = 15
export const ERROR: i32 = 16
export const LAST_AGENT_MESSAGE: i32 = 17
export const MODEL_CONTEXT_WINDOW: i32 = 18
export const CWD: i32 = 19
export const MODEL: i32 = 20
export const EFFORT: i32 = 21
export const APPROVAL_POLICY: i32 = 22
export const APPROVALS_REVIEWER: i32 = 23
export const SUMMARY: i32 = 24
export const SANDBOX_POLICY: i32 = 25

/** Which of them has this key; -1 for any other. */
export function keyIndex(at: i32, length: i32): i32 {
  switch (length) {
    case 3:
      return standsAt(at, "cwd") ? CWD : -1
    case 4:
      return standsAt(at, "type") ? 0 : standsAt(at, "text") ? TEXT : -1
    case 5:
      if (standsAt(at, "phase")) return PHASE
      if (standsAt(at, "audio")) return 8
      if (standsAt(at, "error")) return ERROR
      return standsAt(at, "model") ? MODEL : -1
    case 6:
      return standsAt(at, "images") ? ATTACHED_FIRST : standsAt(at, "effort") ? EFFORT : -1
    case 7:
      if (standsAt(at, "message")) return MESSAGE
      if (standsAt(at, "turn_id")) return TURN_ID
      return standsAt(at, "summary") ? SUMMARY : -1
    case 9:
      return standsAt(at, "client_id") ? CLIENT_ID : -1
    case 10:
      return standsAt(at, "started_at") ? STARTED_AT : -1
    case 11:
      return standsAt(at, "local_audio") ? ATTACHED_LAST : standsAt(at, "duration_ms") ? DURATION_MS : -1
    case 12:
      if (standsAt(at, "local_images")) return 7
      if (standsAt(at, "root_turn_id")) return ROOT_TURN_ID
      return standsAt(at, "completed_at") ? COMPLETED_AT : -1
    case 13:
      return standsAt(at, "text_elements") ? TEXT_ELEMENTS : -1
    case 14:
      return standsAt(at, "sandbox_policy") ? SANDBOX_POLICY : -1
    case 15:
      return standsAt(at, "memory_citation") ? MEMORY_CITATION : standsAt(at, "approval_policy") ? APPROVAL_POLICY : -1
    case 18:
      if (standsAt(at, "last_agent_message")) return LAST_AGENT_MESSAGE
      return standsAt(at, "approvals_reviewer") ? APPROVALS_REVIEWER : -1
    case 20:
      return standsAt(at, "model_context_window") ? MODEL_CONTEXT_WINDOW : -1
    default:
      return -1
  }
}
