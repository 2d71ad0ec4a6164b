/**
 * The bytes of one rollout file as a bounded stream, through one reused buffer; compressed files
 * are unpacked on the way.
 *
 * Nothing is ever written, also not for `.zst` (Codex unpacks such a file in place). A file that
 * grows meanwhile is read up to its size at opening.
 */
import { Cause, Effect, type FileSystem, type PlatformError, Stream } from "effect"
import type { FileFailure } from "./FileVersion.ts"
import { unzstd } from "./ZstdStream.ts"

const chunkBytes = 256 * 1024
/** The first chunk is small: a list needs the head of each file only. */
const firstChunkBytes = 64 * 1024

/** The rollout in a file. A chunk is valid until the next one is asked for. */
export const rolloutBytes = (
  fs: FileSystem.FileSystem,
  file: string
): Stream.Stream<Uint8Array, FileFailure | PlatformError.PlatformError> =>
  file.endsWith(".zst") ? unzstd(fileBytes(fs, file)) : fileBytes(fs, file)

const fileBytes = (fs: FileSystem.FileSystem, file: string): Stream.Stream<Uint8Array, PlatformError.PlatformError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const handle = yield* fs.open(file, { flag: "r" })
      const { size } = yield* handle.stat
      const end = Number(size)
      let position = 0
      let buffer = new Uint8Array(Math.min(firstChunkBytes, end))
      return Stream.fromPull(
        Effect.succeed(
          Effect.suspend(() => {
            if (position >= end) return Cause.done()
            if (position > 0 && buffer.length < chunkBytes) {
              buffer = new Uint8Array(Math.min(chunkBytes, end - position))
            }
            const room = buffer.subarray(0, Math.min(buffer.length, end - position))
            return Effect.flatMap(handle.read(room, { position: BigInt(position) }), (read) => {
              if (read === 0) return Cause.done()
              position += read
              return Effect.succeed([room.subarray(0, read)] as const)
            })
          })
        )
      )
    })
  )
