/**
 * The time in a rollout's name, as it stands there: `rollout-YYYY-MM-DDThh-mm-ss-…`, local time of whoever wrote it. As text
 * such times stand in their order.
 */

const prefix = "rollout-"
const length = 19

/** The time in the name of the file at a path; null without one. */
export const stampIn = (path: string): string | null => {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1
  const from = at + prefix.length
  // Lists have ten thousand names: a pattern would take as long as everything else about them.
  const isStamped =
    path.startsWith(prefix, at) &&
    path[from + 4] === "-" &&
    path[from + 10] === "T" &&
    path[from + 13] === "-" &&
    path[from + length] === "-"
  return isStamped ? path.slice(from, from + length) : null
}
