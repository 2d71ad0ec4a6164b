/**
 * What the server asks a client, and what it may answer: the protocol's server requests that concern a
 * thread. A schema pair per method is the codec of every face.
 */
import { Schema } from "effect"
import { ItemId, RequestId, ThreadId, TurnId } from "./Ids.ts"
import { CommandAction } from "./ThreadItem.ts"

const Nullable = Schema.NullOr
const Text = Schema.String

const about = { threadId: ThreadId, turnId: TurnId, itemId: ItemId }

/** A decision that a person can take; the protocol has richer ones for commands, as tagged objects. */
const Decision = Schema.Union([
  Schema.Literals(["accept", "acceptForSession", "decline", "cancel"]),
  Schema.Record(Text, Schema.Unknown)
])

const methods = {
  /** May this command run? */
  "item/commandExecution/requestApproval": {
    params: Schema.Struct({
      kind: Schema.Literal("command"),
      ...about,
      startedAtMs: Schema.Finite,
      environmentId: Nullable(Text),
      reason: Nullable(Text),
      command: Nullable(Text),
      cwd: Nullable(Text),
      commandActions: Nullable(Schema.Array(CommandAction)),
      availableDecisions: Nullable(Schema.Array(Decision))
    }),
    result: Schema.Struct({ decision: Decision })
  },
  /** May these files be changed? */
  "item/fileChange/requestApproval": {
    params: Schema.Struct({
      ...about,
      startedAtMs: Schema.Finite,
      reason: Nullable(Text),
      grantRoot: Nullable(Text)
    }),
    result: Schema.Struct({ decision: Decision })
  },
  /** May the turn have more than its sandbox gives? */
  "item/permissions/requestApproval": {
    params: Schema.Struct({
      ...about,
      environmentId: Nullable(Text),
      startedAtMs: Schema.Finite,
      cwd: Text,
      reason: Nullable(Text),
      permissions: Schema.Record(Text, Schema.Unknown)
    }),
    result: Schema.Struct({
      permissions: Schema.Record(Text, Schema.Unknown),
      scope: Schema.Literals(["turn", "session"])
    })
  },
  /** Questions of the agent to the user. */
  "item/tool/requestUserInput": {
    params: Schema.Struct({
      ...about,
      questions: Schema.Array(
        Schema.Struct({
          id: Text,
          header: Text,
          question: Text,
          isOther: Schema.Boolean,
          isSecret: Schema.Boolean,
          options: Nullable(Schema.Array(Schema.Struct({ label: Text, description: Text })))
        })
      ),
      isBlocking: Schema.Boolean,
      autoResolutionMs: Nullable(Schema.Finite)
    }),
    result: Schema.Struct({ answers: Schema.Record(Text, Schema.Struct({ answers: Schema.Array(Text) })) })
  },
  /** A tool that the client runs. */
  "item/tool/call": {
    params: Schema.Struct({
      threadId: ThreadId,
      turnId: TurnId,
      callId: Text,
      namespace: Nullable(Text),
      tool: Text,
      arguments: Schema.Unknown
    }),
    result: Schema.Struct({ contentItems: Schema.Array(Schema.Unknown), success: Schema.Boolean })
  }
}

/** The schemas of every server request, by method. */
export const ServerRequests = methods

export type ServerRequestMethod = keyof typeof methods

/** What is asked, typed by its method. */
export type Question = {
  readonly [M in ServerRequestMethod]: { readonly method: M; readonly params: (typeof methods)[M]["params"]["Type"] }
}[ServerRequestMethod]

const asked = <M extends ServerRequestMethod, P extends Schema.Top>(method: M, schemas: { readonly params: P }) =>
  Schema.Struct({ method: Schema.Literal(method), params: schemas.params })
const answered = <M extends ServerRequestMethod, R extends Schema.Top>(method: M, schemas: { readonly result: R }) =>
  Schema.Struct({ method: Schema.Literal(method), result: schemas.result })

/** Any question. */
export const Question = Schema.Union([
  asked("item/commandExecution/requestApproval", methods["item/commandExecution/requestApproval"]),
  asked("item/fileChange/requestApproval", methods["item/fileChange/requestApproval"]),
  asked("item/permissions/requestApproval", methods["item/permissions/requestApproval"]),
  asked("item/tool/requestUserInput", methods["item/tool/requestUserInput"]),
  asked("item/tool/call", methods["item/tool/call"])
])

/** What a question of this method may be answered with. */
export type AnswerOf<M extends ServerRequestMethod> = (typeof methods)[M]["result"]["Type"]

/** Any answer, with the method of the question that it is one to. */
export const QuestionAnswer = Schema.Union([
  answered("item/commandExecution/requestApproval", methods["item/commandExecution/requestApproval"]),
  answered("item/fileChange/requestApproval", methods["item/fileChange/requestApproval"]),
  answered("item/permissions/requestApproval", methods["item/permissions/requestApproval"]),
  answered("item/tool/requestUserInput", methods["item/tool/requestUserInput"]),
  answered("item/tool/call", methods["item/tool/call"])
])
export type QuestionAnswer = typeof QuestionAnswer.Type

/** A question on its way: with the id that its answer repeats. */
export const ServerRequest = Schema.Struct({ id: RequestId, question: Question })
export type ServerRequest = typeof ServerRequest.Type

/** Does it wait for a person's leave, or for a person's words? */
export const waitsOn = (question: Question): "waitingOnApproval" | "waitingOnUserInput" | null => {
  switch (question.method) {
    case "item/commandExecution/requestApproval":
    case "item/fileChange/requestApproval":
    case "item/permissions/requestApproval":
      return "waitingOnApproval"
    case "item/tool/requestUserInput":
      return "waitingOnUserInput"
    case "item/tool/call":
      return null
  }
}
