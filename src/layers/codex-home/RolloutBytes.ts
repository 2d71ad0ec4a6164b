/**
 * The bytes of one rollout file as a bounded stream, through two reused buffers; compressed files
 * are unpacked on the way.
 *
 * Nothing is ever written, also not for `.zst` (Codex unpacks such a file in place). A file that
 * grows meanwhile is read up to its size at opening. The next chunk is read while one is looked at.
 */
import { Cause, Effect, Fiber, type FileSystem, type PlatformError, Stream } from "effect"
import type { FileFailure } from "./FileVersion.ts"
import { unzstd } from "./ZstdStream.ts"

const chunkBytes = 1024 * 1024
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
      const scope = yield* Effect.scope
      const end = Number(size)
      let position = 0
      // One is read into while the other is looked at.
      const buffers: [Uint8Array, Uint8Array] = [new Uint8Array(Math.min(firstChunkBytes, end)), new Uint8Array(0)]
      let turn: 0 | 1 = 0
      let ahead: Fiber.Fiber<Uint8Array, PlatformError.PlatformError> | null = null

      const read = Effect.suspend(() => {
        const wanted = position === 0 ? buffers[0].length : Math.min(chunkBytes, end - position)
        if (buffers[turn].length < wanted) buffers[turn] = new Uint8Array(wanted)
        const room = buffers[turn].subarray(0, wanted)
        turn = turn === 0 ? 1 : 0
        return Effect.map(handle.read(room, { position: BigInt(position) }), (count) => {
          position += count
          return room.subarray(0, count)
        })
      })

      return Stream.fromPull(
        Effect.succeed(
          Effect.gen(function* () {
            if (ahead === null && position >= end) return yield* Cause.done()
            const isFirst = position === 0
            const chunk: Uint8Array = yield* ahead === null ? read : Fiber.join(ahead)
            ahead = null
            if (chunk.length === 0) return yield* Cause.done()
            // Whoever reads on behind the head will most likely read it all.
            if (!isFirst && position < end) ahead = yield* Effect.forkIn(read, scope, { startImmediately: true })
            return [chunk] as const
          })
        )
      )
    })
  )
