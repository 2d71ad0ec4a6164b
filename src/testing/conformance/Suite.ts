/**
 * A conformance suite as data: cases that a layer has to pass, whatever it is made of. No test runner is needed; any can
 * run them, one by one.
 *
 * What a layer cannot do is declared by name. A case that needs it is run all the same, and has to fail: so a loss that
 * nobody declared shows, and a gain too. A case that dies shows always: a layer that lacks something says so, and lives.
 */
import { Arbitrary, Cause, Effect, Exit, Layer, Option, Schema, type Scope } from "effect"
import { TestClock } from "effect/testing"

/** Why a case may fail. */
export type CaseError = object | string | void

/** One thing that a layer must do. */
export interface SuiteCase<Capability extends string, R> {
  readonly name: string
  /** What a layer must be capable of to pass. */
  readonly needs: ReadonlyArray<Capability>
  /** Set for what must hold where this capability is missing, and is of no interest elsewhere. */
  readonly insteadOf: Capability | null
  readonly run: Effect.Effect<void, CaseError, R | Scope.Scope>
}

export interface Suite<Capability extends string, R> {
  readonly name: string
  /** Everything that a layer may declare to be missing. */
  readonly capabilities: ReadonlyArray<Capability>
  readonly cases: ReadonlyArray<SuiteCase<Capability, R>>
}

/** Said by a layer under test, or by what the suite is given to reach it: this cannot be done here. */
export class CapabilityMissing extends Schema.TaggedError<CapabilityMissing>()("CapabilityMissing", {
  capability: Schema.String
}) {
  override get message(): string {
    return `the layer under test has no "${this.capability}"; declare it: missing: ["${this.capability}"]`
  }
}

/** The layer under test does not do what it must, or what was declared of it is not so. */
export class ConformanceFailed extends Schema.TaggedError<ConformanceFailed>()("ConformanceFailed", {
  suite: Schema.String,
  case: Schema.String,
  /**
   * `failed`: it does not hold. `died`: with a defect. `hasIt`: what is declared missing is there. `interrupted`: it
   * never ended by itself.
   */
  reason: Schema.Literals(["failed", "died", "hasIt", "interrupted"]),
  /** Capabilities that the case needs and that were declared missing. */
  missing: Schema.Array(Schema.String),
  detail: Schema.String,
  /** What the case failed with; null when it passed. */
  failure: Schema.Unknown
}) {
  override get message(): string {
    const missing = this.missing.map((capability) => `"${capability}"`).join(", ")
    const declared = missing === "" ? "" : ` (declared missing: ${missing})`
    return `${this.suite}: ${this.case}${declared}: ${this.detail}`
  }
}

export interface SuiteOptions<R, Capability extends string> {
  /** The layer under test; built anew for each case. */
  readonly layer: Layer.Layer<R, CaseError>
  /** What it cannot do. */
  readonly missing?: ReadonlyArray<Capability>
}

/** A case, ready to be run: it needs nothing more. */
export interface ReadyCase {
  readonly name: string
  readonly run: Effect.Effect<void, ConformanceFailed>
}

const isCapabilityMissing = Schema.is(CapabilityMissing)

const isMissing = (cause: Cause.Cause<CaseError>): boolean =>
  cause.reasons.some((reason) => Cause.isDieReason(reason) && isCapabilityMissing(reason.defect))

const judge = <Capability extends string, R>(
  suite: Suite<Capability, R>,
  one: SuiteCase<Capability, R>,
  missing: ReadonlyArray<Capability>,
  exit: Exit.Exit<void, CaseError>
): Effect.Effect<void, ConformanceFailed> => {
  const lacking = one.needs.filter((capability) => missing.includes(capability))
  const wrong = (reason: ConformanceFailed["reason"], detail: string, failure: unknown = null) =>
    new ConformanceFailed({ suite: suite.name, case: one.name, reason, missing: lacking, detail, failure })
  if (Exit.isSuccess(exit)) {
    if (lacking.length === 0) return Effect.void
    return Effect.fail(wrong("hasIt", "it holds: the layer can do what it is declared not to; declare it no longer"))
  }
  const failure = Option.getOrNull(Cause.findErrorOption(exit.cause))
  if (Cause.hasInterruptsOnly(exit.cause)) return Effect.fail(wrong("interrupted", "it was interrupted"))
  const died = Cause.hasDies(exit.cause) && !isMissing(exit.cause)
  if (lacking.length > 0 && !died) return Effect.void
  return Effect.fail(wrong(died ? "died" : "failed", Cause.pretty(exit.cause), failure))
}

/** The suite's cases for one layer. */
export const cases = <Capability extends string, R>(
  suite: Suite<Capability, R>,
  options: SuiteOptions<R, Capability>
): ReadonlyArray<ReadyCase> => {
  const missing = options.missing ?? []
  return suite.cases
    .filter(({ insteadOf }) => insteadOf === null || missing.includes(insteadOf))
    .map((one) => ({
      name: one.name,
      run: Effect.scoped(one.run).pipe(
        Effect.provide(Layer.fresh(options.layer).pipe(Layer.provideMerge(TestClock.layer()))),
        Effect.exit,
        Effect.flatMap((exit) => judge(suite, one, missing, exit))
      )
    }))
}

/** What the registering of a test looks like: `it` of `@effect/vitest`, or three lines around another runner. */
export interface TestRunner {
  readonly effect: (name: string, run: () => Effect.Effect<void, ConformanceFailed>) => void
}

/** Registers each case as a test of its own. */
export const register = <Capability extends string, R>(
  it: TestRunner,
  suite: Suite<Capability, R>,
  options: SuiteOptions<R, Capability>
): void => {
  for (const { name, run } of cases(suite, options)) it.effect(`${suite.name}: ${name}`, () => run)
}

/** Makes the cases of a group; each name begins with the group's. */
export const group = <Capability extends string, R>(name: string, needs: ReadonlyArray<Capability> = []) => ({
  test: (
    title: string,
    run: Effect.Effect<void, CaseError, R | Scope.Scope>,
    more: ReadonlyArray<Capability> = []
  ): SuiteCase<Capability, R> => ({ name: `${name} ${title}`, needs: [...needs, ...more], insteadOf: null, run }),
  without: (
    insteadOf: Capability,
    title: string,
    run: Effect.Effect<void, CaseError, R | Scope.Scope>
  ): SuiteCase<Capability, R> => ({ name: `${name} ${title}`, needs, insteadOf, run })
})

/** Something that holds for all values of the schema; each run is told which it is, from 1. */
export const property = <A, R>(
  schema: Schema.Schema<A>,
  holds: (value: A, run: number) => Effect.Effect<void, CaseError, R>,
  options?: Arbitrary.CheckOptions
): Effect.Effect<void, CaseError, R> =>
  Effect.suspend(() => {
    let runs = 0
    return Effect.flatMap(
      Arbitrary.checkEffect(Arbitrary.schema(schema), (value) => Effect.as(holds(value, ++runs), true), options),
      (result) => {
        const failure = Arbitrary.formatCheckFailure(result)
        return failure === undefined ? Effect.void : Effect.fail(failure)
      }
    )
  })
