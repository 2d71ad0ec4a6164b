/**
 * A turn that a command runs: the answer goes to standard output as it comes, what else happens and what it cost to
 * standard error.
 */
import { Effect, Fiber, Option, Schema, Stdio, Stream } from "effect"
import { Flag } from "effect/cli"
import type { Turn } from "../domain/Turn.ts"
import type { ThreadTokenUsage } from "../domain/TokenUsage.ts"
import { type Attachment, CodexClient, type ThreadEvent } from "../rpc/client/index.ts"
import * as Output from "./Output.ts"
import * as ThreadText from "./ThreadText.ts"

/** The turn did not come to a good end. */
export class TurnNotDone extends Schema.TaggedError<TurnNotDone>()("TurnNotDone", {
  turnId: Schema.String,
  status: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `turn ${this.turnId} ${this.status}${this.detail === "" ? "" : `: ${this.detail}`}`
  }
}

/** There is nothing to say to the agent. */
class EmptyPrompt extends Schema.TaggedError<EmptyPrompt>()("EmptyPrompt", {}) {
  override get message(): string {
    return "the prompt is empty: give --prompt TEXT, or --prompt - and the text on standard input"
  }
}

export const flag = Flag.String("prompt").pipe(
  Flag.withAlias("p"),
  Flag.withMetavar("TEXT"),
  Flag.withDescription("Run a turn with this text; - takes it from standard input"),
  Flag.optional
)

/** The text of the prompt, from standard input if it says so; null when none is wanted. */
export const textOf = Effect.fnUntraced(function* (prompt: Option.Option<string>) {
  if (Option.isNone(prompt)) return null
  const stdio = yield* Stdio.Stdio
  const text = prompt.value === "-" ? (yield* Stream.mkString(Stream.decodeText(stdio.stdin))).trimEnd() : prompt.value
  return text.trim() === "" ? yield* new EmptyPrompt() : text
})

/** What a turn came to. */
export interface Outcome {
  readonly turn: Turn
  readonly usage: ThreadTokenUsage | null
}

/** Runs a turn in the attached thread; interrupted, it has the turn recorded as interrupted first. */
export const run = Effect.fn("PromptTurn.run")(function* (
  { events, thread }: Pick<Attachment, "events" | "thread">,
  text: string,
  options: { readonly quiet: boolean }
) {
  const client = yield* CodexClient
  const said = new Set<string>()
  let usage: ThreadTokenUsage | null = null
  let ended: Turn | null = null
  const say = (words: string) => (options.quiet ? Effect.void : Output.write(Output.harmless(words)))
  const tell = (words: string) => (options.quiet ? Effect.void : Output.aside(`${words}\n`))

  const on = (turnId: string) =>
    Effect.fnUntraced(function* (event: ThreadEvent) {
      if (event._tag === "UsageUpdated") usage = event.tokenUsage
      if (event._tag !== "Notified") return
      const { method, params } = event.notification
      if (method === "item/agentMessage/delta" && params.turnId === turnId) {
        said.add(params.itemId)
        yield* say(params.delta)
      }
      if (method === "item/completed" && params.turnId === turnId) {
        const { item } = params
        if (item.type === "agentMessage") yield* say(said.has(item.id) ? "\n" : `${item.text}\n`)
        else if (item.type !== "userMessage" && item.type !== "reasoning") {
          yield* tell(`${item.type}: ${Output.cut(Output.flat(ThreadText.itemText(item)), 100)}`)
        }
      }
      if (method === "turn/completed" && params.turn.id === turnId) ended = params.turn
    })

  const { turn } = yield* client.request("turn/start", {
    threadId: thread.id,
    input: [{ type: "text", text, text_elements: [] }]
  })
  const step = on(turn.id)
  const following = yield* Effect.forkScoped(
    Stream.runForEach(
      Stream.takeUntil(Stream.tap(events, step), () => ended !== null),
      () => Effect.void
    )
  )
  yield* Fiber.join(following).pipe(
    Effect.onInterrupt(() => Effect.ignore(client.request("turn/interrupt", { threadId: thread.id, turnId: turn.id })))
  )
  const last: Turn = ended ?? turn
  return { turn: last, usage } satisfies Outcome
})

/** What a turn cost, for people. */
export const report = ({ usage }: Outcome): Effect.Effect<void, never, Stdio.Stdio> =>
  usage === null ? Effect.void : Output.aside(ThreadText.usageLines(usage).join("\n") + "\n")

/** A turn that failed or was interrupted fails the command. */
export const check = ({ turn }: Outcome): Effect.Effect<void, TurnNotDone> =>
  turn.status === "completed"
    ? Effect.void
    : Effect.fail(
        new TurnNotDone({
          turnId: turn.id,
          status: turn.status === "failed" ? "failed" : "was interrupted",
          detail: turn.error?.message ?? ""
        })
      )
