/**
 * Runs the tools that a model calls: a user's toolkit, bound to its handlers.
 *
 * Whatever happens to a call (no such tool, wrong arguments, a failure, a defect, no approval) is told to
 * the model as the call's result: it never ends the turn. Who interrupts the turn interrupts the tool.
 */
import { Cause, Context, Effect, Exit, Option, Schema, Stream } from "effect"
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
  /** Decides about a call whose tool wants an approval (`needsApproval`). Interrupting itself, it ends the turn. */
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

  const wantsApproval = Effect.fnUntraced(function* (call: ModelToolCall, { messages }: CallPlace) {
    const tool = Object.hasOwn(bound.tools, call.name) ? bound.tools[call.name] : undefined
    const needs = tool?.needsApproval
    if (tool === undefined || needs === undefined || typeof needs === "boolean") return needs === true
    // Arguments that the tool will refuse need nobody's leave.
    const params = yield* Effect.option(Schema.decodeUnknownEffect(tool.parametersSchema)(call.params))
    if (params._tag === "None") return false
    const asks = needs(params.value, { toolCallId: call.id, messages })
    return Effect.isEffect(asks) ? yield* asks : asks
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

  const call = Effect.fnUntraced(function* (call: ModelToolCall) {
    const results = yield* bound.handle(call.name, call.params, call.id)
    const result = yield* Stream.runLast(Stream.filter(results, (result) => !result.preliminary))
    if (result._tag === "None") return told(call, `The tool \`${call.name}\` gave no result.`, false)
    const { encodedResult, isFailure, modelOutput } = result.value
    if (modelOutput === undefined) return told(call, textOf(encodedResult), !isFailure)
    return told(call, Prompt.toolModelOutputToText(modelOutput), !isFailure, modelOutput)
  })

  const failed = (call: ModelToolCall, cause: Cause.Cause<unknown>) =>
    told(call, `The tool \`${call.name}\` failed: ${messageOf(cause)}`, false)

  const approved = (call: ModelToolCall, place: CallPlace) =>
    Effect.flatMap(wantsApproval(call, place), (wanted) => (wanted ? place.approve(call) : Effect.succeed(true)))

  return {
    toolkit: bound,
    run: Effect.fn("ModelTools.run")(function* (asked, place) {
      yield* Effect.annotateCurrentSpan({ tool: asked.name, callId: asked.id })
      const leave = yield* Effect.exit(approved(asked, place))
      if (Exit.isFailure(leave)) {
        // Whoever was asked ended the turn.
        return Cause.hasInterruptsOnly(leave.cause) ? yield* Effect.interrupt : failed(asked, leave.cause)
      }
      if (!leave.value) return told(asked, `The call was not approved: \`${asked.name}\` did not run.`, false)
      return yield* Effect.catchCause(call(asked), (cause) => Effect.succeed(failed(asked, cause)))
    })
  }
})
