/**
 * What a server tells of itself: logs on standard error, and, when there is a collector, traces, metrics and logs by OTLP.
 *
 * Each server has a metric registry of its own. What speaks OTLP is in `Observability.ts`, which is loaded only for it.
 */
import { Config, Effect, Layer, Logger, Option } from "effect"
import * as Metrics from "../services/Metrics.ts"
import * as Failure from "./Failure.ts"

export const logFormats = ["logfmt", "json"] as const
export type LogFormat = (typeof logFormats)[number]

export interface Telemetry {
  /** The collector's base URL; undefined without one. */
  readonly otlp: string | undefined
  readonly logFormat: LogFormat
}

/** Without a collector. */
export const none: Telemetry = { otlp: undefined, logFormat: "logfmt" }

/** The command line's part of it. */
export interface Given {
  readonly otlp: Option.Option<string>
  readonly logFormat: Option.Option<LogFormat>
}

const notUnderstood = (reason: string) => Failure.fail({ message: reason }, 2)

const isCollector = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)

const otlpUrl = Effect.fnUntraced(function* (given: Option.Option<string>) {
  if (Option.isSome(given)) return [given.value, "--otlp"] as const
  const configured = yield* Config.withDefault(Config.String("RETHREAD_OTLP_URL"), "")
  return [configured === "" ? undefined : configured, "RETHREAD_OTLP_URL"] as const
})

/** What was asked for, else `RETHREAD_OTLP_URL` and `RETHREAD_LOG_FORMAT`. */
export const read = Effect.fnUntraced(
  function* (given: Given) {
    const [otlp, named] = yield* otlpUrl(given.otlp)
    if (otlp !== undefined && !isCollector(otlp)) {
      return yield* notUnderstood(
        `unsupported ${named} URL ${JSON.stringify(otlp)}: expected http://HOST:PORT or https://HOST`
      )
    }
    const configured = Config.withDefault(Config.Literals(logFormats, "RETHREAD_LOG_FORMAT"), "logfmt" as const)
    const logFormat = Option.isSome(given.logFormat) ? given.logFormat.value : yield* configured
    return { otlp, logFormat } satisfies Telemetry
  },
  Effect.catchTag("ConfigError", (error) => notUnderstood(error.message.replace(/\s*\n\s*/g, " ")))
)

/** {@link read}, where no flag says anything. */
export const fromEnvironment = read({ otlp: Option.none(), logFormat: Option.none() })

const jsonLogger = Logger.layer([Logger.withConsoleError(Logger.formatJson)])

const exporting = (url: string): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("./Observability.ts")),
      ({ layer }) => layer(url)
    )
  )

/** For everything that the server does: to be built below it. */
export const layer = ({ logFormat, otlp }: Telemetry): Layer.Layer<never> =>
  (otlp === undefined ? Layer.empty : exporting(otlp)).pipe(
    Layer.provideMerge(Layer.merge(Metrics.layerRegistry, logFormat === "json" ? jsonLogger : Layer.empty))
  )
