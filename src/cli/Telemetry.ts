/**
 * What a server tells of itself: logs on standard error, and, when there is a collector, traces, metrics and logs by OTLP.
 *
 * Each server has a metric registry of its own. What speaks OTLP is in `Observability.ts`, which is loaded only for it.
 */
import { Config, Effect, Layer, Logger, Option, Redacted, Schema } from "effect"
import * as Metrics from "../services/Metrics.ts"
import * as Failure from "./Failure.ts"

export const logFormats = ["logfmt", "json"] as const
export type LogFormat = (typeof logFormats)[number]

/** Headers by their names in lower case. A value may be a secret: a collector's key. */
export type CollectorHeaders = ReadonlyMap<string, Redacted.Redacted>

export interface Telemetry {
  /** The collector's base URL; undefined without one. */
  readonly otlp: string | undefined
  /** Sent with everything that the collector gets. */
  readonly otlpHeaders: CollectorHeaders
  readonly logFormat: LogFormat
}

/** Without a collector. */
export const none: Telemetry = { otlp: undefined, otlpHeaders: new Map(), logFormat: "logfmt" }

/** The command line's part of it. */
export interface Given {
  readonly otlp: Option.Option<string>
  /** `NAME=VALUE` each. */
  readonly otlpHeader: ReadonlyArray<string>
  readonly logFormat: Option.Option<LogFormat>
}

const notUnderstood = (reason: string) => Failure.fail({ message: reason }, 2)

const isCollector = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)

const otlpUrl = Effect.fnUntraced(function* (given: Option.Option<string>) {
  if (Option.isSome(given)) return [given.value, "--otlp"] as const
  const configured = yield* Config.withDefault(Config.String("RETHREAD_OTLP_URL"), "")
  return [configured === "" ? undefined : configured, "RETHREAD_OTLP_URL"] as const
})

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/

/** What is said of one that cannot be sent never has its value in it. */
const header = (name: string, value: string, from: string) => {
  if (!headerName.test(name)) return notUnderstood(`${from}: ${JSON.stringify(name)} is no name of a header`)
  if (!headerValue.test(value)) return notUnderstood(`${from}: the value of ${name} cannot be sent in a header`)
  return Effect.succeed([name.toLowerCase(), Redacted.make(value, { label: name })] as const)
}

const headersVariable = "OTEL_EXPORTER_OTLP_HEADERS"
const decodeUri = Schema.decodeUnknownOption(Schema.StringFromUriComponent)

const headerOf = (pair: string, from: string, decode: (value: string) => Option.Option<string>) => {
  const [, name, value] = /^([^=]*)=(.*)$/s.exec(pair) ?? []
  const decoded = value === undefined ? Option.none() : decode(value.trim())
  return name === undefined || Option.isNone(decoded)
    ? notUnderstood(`unsupported ${from}: expected NAME=VALUE${from === headersVariable ? ",… as in a URL" : ""}`)
    : header(name.trim(), decoded.value, from)
}

/** Those of the environment, and over them those of the command line. */
const otlpHeaders = Effect.fnUntraced(function* (given: ReadonlyArray<string>) {
  const variable = yield* Config.withDefault(Config.String(headersVariable), "")
  const pairs = variable.split(",").filter((pair) => pair.trim() !== "")
  const fromVariable = yield* Effect.forEach(pairs, (pair) => headerOf(pair, headersVariable, decodeUri))
  const fromFlags = yield* Effect.forEach(given, (pair) => headerOf(pair, "--otlp-header", Option.some))
  return new Map([...fromVariable, ...fromFlags])
})

/** What was asked for, else `RETHREAD_OTLP_URL`, `OTEL_EXPORTER_OTLP_HEADERS` and `RETHREAD_LOG_FORMAT`. */
export const read = Effect.fnUntraced(
  function* (given: Given) {
    const [otlp, named] = yield* otlpUrl(given.otlp)
    if (otlp !== undefined && !isCollector(otlp)) {
      return yield* notUnderstood(
        `unsupported ${named} URL ${JSON.stringify(otlp)}: expected http://HOST:PORT or https://HOST`
      )
    }
    if (otlp === undefined && given.otlpHeader.length > 0) {
      return yield* notUnderstood("--otlp-header has no collector to go to: say where it is with --otlp URL")
    }
    const headers: CollectorHeaders = otlp === undefined ? new Map() : yield* otlpHeaders(given.otlpHeader)
    const configured = Config.withDefault(Config.Literals(logFormats, "RETHREAD_LOG_FORMAT"), "logfmt" as const)
    const logFormat = Option.isSome(given.logFormat) ? given.logFormat.value : yield* configured
    return { otlp, otlpHeaders: headers, logFormat } satisfies Telemetry
  },
  Effect.catchTag("ConfigError", (error) => notUnderstood(error.message.replace(/\s*\n\s*/g, " ")))
)

/** {@link read}, where no flag says anything. */
export const fromEnvironment = read({ otlp: Option.none(), otlpHeader: [], logFormat: Option.none() })

const jsonLogger = Logger.layer([Logger.withConsoleError(Logger.formatJson)])

const exporting = (url: string, headers: CollectorHeaders): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("./Observability.ts")),
      ({ layer }) => layer(url, headers)
    )
  )

/** For everything that the server does: to be built below it. */
export const layer = ({ logFormat, otlp, otlpHeaders }: Telemetry): Layer.Layer<never> =>
  (otlp === undefined ? Layer.empty : exporting(otlp, otlpHeaders)).pipe(
    Layer.provideMerge(Layer.merge(Metrics.layerRegistry, logFormat === "json" ? jsonLogger : Layer.empty))
  )
