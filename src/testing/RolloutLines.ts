/**
 * The lines under a `RolloutBuilder`: text that grows, with a clock and ordinals of its own. Each line
 * is one second later than the one before.
 */
import { DateTime } from "effect"

/** A line to write. A payload that needs the time is a function of it, in Unix seconds. */
export interface BuilderLine {
  readonly type: string
  readonly payload: object | TimedPayload
}

type TimedPayload = (seconds: number) => object

const isTimed = (payload: object | TimedPayload): payload is TimedPayload => typeof payload === "function"

/** Token counters in short names. */
export interface TokenCounts {
  readonly input: number
  readonly cached: number
  readonly cacheWrite: number
  readonly output: number
  readonly reasoning: number
  readonly total: number
}

/** What the whole thread used unless a test says otherwise. */
export const defaultTotal: TokenCounts = {
  input: 120,
  cached: 20,
  cacheWrite: 0,
  output: 30,
  reasoning: 10,
  total: 150
}
/** What its last response used unless a test says otherwise. */
export const defaultLast: TokenCounts = { input: 70, cached: 10, cacheWrite: 0, output: 20, reasoning: 5, total: 90 }

const counters = (counts: TokenCounts, cacheWrite: boolean) => ({
  input_tokens: counts.input,
  cached_input_tokens: counts.cached,
  ...(cacheWrite || counts.cacheWrite !== 0 ? { cache_write_input_tokens: counts.cacheWrite } : {}),
  output_tokens: counts.output,
  reasoning_output_tokens: counts.reasoning,
  total_tokens: counts.total
})

/** The `info` of a `token_count`; `cacheWrite`: as 0.169 writes it, with the sixth counter. */
export const tokenInfo = (
  total: Partial<TokenCounts> | undefined,
  last: Partial<TokenCounts> | undefined,
  window: number | null | undefined,
  cacheWrite: boolean
) => ({
  total_token_usage: counters({ ...defaultTotal, ...total }, cacheWrite),
  last_token_usage: counters({ ...defaultLast, ...last }, cacheWrite),
  model_context_window: window === undefined ? 200000 : window
})

const stepMillis = 1000

interface Written {
  readonly text: string
  /** Unix milliseconds of the last line. */
  readonly time: number
  readonly nextOrdinal: number | null
  readonly size: number
}

/** A file's lines so far; a value. */
export class RolloutLines {
  private readonly written: Written

  private constructor(written: Written) {
    this.written = written
  }

  /** None yet. With a first ordinal every line gets one. */
  static empty(createdAt: number, firstOrdinal: number | null): RolloutLines {
    return new RolloutLines({ text: "", time: createdAt - stepMillis, nextOrdinal: firstOrdinal, size: 0 })
  }

  get text(): string {
    return this.written.text
  }

  get time(): number {
    return this.written.time
  }

  /** Lines written; raw text counts as one. */
  get size(): number {
    return this.written.size
  }

  /** The ordinal that the next line would get; 0 where lines have none. */
  get nextOrdinal(): number {
    return this.written.nextOrdinal ?? 0
  }

  append(lines: ReadonlyArray<BuilderLine>): RolloutLines {
    let { nextOrdinal, size, text, time } = this.written
    for (const line of lines) {
      time += stepMillis
      size++
      const payload = isTimed(line.payload) ? line.payload(Math.floor(time / 1000)) : line.payload
      const envelope = {
        timestamp: DateTime.formatIso(DateTime.makeUnsafe(time)),
        ...(nextOrdinal === null ? {} : { ordinal: nextOrdinal })
      }
      text += `${JSON.stringify({ ...envelope, type: line.type, payload })}\n`
      if (nextOrdinal !== null) nextOrdinal++
    }
    return new RolloutLines({ text, time, nextOrdinal, size })
  }

  raw(text: string): RolloutLines {
    return new RolloutLines({ ...this.written, text: this.written.text + text, size: this.written.size + 1 })
  }

  /** Another file's lines behind these, as they are. */
  copy(source: RolloutLines): RolloutLines {
    return new RolloutLines({
      ...this.written,
      text: this.written.text + source.text,
      size: this.written.size + source.size
    })
  }
}
