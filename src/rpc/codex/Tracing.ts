/**
 * Does anybody take spans? A server asks once, when it is made: spans that nobody takes cost a tenth of a small request.
 */
import { Effect, Tracer } from "effect"

/** As a reference the tracer always has a default; only one that was provided is in the context itself. */
export const isTraced: Effect.Effect<boolean> = Effect.map(Effect.context(), (context) =>
  context.mapUnsafe.has(Tracer.TracerKey)
)
