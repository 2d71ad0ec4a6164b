/**
 * The tables of modules in docs/architecture.md: every module of `src` once, with the first sentence of its own header.
 *
 * Where a row stands is the document's business: move it to the table where it belongs, and it stays there. What is in it,
 * which modules are new and which are gone, the sources say.
 */
import { readSources, type Source } from "./sources.ts"

/** The marks between which the tables stand. */
export const moduleMarks = {
  begin:
    "<!-- modules: rows are kept by `node scripts/check-docs.ts --write`; move one to the table where it belongs -->",
  end: "<!-- modules end -->"
} as const

const rowOf = (file: string, says: string): string => `| [\`${nameOf(file)}\`](../${file}) | ${says} |`
const namedIn = /^\| \[`[^`]+`\]\(\.\.\/(src\/[^)]+\.ts)\) \|/

/** Below the folder that is its room's. */
const nameOf = (file: string): string => {
  const room = roomOf(file)
  return file.slice(room === "src" ? "src/".length : room.length + 1).replace(/\.ts$/, "")
}

/** Its folder, without the folders inside rooms. */
const roomOf = (file: string): string => {
  const folders = file.split("/").slice(0, -1)
  const isFloor = folders[1] === "rpc" || folders[1] === "layers"
  return folders.slice(0, isFloor ? 3 : 2).join("/")
}

/** The comment at the top of the module, as one line of text; null where there is none. */
const headerOf = ({ comments, text }: Source): string | null => {
  const [first] = comments
  if (first === undefined || first.type !== "Block" || text.slice(0, first.start).trim() !== "") return null
  const [paragraph = ""] = first.value
    .split("\n")
    .map((line) => line.replace(/^\s*\*? ?/, "").trim())
    .join("\n")
    .trim()
    .split("\n\n")
  return paragraph.replaceAll("\n", " ")
}

/** What a line in a table holds, about. */
const short = 110

/** Up to its first full stop, or where that is long, to its first colon; no links. */
const firstSentence = (header: string): string => {
  const plain = header.replaceAll(/\{@link (\S+?)\}/g, "`$1`").replaceAll("|", "\\|")
  const sentence = (/^.*?\.(?= |$)/.exec(plain)?.[0] ?? plain).replace(/\.$/, "")
  return sentence.length > short ? (/^.{20,}?(?=[:;] )/.exec(sentence)?.[0] ?? sentence) : sentence
}

/** Modules whose header says nothing. */
export const withoutHeader = (): ReadonlyArray<string> =>
  readSources("src").flatMap((source) => (headerOf(source) === null ? [source.file] : []))

const tableHead = ["| module | |", "|---|---|"]

/** A document with its rows put right; undefined where there are no marks. */
export const withModules = (document: string): string | undefined => {
  const begin = document.indexOf(moduleMarks.begin)
  const end = document.indexOf(moduleMarks.end, begin)
  if (begin === -1 || end === -1) return undefined
  const from = begin + moduleMarks.begin.length
  const modules = new Map(readSources("src").map((source) => [source.file, firstSentence(headerOf(source) ?? "")]))
  const named = new Set<string>()
  const lines = document
    .slice(from, end)
    .split("\n")
    .flatMap((line) => {
      const file = namedIn.exec(line)?.[1]
      if (file === undefined) return [line]
      const says = modules.get(file)
      if (says === undefined || named.has(file)) return []
      named.add(file)
      return [rowOf(file, says)]
    })
  for (const [file, says] of modules) {
    if (named.has(file)) continue
    // Behind the last of its room, but for the barrel.
    const last = lines.findLastIndex((line) => {
      const other = namedIn.exec(line)?.[1] ?? ""
      return roomOf(other) === roomOf(file) && !other.endsWith("/index.ts")
    })
    if (last === -1) lines.splice(-1, 0, `### \`${roomOf(file)}\``, "", ...tableHead, rowOf(file, says), "")
    else lines.splice(last + 1, 0, rowOf(file, says))
  }
  return document.slice(0, from) + lines.join("\n") + document.slice(end)
}
