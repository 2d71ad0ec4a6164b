/**
 * Bytes to lines. Whatever the bytes are, each line comes out understood or with the reason why not;
 * nothing throws, nothing waits, and memory is bounded by the longest line allowed.
 */
import { Context, Effect, Fiber, Layer, Stream } from "effect"
import { type LineEnd, makeLineScanner, MAX_LINE_BYTES, type RawLine, type Skim } from "../domain/LineScanner.ts"
import { LineTable } from "../domain/LineTable.ts"
import { type ReadLine, readLine } from "../domain/RolloutLine.ts"

/** A line with its bytes, which are the reader's to keep. */
export interface ParsedLine extends ReadLine {
  readonly raw: {
    readonly line: number
    readonly offset: number
    readonly length: number
    readonly end: LineEnd
    /** Null when the line is longer than allowed. */
    readonly bytes: Uint8Array | null
  }
}

/** Called for each line in order; the raw bytes are valid during the call only. False ends the reading. */
export type OnLine = (read: ReadLine, raw: RawLine) => boolean

/** How lines are read. */
export interface ForEachOptions {
  /** Is shown lines first: what it takes is not read. */
  readonly skim?: Skim | undefined
}

export class RolloutParser extends Context.Service<
  RolloutParser,
  {
    /** Each line as a value. For callers that want to keep bytes, or to stop whenever they like. */
    readonly lines: <E, R>(bytes: Stream.Stream<Uint8Array, E, R>) => Stream.Stream<ParsedLine, E, R>
    /**
     * Each line as a call: four times as fast, for whole files. A line that `skim` takes is not read at all: ten times as
     * fast again.
     */
    readonly forEach: <E, R>(
      bytes: Stream.Stream<Uint8Array, E, R>,
      onLine: OnLine,
      options?: ForEachOptions
    ) => Effect.Effect<void, E, R>
    /** {@link forEach} on bytes that go by: gives them on, and reads each chunk while whoever takes it is busy with it. */
    readonly passing: <E, R>(
      bytes: Stream.Stream<Uint8Array, E, R>,
      onLine: OnLine,
      options?: ForEachOptions
    ) => Stream.Stream<Uint8Array, E, R>
  }
>()("rethread/services/RolloutParser") {
  /** Lines of up to 64 MiB. */
  static readonly layer: Layer.Layer<RolloutParser> = Layer.sync(RolloutParser, () => make(MAX_LINE_BYTES))

  /** With a limit of its own on the length of a line, in bytes. */
  static layerWith(options: { readonly maxLineBytes: number }): Layer.Layer<RolloutParser> {
    return Layer.sync(RolloutParser, () => make(options.maxLineBytes))
  }
}

const make = (maxLineBytes: number): RolloutParser["Service"] => {
  // Else the first client would wait for the first table to be made.
  LineTable.borrow()?.giveBack()
  return RolloutParser.of({
    lines: <E, R>(bytes: Stream.Stream<Uint8Array, E, R>) =>
      Stream.suspend(() => {
        const scanner = makeLineScanner(maxLineBytes)
        const collect = (run: (onLine: (raw: RawLine) => void) => void): ReadonlyArray<ParsedLine> => {
          const found: Array<ParsedLine> = []
          run((raw) => found.push({ ...readLine(raw), raw: { ...raw, bytes: raw.bytes?.slice() ?? null } }))
          return found
        }
        return Stream.concat(
          Stream.flatMap(bytes, (chunk) => Stream.fromIterable(collect((onLine) => scanner.push(chunk, onLine)))),
          Stream.suspend(() => Stream.fromIterable(collect(scanner.finish)))
        )
      }),
    forEach: <E, R>(bytes: Stream.Stream<Uint8Array, E, R>, onLine: OnLine, { skim }: ForEachOptions = {}) =>
      Effect.suspend(() => {
        const scanner = makeLineScanner(maxLineBytes)
        let going = true
        const visit = (raw: RawLine) => {
          if (going) going = onLine(readLine(raw), raw)
        }
        // Once the reading is ended, what is left of the chunk is passed over.
        const look: Skim | undefined = skim && ((lines, count) => (going ? skim(lines, count) : count))
        return bytes.pipe(
          Stream.takeWhile(() => going),
          Stream.runForEach((chunk) => Effect.sync(() => scanner.push(chunk, visit, look))),
          Effect.andThen(Effect.sync(() => scanner.finish(visit)))
        )
      }),
    passing: <E, R>(bytes: Stream.Stream<Uint8Array, E, R>, onLine: OnLine, { skim }: ForEachOptions = {}) =>
      Stream.suspend(() => {
        const scanner = makeLineScanner(maxLineBytes)
        const visit = (raw: RawLine) => void onLine(readLine(raw), raw)
        let reading: Fiber.Fiber<void> | null = null
        const read = Effect.suspend(() => (reading === null ? Effect.void : Fiber.join(reading)))
        // A chunk is read before the next one is asked for: until then its memory is what it was.
        return Stream.concat(
          Stream.transformPull(bytes, (pull, scope) =>
            Effect.succeed(
              Effect.gen(function* () {
                yield* read
                const chunks = yield* pull
                const scan = Effect.sync(() => {
                  for (const chunk of chunks) scanner.push(chunk, visit, skim)
                })
                reading = yield* Effect.forkIn(scan, scope)
                return chunks
              })
            )
          ),
          Stream.unwrap(
            Effect.as(
              Effect.andThen(
                read,
                Effect.sync(() => scanner.finish(visit))
              ),
              Stream.empty
            )
          )
        )
      })
  })
}
