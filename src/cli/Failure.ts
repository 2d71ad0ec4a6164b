/**
 * How a command fails: one line on standard error that says what to do, and an exit code.
 *
 * Exit codes: 0 done, 1 not done (or damage found), 2 not understood, 130 stopped by Ctrl-C.
 */
import { Console, Effect, Runtime, Schema } from "effect"
import * as Host from "./Host.ts"

/** Ends the program with `exitCode`, after its message was printed. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  reason: Schema.String,
  exitCode: Schema.Int
}) {
  override readonly [Runtime.errorReported] = false
  override get [Runtime.errorExitCode](): number {
    return this.exitCode
  }
  override get message(): string {
    return this.reason
  }
}

/** Prints the error and ends the program. */
export const fail = (error: { readonly message: string }, exitCode: number) =>
  Effect.andThen(
    Console.error(`error: ${error.message}`),
    Effect.fail(new CommandFailed({ reason: error.message, exitCode }))
  )

/** Ends the program without a word: all is said. */
export const endWith = (exitCode: number) => Effect.fail(new CommandFailed({ reason: "", exitCode }))

const isReported = Schema.is(CommandFailed)
const isUntold = <E>(error: E): error is Exclude<E, CommandFailed> => !isReported(error)

/** Whatever fails ends the program with exit code 1 and its message. */
export const orFail = <A, E extends { readonly message: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.catchIf(effect, isUntold, (error) => fail(error, 1))

/** Told to stop (Ctrl-C), the program ends with this code once all is in order. */
export const codeWhenInterrupted =
  (exitCode: number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.onInterrupt(effect, () => Host.setExitCode(exitCode))
