/**
 * An agent made of a language model and a toolkit: asks the model, runs the tools that it calls, and asks
 * again with their results, until it answers without a call and the user has nothing to add.
 *
 * A turn is bounded in steps (model responses) and, if so wished, in tokens. The model is asked, and a tool
 * is run, only when the event before has been taken; who stops taking events stops the request.
 */
import { Effect, Layer, Option, Stream } from "effect"
import { LanguageModel, Prompt, type Response, type Tool, Toolkit } from "effect/ai"
import {
  type AgentEvent,
  ReasoningDelta,
  ReasoningEnd,
  TextDelta,
  TextEnd,
  ToolCall,
  ToolResult,
  UsageReport
} from "../../domain/AgentEvent.ts"
import { printExact } from "../../domain/Json.ts"
import { number, text } from "../../domain/OpenRecord.ts"
import { Agent, AgentError, type TurnInput } from "../../services/Agent.ts"
import * as ItemOptions from "./ItemOptions.ts"
import { toAgentError } from "./ModelFailure.ts"
import * as ModelTools from "./ModelTools.ts"
import * as ModelUsage from "./ModelUsage.ts"
import * as PlanTool from "./PlanTool.ts"
import * as ResponsesPrompt from "./ResponsesPrompt.ts"

export interface ModelAgentOptions<Tools extends ModelTools.OpenTools = {}> {
  /** What the model may call. */
  readonly toolkit?: Toolkit.Toolkit<Tools>
  /** What the model is told before everything else. */
  readonly instructions?: string
  /** How many responses a turn may take; default 50. */
  readonly maxSteps?: number
  /** After how many tokens, input and output of all its responses together, a turn takes no further step; default: no limit. */
  readonly maxTokens?: bigint
  /** How many calls of one response run at a time; default 1. */
  readonly toolConcurrency?: number
  /** Asked before a tool that needs an approval runs; {@link askTheClient} when not given. */
  readonly approve?: (call: ModelTools.ModelToolCall, turn: TurnInput) => Effect.Effect<boolean>
}

type Part = Response.StreamPart<ModelTools.OpenTools, "deferred">

/** Runs turns on a model. */
export type TurnRunner = (model: LanguageModel.LanguageModel, input: TurnInput) => Stream.Stream<AgentEvent, AgentError>

const MAX_STEPS = 50

const steps = (count: number): string => (count === 1 ? "1 step" : `${count} steps`)

/** What a turn knows between its steps. */
interface TurnState {
  prompt: Prompt.Prompt
  /** Tokens of all responses so far. */
  spent: bigint
  /** Did the last response call no tool? */
  answered: boolean
  /** Ids of items that were used in this turn. */
  readonly used: Set<string>
}

/** Names the items of one response: providers number them anew in each, and a turn uses an id once. */
const itemNames = (used: Set<string>, step: number) => {
  const names = new Map<string, string>()
  return (id: string): string => {
    const known = names.get(id)
    if (known !== undefined) return known
    const name = used.has(id) ? `${id}-${step}` : id
    used.add(name)
    names.set(id, name)
    return name
  }
}

const phaseOf = (word: string | null): (typeof TextEnd.Type)["phase"] =>
  word === "commentary" || word === "final_answer" ? word : null

const cutOff = (reason: string): AgentError =>
  new AgentError({
    kind: "other",
    detail:
      reason === "length"
        ? "The model's answer was cut off at its length limit. Ask it to go on, or compact the thread."
        : `The model stopped early (${reason}). Say it in other words, or try another model.`,
    httpStatus: null
  })

const printed = Option.liftThrowable(printExact)

/**
 * Asks the client whether a tool may run, as a command that says the tool and its arguments; without asking the answer
 * is no where the thread's approval policy is `never`. An answer that cancels ends the turn.
 */
export const askTheClient = Effect.fn("ModelAgent.askTheClient")(
  function* (call: ModelTools.ModelToolCall, turn: TurnInput) {
    if (turn.settings.approvalPolicy === "never") return false
    const decision = yield* turn.ask.command({
      itemId: call.id,
      command: `${call.name} ${Option.getOrElse(printed(call.params), () => "")}`.trimEnd(),
      cwd: turn.settings.cwd,
      reason: `The tool \`${call.name}\` needs an approval.`
    })
    if (decision === "cancel") return yield* Effect.interrupt
    return decision === "accept" || decision === "acceptForSession"
  },
  Effect.catchTag("AnswerRefused", () => Effect.succeed(false))
)

/** The agent's loop, with its tools bound; the model comes with each turn. */
export const make = Effect.fnUntraced(function* <Tools extends ModelTools.OpenTools = {}>(
  options: ModelAgentOptions<Tools>
): Effect.fn.Return<TurnRunner, never, Tool.HandlersFor<Tools>> {
  const approve = options.approve ?? askTheClient
  const tools =
    options.toolkit === undefined ? yield* ModelTools.bind(Toolkit.empty) : yield* ModelTools.bind(options.toolkit)
  const maxSteps = options.maxSteps ?? MAX_STEPS
  const { maxTokens } = options
  const instructions = Prompt.fromMessages(
    options.instructions === undefined ? [] : [Prompt.systemMessage({ content: options.instructions })]
  )

  /** One response of the model, and the calls that it makes. */
  const oneStep = (
    model: LanguageModel.LanguageModel,
    input: TurnInput,
    state: TurnState,
    step: number
  ): Stream.Stream<AgentEvent, AgentError> => {
    const parts: Array<Part> = []
    const calls: Array<ModelTools.ModelToolCall> = []
    const name = itemNames(state.used, step)

    const tell = (part: Part): Effect.Effect<ReadonlyArray<AgentEvent>, AgentError> => {
      parts.push(part)
      switch (part.type) {
        case "text-delta":
          return Effect.succeed([TextDelta.make({ id: name(part.id), delta: part.delta })])
        case "text-end": {
          const phase = phaseOf(text(ItemOptions.of(part.metadata), "phase"))
          return Effect.succeed([TextEnd.make({ id: name(part.id), phase })])
        }
        case "reasoning-delta": {
          const paragraph = number(ItemOptions.of(part.metadata), "part") ?? 0
          return Effect.succeed([ReasoningDelta.make({ id: name(part.id), part: paragraph, delta: part.delta })])
        }
        case "reasoning-end": {
          const encrypted = text(ItemOptions.of(part.metadata), "encryptedContent")
          return Effect.succeed([ReasoningEnd.make({ id: name(part.id), encrypted })])
        }
        case "tool-call": {
          if (part.providerExecuted) return Effect.succeed([])
          calls.push({ id: part.id, name: part.name, params: part.params })
          return Effect.succeed([ToolCall.make({ id: part.id, name: part.name, arguments: part.params })])
        }
        case "finish":
          return finish(part)
        case "error":
          return Effect.fail(new AgentError({ kind: "other", detail: String(part.error), httpStatus: null }))
        default:
          return Effect.succeed([])
      }
    }

    const finish = (part: Response.FinishPart): Effect.Effect<ReadonlyArray<AgentEvent>, AgentError> => {
      const usage = Option.getOrNull(ModelUsage.ofFinish(part))
      if (part.reason === "length" || part.reason === "content-filter") failure = cutOff(part.reason)
      if (usage === null) return Effect.succeed([])
      state.spent += usage.totalTokens
      return Effect.succeed([UsageReport.make({ usage, modelContextWindow: input.settings.modelContextWindow })])
    }
    // An answer that was cut off has still cost what it says: the usage is told before the failure.
    let failure: AgentError | undefined

    const response = model
      .streamText({
        prompt: state.prompt,
        toolkit: tools.toolkit,
        disableToolCallResolution: true,
        toolCallValidation: "deferred"
      })
      .pipe(Stream.mapError(toAgentError), Stream.mapEffect(tell), Stream.flattenIterable)

    const runTools = Stream.suspend(() => {
      if (failure !== undefined) return Stream.fail(failure)
      const said = Prompt.concat(state.prompt, Prompt.fromResponseParts(parts))
      const answers: Array<Prompt.ToolResultPart> = []
      const place: ModelTools.CallPlace = { messages: said.content, approve: (call) => approve(call, input) }
      return Stream.fromIterable(calls).pipe(
        Stream.mapEffect((call) => Effect.map(tools.run(call, place), (result) => ({ call, result })), {
          concurrency: options.toolConcurrency ?? 1
        }),
        Stream.map(({ call, result: { output, part, success } }): ReadonlyArray<AgentEvent> => {
          answers.push(part)
          const plan = success ? Option.toArray(PlanTool.planOf(call.name, call.params)) : []
          return [...plan, ToolResult.make({ id: call.id, output, success })]
        }),
        Stream.flattenIterable,
        Stream.onEnd(
          Effect.sync(() => {
            state.answered = calls.length === 0
            state.prompt =
              answers.length === 0
                ? said
                : Prompt.fromMessages([...said.content, Prompt.toolMessage({ content: answers })])
          })
        )
      )
    })

    return Stream.concat(response, runTools)
  }

  const exhausted = (step: number, state: TurnState): string | undefined => {
    if (step >= maxSteps) return `${steps(maxSteps)} (\`maxSteps\`)`
    return maxTokens !== undefined && state.spent >= maxTokens ? `${maxTokens} tokens (\`maxTokens\`)` : undefined
  }

  const next = Effect.fnUntraced(function* (input: TurnInput, state: TurnState, step: number) {
    const limit = exhausted(step, state)
    if (limit !== undefined && state.answered) return false
    if (limit !== undefined) {
      return yield* new AgentError({
        kind: "stepLimit",
        detail: `The turn was stopped after ${limit}. Say "continue" to go on, or raise the limit.`,
        httpStatus: null
      })
    }
    const said = yield* input.steered
    if (state.answered && said.length === 0) return false
    state.prompt = Prompt.concat(state.prompt, ResponsesPrompt.fromInput(said))
    return true
  })

  return (model, input) =>
    Stream.suspend(() => {
      const before = ResponsesPrompt.fromHistory(input.history)
      const said = Prompt.concat(before, ResponsesPrompt.fromInput(input.input))
      const state: TurnState = {
        prompt: Prompt.concat(instructions, said),
        spent: 0n,
        answered: false,
        used: new Set()
      }
      return Stream.paginate(0, (step) =>
        Effect.map(next(input, state, step), (goOn) =>
          goOn
            ? ([[oneStep(model, input, state, step)], Option.some(step + 1)] as const)
            : ([[], Option.none()] as const)
        )
      ).pipe(Stream.flatten())
    }).pipe(Stream.withSpan("ModelAgent.run", { attributes: { threadId: input.threadId, turnId: input.turnId } }))
})

/** An agent on the model in the context. */
export const layer = <Tools extends ModelTools.OpenTools = {}>(
  options: ModelAgentOptions<Tools> = {}
): Layer.Layer<Agent, never, LanguageModel.LanguageModel | Tool.HandlersFor<Tools>> =>
  Layer.effect(
    Agent,
    Effect.gen(function* () {
      const model = yield* LanguageModel.LanguageModel
      const run = yield* make(options)
      return Agent.of({ run: (input) => run(model, input) })
    })
  )
