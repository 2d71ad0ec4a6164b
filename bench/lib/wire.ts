/**
 * A conversation with a server, timed. Bytes are cut at line ends and nothing else is done with them while an answer is
 * on its way: it is parsed after the clock was read, so the bench's own work is in no figure.
 */
import { Effect, Option, Schema } from "effect"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"

/** Why there is no figure. */
export class BenchFailed extends Schema.TaggedError<BenchFailed>()("BenchFailed", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

/** A frame, and when its last byte was here, in milliseconds of `performance.now()`. */
export interface Frame {
  readonly text: Buffer
  readonly at: number
}

export interface Answer extends Frame {
  readonly sentAt: number
}

interface Notice extends Frame {
  readonly method: string
}

/** Longer than any genuine server takes for any job. */
const patience = "180 seconds"

const decodeUnknown = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** The JSON of a frame. */
export const read = (frame: Frame): JsonRecord => {
  const value = Option.getOrNull(decodeUnknown(frame.text.toString()))
  return isRecord(value) ? value : {}
}

/** The value at a path of keys and indices; undefined when there is none. */
export const at = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>((found, key) => {
    if (typeof key === "number") return Array.isArray(found) ? (found.at(key) as unknown) : undefined
    return isRecord(found) ? own(found, key) : undefined
  }, value)

/** The length of the array at a path; NaN when there is none. */
export const lengthAt = (value: unknown, ...path: ReadonlyArray<string | number>): number => {
  const found = at(value, ...path)
  return Array.isArray(found) ? found.length : Number.NaN
}

/** One client's side of a connection. */
export class Conversation {
  private readonly write: (text: string) => void
  private readonly waiting = new Map<number, (answer: Frame | string) => void>()
  private readonly notices: Array<Notice> = []
  private onNotice: (notice: Notice) => void = () => {}
  private ids = 0
  private ended: string | null = null

  constructor(write: (text: string) => void) {
    this.write = write
  }

  /** Sends a request. `take` gets the answer, or in words why none will come; the time of sending is returned. */
  post(method: string, params: JsonRecord, take: (answer: Frame | string) => void): number {
    const id = this.ids++
    const sentAt = performance.now()
    if (this.ended !== null) take(this.ended)
    else {
      this.waiting.set(id, take)
      this.write(`${JSON.stringify({ id, method, params })}\n`)
    }
    return sentAt
  }

  /** Sends a request; the answer may be an error. */
  send(method: string, params: JsonRecord): Effect.Effect<Answer, BenchFailed> {
    return Effect.callback<Answer, BenchFailed>((resume) => {
      const sentAt = this.post(method, params, (answer) =>
        resume(
          typeof answer === "string"
            ? Effect.fail(new BenchFailed({ reason: `${method}: ${answer}` }))
            : Effect.succeed({ ...answer, sentAt })
        )
      )
    }).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => Effect.fail(new BenchFailed({ reason: `${method}: no answer in ${patience}` }))
      })
    )
  }

  /** Sends a request that must succeed. */
  ask(method: string, params: JsonRecord): Effect.Effect<Answer, BenchFailed> {
    return Effect.filterOrFail(
      this.send(method, params),
      (answer) => !isError(answer),
      (answer) => new BenchFailed({ reason: `${method}: ${answer.text.toString("utf8", 0, 300)}` })
    )
  }

  /** The next notification of a method, if it comes in that time; one that is here already counts. */
  notice(method: string, seconds: number): Effect.Effect<Option.Option<Frame>> {
    return Effect.callback<Frame>((resume) => {
      const take = (): boolean => {
        const index = this.notices.findIndex((notice) => notice.method === method)
        if (index < 0) return false
        const [found] = this.notices.splice(index, 1)
        if (found !== undefined) resume(Effect.succeed(found))
        return true
      }
      if (!take()) this.onNotice = take
      return Effect.sync(() => {
        this.onNotice = () => {}
      })
    }).pipe(Effect.timeoutOption(`${seconds} seconds`))
  }

  /** A whole frame from the server. */
  take(text: Buffer): void {
    const at = performance.now()
    const head = text.toString("latin1", 0, 120)
    const [, method] = /^\{"method":"([^"]*)"/.exec(head) ?? []
    if (method !== undefined) return this.tell({ text, at, method })
    const [, id] = /^\{"id":(\d+),"(?:result|error)"/.exec(head) ?? []
    if (id !== undefined) return this.answer(Number(id), { text, at })
    const frame = read({ text, at })
    if (typeof frame["method"] === "string") this.tell({ text, at, method: frame["method"] })
    else if (typeof frame["id"] === "number") this.answer(frame["id"], { text, at })
  }

  /** Nothing more will come. */
  end(reason: string): void {
    if (this.ended !== null) return
    this.ended = reason
    for (const take of this.waiting.values()) take(reason)
    this.waiting.clear()
  }

  private tell(notice: Notice): void {
    this.notices.push(notice)
    this.onNotice(notice)
  }

  private answer(id: number, frame: Frame): void {
    const take = this.waiting.get(id)
    this.waiting.delete(id)
    take?.(frame)
  }
}

/** Is the answer an error? */
export const isError = ({ text }: Frame): boolean => {
  const head = text.toString("latin1", 0, 60)
  return head.startsWith('{"error"') || /^\{"id":\d+,"error"/.test(head)
}

/** Was the request turned away because there is too much to do? */
export const isOverload = (frame: Frame): boolean =>
  isError(frame) && frame.text.toString("utf8", 0, 200).includes('"code":-32001')

/** Cuts bytes at line ends. */
export const makeLineCutter = (take: (line: Buffer) => void): ((chunk: Buffer) => void) => {
  let parts: Array<Buffer> = []
  return (chunk) => {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const rest = chunk.subarray(start, end)
      start = end + 1
      const line = parts.length === 0 ? rest : Buffer.concat([...parts, rest])
      parts = []
      if (line.length > 0) take(line)
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
  }
}

/** The params of `initialize`. */
export const hello: JsonRecord = {
  clientInfo: { name: "bench", title: null, version: "0.0.1" },
  capabilities: { experimentalApi: true }
}
