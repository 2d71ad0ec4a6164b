/**
 * Unpacks zstd as it is read, with bounded memory however well the data packs.
 *
 * Damage is told late on purpose: every byte that can be unpacked comes first, then the error, so
 * that what precedes the damage is of use but never passes for the whole.
 */
import { Cause, Effect, Pull, Scope, Stream } from "effect"
import { createZstdDecompress } from "node:zlib"
import { type FileFailure, fileFailure } from "./FileVersion.ts"

const chunkBytes = 256 * 1024

/** What a decoder has for its caller: bytes, the wish for input, the end of a frame. */
type Step =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "Hungry" }
  /** `rest`: how many of the bytes fed last belong to the next frame. */
  | { readonly _tag: "FrameEnd"; readonly rest: number }

interface Decoder {
  readonly next: Effect.Effect<Step, FileFailure>
  /** Only when the decoder is hungry. The memory is in use until it is hungry again. */
  readonly feed: (bytes: Uint8Array) => void
  readonly finish: () => void
}

const makeDecoder: Effect.Effect<Decoder, never, Scope.Scope> = Effect.gen(function* () {
  // With a readable mark of 1 Node unpacks only what is asked for; an error cannot overtake bytes that wait to be read.
  const options = { chunkSize: chunkBytes, readableHighWaterMark: 1 }
  const node = yield* Effect.acquireRelease(
    Effect.sync(() => createZstdDecompress(options)),
    (node) => Effect.sync(() => node.destroy())
  )
  let busy = false
  let fed = 0
  let ended = false
  let failure: FileFailure | undefined
  let signaled = false
  let wake = () => {}
  const signal = () => {
    signaled = true
    wake()
  }
  node.on("readable", signal)
  node.on("end", () => {
    ended = true
    signal()
  })
  node.on("error", (cause) => {
    failure = fileFailure(cause)
    signal()
  })
  const signals = Effect.callback<void>((resume) => {
    if (signaled) return resume(Effect.void)
    wake = () => resume(Effect.void)
  })
  const next: Effect.Effect<Step, FileFailure> = Effect.suspend(() => {
    signaled = false
    const bytes: unknown = node.read()
    if (bytes instanceof Uint8Array) return Effect.succeed({ _tag: "Bytes", bytes })
    if (failure !== undefined) return Effect.fail(failure)
    if (ended) return Effect.succeed({ _tag: "FrameEnd", rest: fed - node.bytesWritten })
    // Input left over tells of a frame's end before its event does.
    return busy || node.bytesWritten < fed ? Effect.andThen(signals, next) : Effect.succeed({ _tag: "Hungry" })
  })
  return {
    next,
    feed: (bytes) => {
      busy = true
      fed += bytes.length
      node.write(bytes, () => {
        busy = false
        signal()
      })
    },
    finish: () => {
      busy = true
      node.end()
    }
  }
})

/** The bytes in all the frames of `source`. A chunk of `source` need only stay valid until the next one is asked for. */
export const unzstd = <E>(source: Stream.Stream<Uint8Array, E>): Stream.Stream<Uint8Array, E | FileFailure> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const input = yield* Stream.toPull(Stream.rechunk(source, 1))
      const newDecoder = Scope.provide(makeDecoder, scope)
      let decoder = yield* newDecoder
      let chunk: Uint8Array = new Uint8Array()
      /** A frame is complete and nothing of another has been seen. */
      let between = false

      const give = (bytes: Uint8Array) => {
        between = false
        chunk = bytes
        decoder.feed(bytes)
      }
      const nextFrame = (rest: number) =>
        Effect.map(newDecoder, (fresh) => {
          decoder = fresh
          between = true
          if (rest > 0) give(chunk.subarray(chunk.length - rest))
        })
      const pull: Pull.Pull<readonly [Uint8Array], E | FileFailure> = Effect.flatMap(
        Effect.suspend(() => decoder.next),
        (step): Pull.Pull<readonly [Uint8Array], E | FileFailure> => {
          switch (step._tag) {
            case "Bytes":
              return Effect.succeed([step.bytes])
            case "FrameEnd":
              return Effect.andThen(nextFrame(step.rest), pull)
            case "Hungry":
              return input.pipe(
                Effect.map(([bytes]) => give(bytes)),
                Pull.catchDone(() => (between ? Cause.done() : Effect.sync(() => decoder.finish()))),
                Effect.andThen(pull)
              )
          }
        }
      )
      return Stream.fromPull(Effect.succeed(pull))
    })
  )
