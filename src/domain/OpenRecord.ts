/**
 * Fields of records from outside, read without trusting them: what is absent or of another type is null
 * or empty, and a key may be called `__proto__`.
 */
import { isRecord, type JsonRecord, own } from "./Json.ts"

/** A text field; null when it is absent or none. */
export const text = (record: JsonRecord, key: string): string | null => {
  const value = own(record, key)
  return typeof value === "string" ? value : null
}
/** A number field; null when it is absent or none. */
export const number = (record: JsonRecord, key: string): number | null => {
  const value = own(record, key)
  return typeof value === "number" ? value : null
}
/** An array field; empty when it is absent or none. */
export const list = (record: JsonRecord, key: string): ReadonlyArray<unknown> => {
  const value = own(record, key)
  return Array.isArray(value) ? value : []
}
/** The texts of an array field. */
export const strings = (record: JsonRecord, key: string): ReadonlyArray<string> =>
  list(record, key).filter((value) => typeof value === "string")

/** A snake_case word in camelCase. */
export const camel = (word: string): string => word.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** Renames the keys of a record, and of the records in it, from snake_case. */
export const camelKeys = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(camelKeys)
  if (!isRecord(value)) return value ?? null
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [camel(key), camelKeys(inner)]))
}
