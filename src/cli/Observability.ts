/**
 * Traces, metrics and logs to a collector, by OTLP over HTTP (JSON). Loaded when there is a collector, and not before. One
 * that does not answer costs the server nothing but the last two seconds of its life.
 */
import { Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { Otlp } from "effect/observability"
import { VERSION } from "../domain/Version.ts"

/** Sends to `URL/v1/traces`, `URL/v1/metrics` and `URL/v1/logs`, with what the server's fibers and registry have. */
export const layer = (url: string): Layer.Layer<never> =>
  Otlp.layerJson({
    baseUrl: url,
    resource: { serviceName: "rethread", serviceVersion: VERSION },
    shutdownTimeout: "2 seconds"
  }).pipe(Layer.provide(FetchHttpClient.layer))
