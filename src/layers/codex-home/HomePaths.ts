/**
 * The folders of a Codex home, and which paths lie inside it once every symbolic link is followed.
 *
 * `sessions` and `archived_sessions` may themselves be links to another disk: what they point to
 * counts as inside. Nothing else outside the home does.
 */
import type { Path } from "effect"
import { realpathSync } from "node:fs"

/** Where a home's folders are now. All paths are absolute; `real…` ones have no links in them. */
export interface HomePaths {
  readonly home: string
  readonly sessions: string
  readonly archived: string
  readonly realHome: string
  readonly realSessions: string
  readonly realArchived: string
}

/** Follows the links of a folder of the home; one that does not exist (yet) stands for itself. */
export const realFolder = (folder: string): string => {
  try {
    return realpathSync.native(folder)
  } catch {
    return folder
  }
}

/** Where the folders of the home are, asked at once: every look at the home begins with it. */
export const homePaths = (path: Path.Path, home: string): HomePaths => {
  const realHome = realFolder(path.resolve(home))
  const sessions = path.join(realHome, "sessions")
  const archived = path.join(realHome, "archived_sessions")
  return {
    home: path.resolve(home),
    sessions,
    archived,
    realHome,
    realSessions: realFolder(sessions),
    realArchived: realFolder(archived)
  }
}

/** The path from `folder` to `file` when `file` is inside it (or is it). */
export const relativeInside = (path: Path.Path, folder: string, file: string): string | undefined => {
  const relative = path.relative(folder, file)
  return relative === ".." || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative) ? undefined : relative
}

/** A real path as the store names it (one file, one name), and on which side of the archive it lies; undefined outside the home. */
export const placeInHome = (
  path: Path.Path,
  paths: HomePaths,
  real: string
): { readonly path: string; readonly archived: boolean } | undefined => {
  const inArchive = relativeInside(path, paths.realArchived, real)
  if (inArchive !== undefined) return { path: path.join(paths.archived, inArchive), archived: true }
  const inSessions = relativeInside(path, paths.realSessions, real)
  if (inSessions !== undefined) return { path: path.join(paths.sessions, inSessions), archived: false }
  return relativeInside(path, paths.realHome, real) === undefined ? undefined : { path: real, archived: false }
}
