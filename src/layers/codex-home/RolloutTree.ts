/**
 * Which rollout files a Codex home has, by thread, as of the moment of asking.
 *
 * Folders are read once and again only when their modification time moved, so that asking costs one
 * `stat` a folder, all at once: a tenth of what waiting for each would cost. What cannot be read
 * (permissions, dangling links, loops) is passed over.
 */
import { Clock, Effect, type Path } from "effect"
import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from "node:fs"
import type { ThreadId } from "../../domain/Ids.ts"
import { coalesced } from "../../services/Coalesced.ts"
import { homePaths, placeInHome } from "./HomePaths.ts"
import { parseRolloutFileName, type RolloutFile } from "./RolloutFileName.ts"

/** Every rollout file of the home, by the thread in its name. */
export type RolloutTree = ReadonlyMap<ThreadId, ReadonlyArray<RolloutFile>>

export interface RolloutTreeOptions {
  readonly path: Path.Path
  readonly home: string
  readonly allowPathsOutside: boolean
  /** How a folder is read; it throws where it cannot be. By default as the operating system does. */
  readonly entriesOf?: (folder: string) => ReadonlyArray<Dirent>
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
/** Folders looked at before somebody else may go on: a few milliseconds. */
const foldersAtOnce = 32

/** What the operating system says; undefined when it says no. */
const orNothing = <A>(ask: () => A): A | undefined => {
  try {
    return ask()
  } catch {
    return undefined
  }
}

const statOf = (path: string): Stats | undefined => orNothing(() => statSync(path, { throwIfNoEntry: false }))
const readFolder = (folder: string): ReadonlyArray<Dirent> => readdirSync(folder, { withFileTypes: true })

/** An effect that gives the tree as it is now; concurrent callers share one look at the disk. */
export const makeRolloutTree = ({
  allowPathsOutside,
  entriesOf = readFolder,
  home,
  path
}: RolloutTreeOptions): Effect.Effect<RolloutTree> => {
  let known = new Map<string, Folder>()
  let tree: RolloutTree = new Map()
  let hasLinked = false

  const scan = Effect.gen(function* () {
    const paths = homePaths(path, home)
    const now = yield* Clock.currentTimeMillis
    const found = new Map<string, Folder>()
    const linked: Array<RolloutFile> = []
    const visited = new Set<string>()
    let changed = false

    const look = (folder: string, archived: boolean): Folder | undefined => {
      const modifiedAt = statOf(folder)?.mtimeMs
      if (modifiedAt === undefined) return undefined
      const before = known.get(folder)
      if (before !== undefined && before.settled && before.modifiedAt === modifiedAt) return before
      const entries = orNothing(() => entriesOf(folder))
      if (entries === undefined) return undefined
      changed = true
      const files: Array<RolloutFile> = []
      const folders: Array<string> = []
      const links: Array<string> = []
      for (const entry of entries) {
        const at = `${folder}${path.sep}${entry.name}`
        if (entry.isFile()) {
          const name = parseRolloutFileName(entry.name)
          if (name !== undefined) files.push({ name, path: at, archived })
        } else if (entry.isDirectory()) {
          if (!archived) folders.push(at)
        } else if (entry.isSymbolicLink()) links.push(at)
      }
      return { modifiedAt, settled: modifiedAt < now - settlingMillis, files, folders, links }
    }

    /** The folder that a link leads to; what it leads to may also be a rollout. */
    const follow = (link: string, archived: boolean): ReadonlyArray<string> => {
      const real = orNothing(() => realpathSync.native(link))
      const place = real === undefined ? undefined : placeInHome(path, paths, real)
      if (real === undefined || (place === undefined && !allowPathsOutside)) return []
      const info = statOf(real)
      const name = info?.isFile() === true ? parseRolloutFileName(path.basename(link)) : undefined
      if (name !== undefined) linked.push({ name, path: link, archived })
      return info?.isDirectory() === true && !archived ? [place?.path ?? real] : []
    }

    const walk = (folder: string, archived: boolean): ReadonlyArray<string> => {
      if (visited.has(folder)) return []
      visited.add(folder)
      const state = look(folder, archived)
      if (state === undefined) return []
      found.set(folder, state)
      return state.links.length === 0
        ? state.folders
        : [...state.folders, ...state.links.flatMap((link) => follow(link, archived))]
    }

    walk(paths.archived, true)
    const open = [paths.sessions]
    for (let at = 0; at < open.length; at++) {
      open.push(...walk(open[at] ?? "", false))
      if (at % foldersAtOnce === foldersAtOnce - 1) yield* Effect.yieldNow
    }
    if (!changed && linked.length === 0 && !hasLinked && found.size === known.size) return tree
    known = found
    hasLinked = linked.length > 0
    tree = byThread(found.values(), linked)
    return tree
  })

  return coalesced(scan)
}

const byThread = (folders: Iterable<Folder>, linked: ReadonlyArray<RolloutFile>): RolloutTree => {
  const threads = new Map<ThreadId, Array<RolloutFile>>()
  const add = (file: RolloutFile) => {
    const known = threads.get(file.name.threadId)
    if (known === undefined) threads.set(file.name.threadId, [file])
    else known.push(file)
  }
  for (const { files } of folders) for (const file of files) add(file)
  for (const file of linked) add(file)
  return threads
}
