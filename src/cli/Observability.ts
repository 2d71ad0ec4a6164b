/**
 * Traces, metrics and logs to a collector, by OTLP over HTTP (JSON). Loaded when there is a collector, and not before. One
 * that does not answer costs the server nothing but the last two seconds of its life.
 */
import { Effect, Layer, Redacted } from "effect"
import { FetchHttpClient, Headers } from "effect/http"
import { Otlp } from "effect/observability"
import { VERSION } from "../domain/Version.ts"

/** Headers by their names. */
type SecretHeaders = ReadonlyMap<string, Redacted.Redacted>

/**
 * Sends to `URL/v1/traces`, `URL/v1/metrics` and `URL/v1/logs`, with what the server's fibers and registry have. Whatever
 * prints one of its requests leaves out the values of these headers.
 */
export const layer = (url: string, headers: SecretHeaders): Layer.Layer<never> =>
  Otlp.layerJson({
    baseUrl: url,
    headers: Array.from(headers, ([name, value]): [string, string] => [name, Redacted.value(value)]),
    resource: { serviceName: "rethread", serviceVersion: VERSION },
    shutdownTimeout: "2 seconds"
  }).pipe(Layer.provide([FetchHttpClient.layer, redacting(headers)]))

const redacting = (headers: SecretHeaders): Layer.Layer<never> =>
  Layer.effect(
    Headers.CurrentRedactedNames,
    Effect.map(Headers.CurrentRedactedNames, (names) => [...names, ...headers.keys()])
  )
