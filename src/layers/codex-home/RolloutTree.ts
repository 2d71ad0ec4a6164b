/**
 * Which rollout files a Codex home has, by thread, as of the moment of asking.
 *
 * Folders are read once and again only when their modification time moved, so that asking costs one
 * `stat` a folder. What cannot be read (permissions, dangling links, loops) is passed over.
 */
import { Clock, Effect, type FileSystem, Option, type Path } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import { coalesced } from "../../services/Coalesced.ts"
import { homePaths, placeInHome } from "./HomePaths.ts"
import { parseRolloutFileName, type RolloutFile } from "./RolloutFileName.ts"

/** Every rollout file of the home, by the thread in its name. */
export type RolloutTree = ReadonlyMap<ThreadId, ReadonlyArray<RolloutFile>>

export interface RolloutTreeOptions {
  readonly fs: FileSystem.FileSystem
  readonly path: Path.Path
  readonly home: string
  readonly allowPathsOutside: boolean
}

interface Folder {
  readonly modifiedAt: number
  /** False while the folder is so fresh that a change within the clock's grain could go unseen. */
  readonly settled: boolean
  readonly files: ReadonlyArray<RolloutFile>
  readonly folders: ReadonlyArray<string>
  /** Links are looked at anew each time: what they point to changes without their folder. */
  readonly links: ReadonlyArray<string>
}

const settlingMillis = 2000
const concurrency = 16

/** An effect that gives the tree as it is now; concurrent callers share one look at the disk. */
export const makeRolloutTree = ({
  allowPathsOutside,
  fs,
  home,
  path
}: RolloutTreeOptions): Effect.Effect<RolloutTree> => {
  let known = new Map<string, Folder>()
  let tree: RolloutTree = new Map()
  let hasLinked = false

  const scan = Effect.gen(function* () {
    const paths = yield* homePaths(fs, path, home)
    const now = yield* Clock.currentTimeMillis
    const found = new Map<string, Folder>()
    const linked: Array<RolloutFile> = []
    const visited = new Set<string>()
    let changed = false

    const rolloutFile = (file: string, archived: boolean): ReadonlyArray<RolloutFile> => {
      const name = parseRolloutFileName(path.basename(file))
      return name === undefined ? [] : [{ name, path: file, archived }]
    }

    const look = (folder: string, archived: boolean) =>
      Effect.gen(function* () {
        const info = yield* fs.stat(folder)
        const modifiedAt = Option.match(info.mtime, { onNone: () => now, onSome: (date) => date.getTime() })
        const before = known.get(folder)
        if (before !== undefined && before.settled && before.modifiedAt === modifiedAt) return before
        const entries = yield* fs.readDirectoryEntries(folder)
        changed = true
        const named = (type: FileSystem.File.Type) =>
          entries.filter((entry) => entry.type === type).map((entry) => path.join(folder, entry.name))
        return {
          modifiedAt,
          settled: modifiedAt < now - settlingMillis,
          files: named("File").flatMap((file) => rolloutFile(file, archived)),
          folders: archived ? [] : named("Directory"),
          links: named("SymbolicLink")
        }
      })

    const follow = (link: string, archived: boolean) =>
      Effect.gen(function* () {
        const real = yield* fs.realPath(link)
        const place = placeInHome(path, paths, real)
        if (place === undefined && !allowPathsOutside) return []
        const info = yield* fs.stat(real)
        if (info.type === "File") {
          linked.push(...rolloutFile(link, archived))
          return []
        }
        return info.type === "Directory" && !archived ? [place?.path ?? real] : []
      }).pipe(Effect.orElseSucceed((): ReadonlyArray<string> => []))

    const walk = (folder: string, archived: boolean): Effect.Effect<ReadonlyArray<string>> => {
      if (visited.has(folder)) return Effect.succeed([])
      visited.add(folder)
      return Effect.gen(function* () {
        const state = yield* look(folder, archived)
        found.set(folder, state)
        const more = yield* Effect.forEach(state.links, (link) => follow(link, archived))
        return [...state.folders, ...more.flat()]
      }).pipe(Effect.orElseSucceed((): ReadonlyArray<string> => []))
    }

    yield* walk(paths.archived, true)
    let level: ReadonlyArray<string> = [paths.sessions]
    while (level.length > 0) {
      level = (yield* Effect.forEach(level, (folder) => walk(folder, false), { concurrency })).flat()
    }
    if (!changed && linked.length === 0 && !hasLinked && found.size === known.size) return tree
    known = found
    hasLinked = linked.length > 0
    tree = byThread([...Array.from(found.values(), (folder) => folder.files).flat(), ...linked])
    return tree
  })

  return coalesced(scan)
}

const byThread = (files: ReadonlyArray<RolloutFile>): RolloutTree => {
  const threads = new Map<ThreadId, Array<RolloutFile>>()
  for (const file of files) {
    const known = threads.get(file.name.threadId)
    if (known === undefined) threads.set(file.name.threadId, [file])
    else known.push(file)
  }
  return threads
}
