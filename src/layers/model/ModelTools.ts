/**
 * Runs the tools that a model calls: a user's toolkit, bound to its handlers.
 *
 * Whatever happens to a call (no such tool, wrong arguments, a failure, a defect, no approval) is told to
 * the model as the call's result: it never ends the turn. Who interrupts the turn interrupts the tool.
 */
import { Cause, Context, Effect, Option, Schema, Stream } from "effect"
import { Prompt, type Tool, Toolkit } from "effect/ai"
import { printExact } from "../../domain/Json.ts"

type Closed = Schema.Codec<unknown, unknown>

/**
 * A tool that needs nothing of its surroundings when it is called: what its handler needs is given to the handlers'
 * layer, and its schemas need no services.
 */
export type OpenTool = Tool.Tool<
  string,
  {
    readonly parameters: Closed
    readonly success: Closed
    readonly failure: Closed
    readonly failureMode: Tool.FailureMode
  }
>

/** Tools by name, of which only the shape is known. */
export type OpenTools = Readonly<Record<string, OpenTool>>

/** A call as the model made it. */
export interface ModelToolCall {
  readonly id: string
  readonly name: string
  readonly params: unknown
}

/** What a call came to. */
export interface ModelToolResult {
  /** What the model is told, and what the turn reports. */
  readonly output: string
  readonly success: boolean
  /** The same for the next step's prompt; images included. */
  readonly part: Prompt.ToolResultPart
}

/** Where a call is made. */
export interface CallPlace {
  /** The conversation up to the call, for tools that decide by it whether they want an approval. */
  readonly messages: ReadonlyArray<Prompt.Message>
  /** Decides about a call whose tool wants an approval (`needsApproval`). */
  readonly approve: (call: ModelToolCall) => Effect.Effect<boolean>
}

export interface ModelTools {
  readonly toolkit: Toolkit.WithHandler<OpenTools>
  readonly run: (call: ModelToolCall, place: CallPlace) => Effect.Effect<ModelToolResult>
}

const print = Option.liftThrowable(printExact)

const textOf = (result: unknown): string => {
  if (typeof result === "string") return result
  // What cannot be printed (a cycle) is not worth a turn.
  return result === undefined ? "" : Option.getOrElse(print(result), () => "a result that is no JSON")
}

const messageOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (error instanceof Error) return error.message
  return textOf(error)
}

/** Binds a toolkit to the handlers in the context. */
export const bind = Effect.fnUntraced(function* <Tools extends OpenTools>(
  toolkit: Toolkit.Toolkit<Tools>
): Effect.fn.Return<ModelTools, never, Tool.HandlersFor<Tools>> {
  const context = yield* Effect.context<Tool.HandlersFor<Tools>>()
  // The toolkit's own types are the user's; from here on a tool is called by a name that a model made up.
  const handlers = Context.makeUnsafe<Tool.HandlersFor<OpenTools>>(context.mapUnsafe)
  const tools: ReadonlyArray<OpenTool> = Object.values(toolkit.tools)
  const bound = yield* Effect.provideContext(Toolkit.make(...tools), handlers)

  const isApproved = Effect.fnUntraced(function* (call: ModelToolCall, { approve, messages }: CallPlace) {
    const tool = Object.hasOwn(bound.tools, call.name) ? bound.tools[call.name] : undefined
    const needs = tool?.needsApproval
    if (tool === undefined || needs === undefined || needs === false) return true
    if (needs === true) return yield* approve(call)
    // Arguments that the tool will refuse need nobody's leave.
    const params = yield* Effect.option(Schema.decodeUnknownEffect(tool.parametersSchema)(call.params))
    if (params._tag === "None") return true
    const asks = needs(params.value, { toolCallId: call.id, messages })
    const wanted = Effect.isEffect(asks) ? yield* asks : asks
    return wanted ? yield* approve(call) : true
  })

  const told = (
    call: ModelToolCall,
    output: string,
    success: boolean,
    modelOutput?: ReadonlyArray<Prompt.ToolModelOutputPart>
  ): ModelToolResult => ({
    output,
    success,
    part: Prompt.toolResultPart({
      id: call.id,
      name: call.name,
      isFailure: !success,
      result: output,
      providerExecuted: false,
      modelOutput
    })
  })

  const attempt = Effect.fnUntraced(function* (call: ModelToolCall, place: CallPlace) {
    if (!(yield* isApproved(call, place))) {
      return told(call, `The call was not approved: \`${call.name}\` did not run.`, false)
    }
    const results = yield* bound.handle(call.name, call.params, call.id)
    const result = yield* Stream.runLast(Stream.filter(results, (result) => !result.preliminary))
    if (result._tag === "None") return told(call, `The tool \`${call.name}\` gave no result.`, false)
    const { encodedResult, isFailure, modelOutput } = result.value
    if (modelOutput === undefined) return told(call, textOf(encodedResult), !isFailure)
    return told(call, Prompt.toolModelOutputToText(modelOutput), !isFailure, modelOutput)
  })

  return {
    toolkit: bound,
    run: (call, place) =>
      attempt(call, place).pipe(
        Effect.catchCause((cause) =>
          Effect.succeed(told(call, `The tool \`${call.name}\` failed: ${messageOf(cause)}`, false))
        ),
        Effect.withSpan("ModelTools.run", { attributes: { tool: call.name, callId: call.id } })
      )
  }
})
