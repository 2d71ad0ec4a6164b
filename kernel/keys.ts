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

/** Which of them has this key; -1 for any other. */
export function keyIndex(at: i32, length: i32): i32 {
  switch (length) {
    case 3:
      return standsAt(at, "cwd") ? 19 : -1
    case 4:
      return standsAt(at, "type") ? 0 : standsAt(at, "text") ? TEXT : -1
    case 5:
      if (standsAt(at, "phase")) return PHASE
      if (standsAt(at, "audio")) return 8
      if (standsAt(at, "error")) return 16
      return standsAt(at, "model") ? 20 : -1
    case 6:
      return standsAt(at, "images") ? ATTACHED_FIRST : standsAt(at, "effort") ? 21 : -1
    case 7:
      if (standsAt(at, "message")) return MESSAGE
      if (standsAt(at, "turn_id")) return 11
      return standsAt(at, "summary") ? 24 : -1
    case 9:
      return standsAt(at, "client_id") ? CLIENT_ID : -1
    case 10:
      return standsAt(at, "started_at") ? 13 : -1
    case 11:
      return standsAt(at, "local_audio") ? ATTACHED_LAST : standsAt(at, "duration_ms") ? 15 : -1
    case 12:
      if (standsAt(at, "local_images")) return 7
      if (standsAt(at, "root_turn_id")) return 12
      return standsAt(at, "completed_at") ? 14 : -1
    case 13:
      return standsAt(at, "text_elements") ? TEXT_ELEMENTS : -1
    case 14:
      return standsAt(at, "sandbox_policy") ? 25 : -1
    case 15:
      return standsAt(at, "memory_citation") ? MEMORY_CITATION : standsAt(at, "approval_policy") ? 22 : -1
    case 18:
      if (standsAt(at, "last_agent_message")) return 17
      if (standsAt(at, "approvals_reviewer")) return 23
      return standsAt(at, "permission_profile") ? 26 : -1
    case 20:
      return standsAt(at, "model_context_window") ? 18 : -1
    default:
      return -1
  }
}
