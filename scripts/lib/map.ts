/**
 * The map of the house in docs/architecture.md, drawn from what the modules really import.
 *
 * A room is a folder of `src`; the faces in `src/rpc` and the layers in `src/layers` are rooms of their own. A barrel that
 * only gathers rooms (`src/index.ts`, `src/rpc/index.ts`) is none. The picture leaves out an arrow where a longer way
 * says the same; the table has them all, and the packages.
 */
import { moduleReferences, readSources, resolveRelative } from "./sources.ts"

/** The marks between which the map stands. */
export const mapMarks = {
  begin: "<!-- map: made by `node scripts/check-docs.ts --write` from the imports -->",
  end: "<!-- map end -->"
} as const

/** Folders whose folders are rooms. */
const floors = new Set(["rpc", "layers"])

/** The order from top to bottom. */
const storeys = ["testing", "cli", "rpc/native", "rpc/client", "rpc/codex", "layers", "services", "domain"]

const roomOf = (file: string): string | undefined => {
  const [, first = "", second = "", third] = file.split("/")
  if (second === "" || (floors.has(first) && third === undefined)) return undefined
  return floors.has(first) ? `${first}/${second}` : first
}

/** `node:fs` as `node:*`, `effect/rpc` as `effect`. */
const packageOf = (specifier: string): string => {
  if (specifier.startsWith("node:")) return "node:*"
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")
}

/** What a room imports: other rooms, and packages. */
interface Room {
  readonly rooms: Set<string>
  readonly packages: Set<string>
}

const readRooms = (): ReadonlyMap<string, Room> => {
  const rooms = new Map<string, Room>()
  for (const source of readSources("src")) {
    const name = roomOf(source.file)
    if (name === undefined) continue
    const room = rooms.get(name) ?? { rooms: new Set(), packages: new Set() }
    rooms.set(name, room)
    for (const { specifier } of moduleReferences(source)) {
      if (!specifier.startsWith(".")) {
        room.packages.add(packageOf(specifier))
        continue
      }
      const target = roomOf(resolveRelative(source.file, specifier))
      if (target !== undefined && target !== name) room.rooms.add(target)
    }
  }
  return rooms
}

const storeyOf = (room: string): number => {
  const storey = storeys.findIndex((name) => room === name || room.startsWith(`${name}/`))
  return storey === -1 ? storeys.length : storey
}
const fromTop = (a: string, b: string): number => storeyOf(a) - storeyOf(b) || (a < b ? -1 : 1)

/** Is there a way from one room to the other? */
const leadsTo = (rooms: ReadonlyMap<string, Room>, from: string, to: string, seen = new Set<string>()): boolean => {
  if (from === to) return true
  if (seen.has(from)) return false
  seen.add(from)
  return [...(rooms.get(from)?.rooms ?? [])].some((next) => leadsTo(rooms, next, to, seen))
}

const idOf = (room: string): string => room.replaceAll(/[^a-zA-Z]/g, "_")
const inCode = (names: Iterable<string>): string => Array.from(names, (name) => `\`${name}\``).join(", ") || "—"

/** Rooms that import each other, through others too, as `a ⇄ b`; there should be none. */
export const roomCycles = (): ReadonlyArray<string> => {
  const rooms = readRooms()
  return [...rooms].flatMap(([from, { rooms: imports }]) =>
    [...imports].flatMap((to) => (from < to && leadsTo(rooms, to, from) ? [`${from} ⇄ ${to}`] : []))
  )
}

/** The map, with its marks. */
const mapBlock = (): string => {
  const rooms = readRooms()
  const names = [...rooms.keys()].toSorted(fromTop)
  const importsOf = (name: string) => [...(rooms.get(name)?.rooms ?? [])].toSorted(fromTop)
  const arrows = names.flatMap((from) => {
    const imports = importsOf(from)
    return imports
      .filter((to) => !imports.some((other) => other !== to && leadsTo(rooms, other, to)))
      .map((to) => `    ${idOf(from)} --> ${idOf(to)}`)
  })
  return [
    mapMarks.begin,
    "",
    "```mermaid",
    "flowchart TD",
    ...names.map((name) => `    ${idOf(name)}["${name}"]`),
    ...arrows,
    "```",
    "",
    "| room | imports | packages |",
    "|---|---|---|",
    ...names.map(
      (name) =>
        `| \`${name}\` | ${inCode(importsOf(name))} | ${inCode([...(rooms.get(name)?.packages ?? [])].toSorted())} |`
    ),
    "",
    mapMarks.end
  ].join("\n")
}

/** A document with the map between its marks put in; undefined where there are no marks. */
export const withMap = (document: string): string | undefined => {
  const begin = document.indexOf(mapMarks.begin)
  const end = document.indexOf(mapMarks.end, begin)
  return begin === -1 || end === -1
    ? undefined
    : document.slice(0, begin) + mapBlock() + document.slice(end + mapMarks.end.length)
}
