/**
 * A relative path, from where it is said: lexically, for the domain knows no disk.
 */

const isAbsolute = (path: string): boolean => /^(?:[/\\]|[A-Za-z]:[/\\])/.test(path)

/** `path` as seen from `base`, which is absolute; an absolute path stays as it is. `.` and `..` are worked out. */
export const absolutePath = (base: string, path: string): string => {
  if (isAbsolute(path)) return path
  const separator = base.includes("\\") && !base.includes("/") ? "\\" : "/"
  const [root = "", ...folders] = base.split(separator)
  const kept = folders.filter((folder) => folder !== "")
  for (const part of path.split(separator === "/" ? "/" : /[/\\]/)) {
    if (part === "..") kept.pop()
    else if (part !== "." && part !== "") kept.push(part)
  }
  return `${root}${separator}${kept.join(separator)}`
}
