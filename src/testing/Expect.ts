/**
 * Expectations as effects: each either holds or fails with `ExpectationFailed`, which says what was expected and what was
 * there. They need no test runner; runners that show differences find them in `expected` and `actual`.
 */
import { Effect, Equal, Formatter, Schema } from "effect"

/** Something was not as it had to be. */
export class ExpectationFailed extends Schema.TaggedError<ExpectationFailed>()("ExpectationFailed", {
  /** What was looked at. */
  what: Schema.String,
  expected: Schema.Unknown,
  actual: Schema.Unknown,
  /** What was recorded, entry by entry, where the expectation is one of order. */
  recorded: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const { actual, expected, recorded, what } = this
    const said = `${what}\n  expected: ${Formatter.format(expected)}\n  actual:   ${Formatter.format(actual)}`
    return recorded.length === 0 ? said : `${said}\n  recorded:\n${recorded.map((line) => `    ${line}`).join("\n")}`
  }
}

type Expectation = Effect.Effect<void, ExpectationFailed>

const expect = (holds: boolean, what: string, expected: unknown, actual: unknown): Expectation =>
  holds ? Effect.void : Effect.fail(new ExpectationFailed({ what, expected, actual, recorded: [] }))

/** The same structure, value by value. */
export const equal = (actual: unknown, expected: unknown, what = "two values differ"): Expectation =>
  Effect.suspend(() => expect(Equal.equals(actual, expected), what, expected, actual))

/** The very same object. */
export const same = (actual: unknown, expected: unknown, what = "not the same object"): Expectation =>
  Effect.suspend(() => expect(Object.is(actual, expected), what, expected, actual))

export const different = (actual: unknown, other: unknown, what = "two values do not differ"): Expectation =>
  Effect.suspend(() => expect(!Equal.equals(actual, other), what, "something else", actual))

export const isTrue = (actual: boolean, what = "it does not hold"): Expectation => expect(actual, what, true, actual)

export const isFalse = (actual: boolean, what = "it holds"): Expectation => expect(!actual, what, false, actual)

export const isNull = (actual: unknown, what = "it is not null"): Expectation =>
  expect(actual === null, what, null, actual)

export const isUndefined = (actual: unknown, what = "there is something"): Expectation =>
  expect(actual === undefined, what, undefined, actual)

export const isDefined = (actual: unknown, what = "there is nothing"): Expectation =>
  expect(actual !== undefined, what, "something", actual)

/** A text has a part. */
export const includes = (text: string, part: string, what = "a text lacks its part"): Expectation =>
  expect(text.includes(part), what, part, text)

export const atMost = (actual: number, most: number, what = "too many"): Expectation =>
  expect(actual <= most, what, `at most ${most}`, actual)

export const above = (actual: number, less: number, what = "too few"): Expectation =>
  expect(actual > less, what, `more than ${less}`, actual)

/** Never holds. */
export const fail = (what: string): Effect.Effect<never, ExpectationFailed> =>
  Effect.fail(new ExpectationFailed({ what, expected: "something else", actual: what, recorded: [] }))
