/**
 * Runs the program until it ends or is told to. The first SIGINT or SIGTERM lets it end in order, with exit code 0; a
 * second one ends it at once, with the code that shells give to a death by that signal.
 */
import { Cause, Effect, Exit, Runtime } from "effect"
import { constants } from "node:os"

/** How long an orderly end may take. Nothing that is written as it should be takes so long. */
const patience = "9 seconds"

const signals = ["SIGINT", "SIGTERM"] as const

/** An interruption is what a signal asks for; a command may have set another code for it. */
const teardownWith =
  (exitCodeOf: (error: unknown) => number): Runtime.Teardown =>
  (exit, onExit) =>
    onExit(
      Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)
        ? Number(process.exitCode ?? 0)
        : exitCodeOf(Cause.squash(exit.cause))
    )

const exit = (code: number): Effect.Effect<never> => Effect.sync(() => process.exit(code))

/** Out of patience: better to end without the last word than not at all. */
const giveUp = Effect.sleep(patience).pipe(
  Effect.andThen(Effect.logError("the program did not end in time")),
  Effect.andThen(exit(1))
)

const run = Runtime.makeRunMain(({ fiber, teardown }) => {
  let told = false
  const onSignal = (signal: (typeof signals)[number]) => {
    if (told) process.exit(128 + constants.signals[signal])
    told = true
    fiber.interruptUnsafe(fiber.id)
    Effect.runFork(giveUp)
  }
  for (const signal of signals) process.on(signal, onSignal)
  fiber.addObserver((result) => {
    teardown(result, (code) => {
      if (told || code !== 0) process.exit(code)
      for (const signal of signals) process.off(signal, onSignal)
    })
  })
})

/** Runs the effect as the whole program. What fails ends it with its own code, or 1. */
export const runMain = <A, E>(effect: Effect.Effect<A, E>, exitCodeOf = Runtime.getErrorExitCode): void =>
  run(effect, { teardown: teardownWith(exitCodeOf) })
