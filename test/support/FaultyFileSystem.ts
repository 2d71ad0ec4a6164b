/**
 * A file system whose disk fills up while a file is appended to: the system takes a part of what it is
 * given, then refuses, as a real one does.
 */
import { Effect, FileSystem, PlatformError } from "effect"
import type { AppendFault } from "../../src/layers/memory/MemoryFiles.ts"

/** By absolute path; a fault is used up once it struck. */
export type AppendFaults = Map<string, AppendFault>

const codes: Readonly<Record<AppendFault["reason"], string>> = {
  diskFull: "ENOSPC",
  accessDenied: "EACCES",
  lost: "ENOENT",
  other: "EIO"
}

const refusal = (code: string) =>
  PlatformError.systemError({
    _tag: code === "EACCES" ? "PermissionDenied" : "Unknown",
    module: "FileSystem",
    method: "write",
    description: `${code}: the test wants it`,
    cause: Object.assign(new Error(code), { code })
  })

/** How many bytes of `content` go through before the fault: its lines, and half of the one that fails. */
const roomIn = (content: Uint8Array, lines: number): number => {
  let at = 0
  for (let line = 0; line < lines; line++) at = content.indexOf(10, at + 1) + 1
  const failing = content.indexOf(10, at + 1) + 1 - at
  return at + Math.ceil(failing / 2)
}

const linesIn = (content: Uint8Array): number =>
  Buffer.from(content).subarray(1).toString("latin1").split("\n").length - 1

/** A handle with some of its ways changed. */
export const overlay = (
  handle: FileSystem.File,
  changed: Partial<Pick<FileSystem.File, "sync" | "write" | "truncate">>
): FileSystem.File => ({
  [FileSystem.FileTypeId]: FileSystem.FileTypeId,
  stat: handle.stat,
  sync: changed.sync ?? handle.sync,
  seek: (offset, from) => handle.seek(offset, from),
  read: (buffer, options) => handle.read(buffer, options),
  readAlloc: (size, options) => handle.readAlloc(size, options),
  truncate: changed.truncate ?? ((length) => handle.truncate(length)),
  write: changed.write ?? ((buffer) => handle.write(buffer)),
  writeAll: (buffer) => handle.writeAll(buffer)
})

/** Writes to files that are appended to take `most` bytes at a time. */
export const withShortWrites = (fs: FileSystem.FileSystem, most: number): FileSystem.FileSystem => ({
  ...fs,
  open: (path, options) =>
    Effect.map(fs.open(path, options), (handle) =>
      options?.flag?.startsWith("a") === true
        ? overlay(handle, { write: (buffer) => handle.write(buffer.subarray(0, most)) })
        : handle
    )
})

/** Appends to the files in `faults` fail as they say. */
export const withAppendFaults = (fs: FileSystem.FileSystem, faults: AppendFaults): FileSystem.FileSystem => ({
  ...fs,
  open: (path, options) =>
    Effect.map(fs.open(path, options), (handle) => {
      if (options?.flag?.startsWith("a") !== true) return handle
      let struck: AppendFault | undefined
      return overlay(handle, {
        write: (content) =>
          Effect.suspend(() => {
            if (struck !== undefined) return Effect.fail(refusal(codes[struck.reason]))
            const fault = faults.get(path)
            if (fault === undefined) return handle.write(content)
            const through = fault.afterLines ?? 0
            const lines = linesIn(content)
            if (lines <= through) {
              faults.set(path, { ...fault, afterLines: through - lines })
              return handle.write(content)
            }
            faults.delete(path)
            struck = fault
            return handle.write(content.subarray(0, roomIn(content, through)))
          }),
        truncate: (length) =>
          struck?.torn === true ? Effect.fail(refusal(codes[struck.reason])) : handle.truncate(length)
      })
    })
})
