/**
 * Untyped JSON inside typed values (a tool's arguments, say), as JSON can carry it to any client: an integer beyond 2^53,
 * which a rollout may hold, becomes the nearest number, as every JSON reader would have it.
 */
const changed = Symbol("changed")

const plainEntry = (value: unknown): unknown => {
  if (typeof value === "bigint") return Number(value)
  if (typeof value !== "object" || value === null) return changed
  const result = plain(value)
  return result === value ? changed : result
}

/** The value itself where nothing has to change, and as much of it as possible otherwise. Holds no typed `bigint`. */
export const plain = <A extends object>(value: A): A => {
  if (Array.isArray(value)) {
    let copy: Array<unknown> | null = null
    for (let index = 0; index < value.length; index++) {
      const entry = plainEntry(value[index])
      if (entry !== changed) (copy ??= value.slice())[index] = entry
    }
    return copy === null ? value : Object.assign(copy, null)
  }
  let copy: A | null = null
  for (const [key, entry] of Object.entries(value)) {
    const result = plainEntry(entry)
    if (result !== changed) copy = Object.assign(copy ?? { ...value }, { [key]: result })
  }
  return copy ?? value
}
