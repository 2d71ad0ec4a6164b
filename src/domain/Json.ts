/**
 * JSON without loss: integers beyond 2^53 survive reading and writing, and reading never throws.
 */
import { Option } from "effect"

// ECMAScript "JSON.parse source text access" (V8 11.4, Node 21) is not yet in TypeScript's lib.
declare global {
  interface JSON {
    rawJSON(text: string): object
    isRawJSON(u: unknown): boolean
    parse(
      text: string,
      reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown
    ): unknown
  }
}

/** Any JSON value as read. Objects have no inherited behaviour to rely on: use {@link isRecord} and `Object.hasOwn`. */
export type Json = null | boolean | number | bigint | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** A JSON object. */
export type JsonRecord = { readonly [key: string]: unknown }

/** Is it a JSON object (no array, not null)? */
export const isRecord = (u: unknown): u is JsonRecord => typeof u === "object" && u !== null && !Array.isArray(u)

/** The own property `key` of an object from outside; undefined for anything inherited (`__proto__`, `constructor`). */
export const own = (record: JsonRecord, key: string): unknown => (Object.hasOwn(record, key) ? record[key] : undefined)

const I64_MIN = -(2n ** 63n)
const I64_MAX = 2n ** 63n - 1n

/** The value as a signed 64-bit integer, or undefined when it is none (a fraction, out of range, no number). */
export const exactInteger = (u: unknown): bigint | undefined => {
  if (typeof u === "number") return Number.isSafeInteger(u) ? BigInt(u) : undefined
  return typeof u === "bigint" && u >= I64_MIN && u <= I64_MAX ? u : undefined
}

/** Is it what {@link integerToJson} makes of an integer beyond 2^53? */
export const isRawInteger = (u: unknown): boolean => JSON.isRawJSON(u)

/** A count as a value that `JSON.stringify` prints with every digit. */
export const integerToJson = (count: bigint): unknown =>
  count >= BigInt(Number.MIN_SAFE_INTEGER) && count <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(count)
    : JSON.rawJSON(count.toString())

const exactNumbers = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? integerToJson(value) : value

/** A value as JSON text; integers keep every digit. */
export const printExact = (value: unknown): string => JSON.stringify(value, exactNumbers)

// The reviver costs three times a plain parse, so it is used only where counters are (`…_tokens`, `…_window`) and a run of
// 16 digits shows an integer that a double may not hold. In other texts such runs are common and are no counters.
const unsafeInteger = /\d{16}/
const COUNTER_TEXT_LIMIT = 16 * 1024
const mayHoldUnsafeInteger = (text: string): boolean =>
  text.length <= COUNTER_TEXT_LIMIT && (text.includes("okens") || text.includes("_window")) && unsafeInteger.test(text)

const keepIntegers = (_key: string, value: unknown, context: { readonly source?: string }): unknown =>
  typeof value === "number" &&
  !Number.isSafeInteger(value) &&
  context.source !== undefined &&
  /^-?\d+$/.test(context.source)
    ? BigInt(context.source)
    : value

const parse = Option.liftThrowable((text: string): unknown =>
  mayHoldUnsafeInteger(text) ? JSON.parse(text, keepIntegers) : JSON.parse(text)
)

/**
 * Parses JSON; counters that a double cannot hold come back as `bigint`, in texts of up to 16 KiB. None for text that is
 * no JSON.
 */
export const parseExact = (text: string): Option.Option<unknown> => parse(text)
