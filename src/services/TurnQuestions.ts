/**
 * What a turn may ask the client: leave for a command, a file change or more rights, words of the user, a tool
 * that the client runs.
 *
 * An agent finds these in its `TurnInput`, a tool of it in `CurrentTurn`. Whoever asks says only what it is about:
 * thread, turn and time are filled in. The answer comes from a person, or from the policy of `Approvals`.
 */
import { Clock, Effect } from "effect"
import { ItemId, type ThreadId, type TurnId } from "../domain/Ids.ts"
import type { AnswerOf, ServerRequestMethod } from "../domain/ServerRequest.ts"
import type { CommandAction } from "../domain/ThreadItem.ts"
import { AnswerRefused, type Approvals } from "./Approvals.ts"

/** What was decided; the protocol's richer decisions come as tagged objects. */
export type Decision = AnswerOf<"item/commandExecution/requestApproval">["decision"]

export interface CommandQuestion {
  /** The item that the question is about: the id of the tool call. */
  readonly itemId: string
  /** As a person would type it. */
  readonly command: string
  readonly cwd: string
  /** Why it is asked, for the person. */
  readonly reason?: string
  readonly actions?: ReadonlyArray<CommandAction>
  /** What may be answered; accept, decline or cancel when not given. */
  readonly decisions?: ReadonlyArray<Decision>
}

export interface FileChangeQuestion {
  readonly itemId: string
  readonly reason?: string
  /** A directory that may be written to from now on, should the answer be yes. */
  readonly grantRoot?: string
}

export interface PermissionsQuestion {
  readonly itemId: string
  readonly cwd: string
  /** What is wished for, by the protocol's names: `fileSystem`, `network`. */
  readonly permissions: Readonly<Record<string, unknown>>
  readonly reason?: string
}

export interface UserQuestion {
  /** Names the answer. */
  readonly id: string
  /** A word or two above the question. */
  readonly header: string
  readonly question: string
  readonly options?: ReadonlyArray<{ readonly label: string; readonly description: string }>
  /** May the user say something else than the options? Yes when not given. */
  readonly isOther?: boolean
  readonly isSecret?: boolean
}

export interface ClientToolCall {
  readonly callId: string
  readonly tool: string
  readonly namespace?: string
  readonly arguments: unknown
}

/** Each waits for the answer; interrupting it takes the question back. */
export interface TurnQuestions {
  /** May this command run? */
  readonly command: (about: CommandQuestion) => Effect.Effect<Decision, AnswerRefused>
  /** May these files be changed? */
  readonly fileChange: (about: FileChangeQuestion) => Effect.Effect<Decision, AnswerRefused>
  /** May the turn have more than its sandbox gives? Answers with what is granted. */
  readonly permissions: (
    about: PermissionsQuestion
  ) => Effect.Effect<AnswerOf<"item/permissions/requestApproval">, AnswerRefused>
  /** The user's answers, by the questions' ids. */
  readonly user: (
    itemId: string,
    questions: ReadonlyArray<UserQuestion>
  ) => Effect.Effect<AnswerOf<"item/tool/requestUserInput">["answers"], AnswerRefused>
  /** Has the client run a tool of its own. */
  readonly tool: (call: ClientToolCall) => Effect.Effect<AnswerOf<"item/tool/call">, AnswerRefused>
}

const usualDecisions: ReadonlyArray<Decision> = ["accept", "decline", "cancel"]

/** The questions of one turn. `changed` is done when a question has opened, and when it has closed. */
export const make = (
  approvals: Approvals["Service"],
  turn: { readonly threadId: ThreadId; readonly turnId: TurnId },
  changed: Effect.Effect<void>
): TurnQuestions => ({
  command: Effect.fn("TurnQuestions.command")(function* (about) {
    const question = {
      method: "item/commandExecution/requestApproval",
      params: {
        kind: "command",
        ...turn,
        itemId: ItemId.make(about.itemId),
        startedAtMs: yield* Clock.currentTimeMillis,
        environmentId: null,
        reason: about.reason ?? null,
        command: about.command,
        cwd: about.cwd,
        commandActions: about.actions ?? null,
        availableDecisions: about.decisions ?? usualDecisions
      }
    } as const
    return (yield* approvals.ask(question, changed)).decision
  }),
  fileChange: Effect.fn("TurnQuestions.fileChange")(function* (about) {
    const question = {
      method: "item/fileChange/requestApproval",
      params: {
        ...turn,
        itemId: ItemId.make(about.itemId),
        startedAtMs: yield* Clock.currentTimeMillis,
        reason: about.reason ?? null,
        grantRoot: about.grantRoot ?? null
      }
    } as const
    return (yield* approvals.ask(question, changed)).decision
  }),
  permissions: Effect.fn("TurnQuestions.permissions")(function* (about) {
    const question = {
      method: "item/permissions/requestApproval",
      params: {
        ...turn,
        itemId: ItemId.make(about.itemId),
        environmentId: null,
        startedAtMs: yield* Clock.currentTimeMillis,
        cwd: about.cwd,
        reason: about.reason ?? null,
        permissions: about.permissions
      }
    } as const
    return yield* approvals.ask(question, changed)
  }),
  user: Effect.fn("TurnQuestions.user")(function* (itemId, questions) {
    const question = {
      method: "item/tool/requestUserInput",
      params: {
        ...turn,
        itemId: ItemId.make(itemId),
        questions: questions.map((one) => ({
          id: one.id,
          header: one.header,
          question: one.question,
          isOther: one.isOther ?? true,
          isSecret: one.isSecret ?? false,
          options: one.options ?? null
        })),
        isBlocking: true,
        autoResolutionMs: null
      }
    } as const
    return (yield* approvals.ask(question, changed)).answers
  }),
  tool: Effect.fn("TurnQuestions.tool")(function* (call) {
    const question = {
      method: "item/tool/call",
      params: {
        ...turn,
        callId: call.callId,
        namespace: call.namespace ?? null,
        tool: call.tool,
        arguments: call.arguments
      }
    } as const
    return yield* approvals.ask(question, changed)
  })
})

const refuse = (method: ServerRequestMethod) => () =>
  Effect.fail(new AnswerRefused({ method, detail: "there is nobody to ask" }))

/** Where there is nobody to ask: every question is refused. For agents that are run without a server. */
export const nobodyToAsk: TurnQuestions = {
  command: refuse("item/commandExecution/requestApproval"),
  fileChange: refuse("item/fileChange/requestApproval"),
  permissions: refuse("item/permissions/requestApproval"),
  user: refuse("item/tool/requestUserInput"),
  tool: refuse("item/tool/call")
}
