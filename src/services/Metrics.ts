/**
 * What a server measures: how long clients wait for a thread, what is replayed, what waits for clients, the threads in
 * memory, the tokens that were spent.
 *
 * The metrics are names; their values are in the `MetricRegistry` that a server's layers are built with. With
 * {@link layerRegistry} a server has values of its own. Servers that share a registry add up: nothing is ever set. Nothing
 * is counted by the line or by the piece of text.
 */
import { Duration, Effect, Layer, Metric } from "effect"
import type { TokenUsage } from "../domain/TokenUsage.ts"

/** From the call to the snapshot; by `kind` (`start`, `cold`, `rejoin`, `fork`, `history`). */
export const attachLatency = Metric.histogram("rethread.attach.latency", {
  description: "Time from a client's request for a thread to its snapshot",
  attributes: { unit: "milliseconds" },
  boundaries: Metric.exponentialBoundaries({ start: 0.5, factor: 2, count: 16 })
})

/** Restored usage that was sent behind an answer. */
export const replays = Metric.counter("rethread.replays", {
  description: "Restored token usage sent to clients that came to a thread",
  incremental: true
})

/** Entries that had waited in an outbox whenever a transport took all of them. */
export const outboxDepth = Metric.histogram("rethread.outbox.depth", {
  description: "Entries that waited for a client when its transport took them",
  boundaries: Metric.exponentialBoundaries({ start: 1, factor: 2, count: 13 })
})

/** Threads in memory now. */
export const loadedThreads = Metric.gauge("rethread.threads.loaded", { description: "Threads in memory" })

/** Tokens that turns spent, by `kind`; `cached_input` and `cache_write_input` are parts of `input`, `reasoning_output` of `output`. */
export const tokens = Metric.counter("rethread.tokens", {
  description: "Tokens spent by turns",
  bigint: true,
  incremental: true
})

/** A registry of one's own, for each time that the layer is provided. */
export const layerRegistry: Layer.Layer<never> = Layer.fresh(Layer.sync(Metric.MetricRegistry, () => new Map()))

/** Writes values into one registry. */
export interface Recorder {
  readonly attached: (kind: string, took: Duration.Duration) => void
  readonly replayed: () => void
  /** Gives back what was taken. */
  readonly taken: <A>(entries: ReadonlyArray<A>) => ReadonlyArray<A>
  readonly loaded: (change: 1 | -1) => void
  readonly spent: (usage: TokenUsage) => void
}

/** Of the registry of whoever builds the service, not of whoever calls it. */
export const recorder: Effect.Effect<Recorder> = Effect.map(Effect.context(), (context): Recorder => {
  const spend = (kind: string, count: bigint) => {
    if (count > 0n) Metric.withAttributes(tokens, { kind }).updateUnsafe(count, context)
  }
  return {
    attached: (kind, took) =>
      Metric.withAttributes(attachLatency, { kind }).updateUnsafe(Duration.toMillis(took), context),
    replayed: () => replays.updateUnsafe(1, context),
    taken: (entries) => {
      outboxDepth.updateUnsafe(entries.length, context)
      return entries
    },
    loaded: (change) => loadedThreads.modifyUnsafe(change, context),
    spent: (usage) => {
      spend("input", usage.inputTokens)
      spend("cached_input", usage.cachedInputTokens)
      spend("cache_write_input", usage.cacheWriteInputTokens)
      spend("output", usage.outputTokens)
      spend("reasoning_output", usage.reasoningOutputTokens)
    }
  }
})
