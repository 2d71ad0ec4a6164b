/**
 * Makes what any release of the server sends fit the shapes of the newest one, before a schema decodes it: members that
 * an older server leaves out are filled in, and an item of a kind that is not known here is kept whole.
 *
 * The rule reads the schema itself: a missing member that may be null is null, a missing list is empty; the few others
 * have the default below. Members that the schema does not name are left to the decoder, which ignores them.
 */
import { type Schema, SchemaAST as AST } from "effect"
import { isRecord, type JsonRecord, own } from "../../domain/Json.ts"

/** What a member means where a server (0.122 in the most cases) does not have it. */
const defaults: Readonly<Record<string, (record: JsonRecord) => unknown>> = {
  sessionId: (record) => own(record, "id"),
  historyMode: () => "legacy",
  itemsView: () => "full",
  cacheWriteInputTokens: () => 0,
  multiAgentMode: () => "explicitRequestOnly",
  approvalsReviewer: () => "user",
  networkAccess: () => false,
  excludeTmpdirEnvVar: () => false,
  excludeSlashTmp: () => false,
  access: () => ({ type: "fullAccess" }),
  readOnlyAccess: () => ({ type: "fullAccess" }),
  source: () => "agent",
  willRetry: () => false,
  isBlocking: () => true,
  isOther: () => false,
  isSecret: () => false,
  // Of a live notification, where null is not allowed: the time is not known.
  startedAtMs: () => 0,
  completedAtMs: () => 0
}

const isNullable = (ast: AST.AST): boolean => AST.isNull(ast) || (AST.isUnion(ast) && ast.types.some(isNullable))

const missing = (name: string, type: AST.AST, record: JsonRecord): unknown => {
  if (isNullable(type)) return null
  if (Object.hasOwn(defaults, name)) return defaults[name]?.(record)
  if (AST.isUnknown(type)) return null
  if (AST.isArrays(type)) return []
  return AST.isLiteral(type) ? type.literal : undefined
}

const literals = (ast: AST.AST): ReadonlyArray<unknown> | null => {
  if (AST.isLiteral(ast)) return [ast.literal]
  return AST.isUnion(ast) && ast.types.every(AST.isLiteral) ? ast.types.map((type) => type.literal) : null
}

/** Could the record be meant as this member of a union? Its tags say so, or else the names of its members. */
const fits = (ast: AST.Objects, record: JsonRecord): boolean => {
  let tagged = false
  for (const { name, type } of ast.propertySignatures) {
    const expected = literals(type)
    if (expected === null || typeof name !== "string" || !Object.hasOwn(record, name)) continue
    if (!expected.includes(record[name])) return false
    tagged = true
  }
  return tagged || ast.propertySignatures.some(({ name }) => Object.hasOwn(record, name))
}

const signature = (ast: AST.Objects, name: string) => ast.propertySignatures.find((one) => one.name === name)

const isKeptWhole = (ast: AST.AST): ast is AST.Objects => {
  if (!AST.isObjects(ast) || signature(ast, "record") === undefined) return false
  const type = signature(ast, "type")?.type
  return type !== undefined && AST.isLiteral(type) && type.literal === "unknown"
}

const chosen = (ast: AST.Union, value: JsonRecord): AST.Objects | undefined =>
  ast.types.filter(AST.isObjects).find((type) => fits(type, value))

const fillUnion = (ast: AST.Union, value: unknown): unknown => {
  if (Array.isArray(value)) {
    const list = ast.types.find(AST.isArrays)
    return list === undefined ? value : fill(list, value)
  }
  if (!isRecord(value)) return value
  const kind = own(value, "type")
  const whole = ast.types.find(isKeptWhole)
  const member = chosen(ast, value)
  if (whole !== undefined && member === undefined && typeof kind === "string") {
    return fill(whole, { ...value, type: "unknown", kind, record: value })
  }
  if (member !== undefined) return fill(member, value)
  const nested = ast.types.find(AST.isUnion)
  return nested === undefined ? value : fill(nested, value)
}

const fillObject = (ast: AST.Objects, value: JsonRecord): JsonRecord => {
  let filled: { [key: string]: unknown } | null = null
  for (const { name, type } of ast.propertySignatures) {
    if (typeof name !== "string") continue
    const present = Object.hasOwn(value, name)
    if (!present && AST.isOptional(type)) continue
    const before = present ? value[name] : undefined
    const after = present ? fill(type, before) : missing(name, type, value)
    if (after === before) continue
    filled ??= { ...value }
    filled[name] = after
  }
  return filled ?? value
}

const fillList = (ast: AST.Arrays, value: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  const filled = value.map((entry, index) => {
    const type = ast.elements[index] ?? ast.rest[0]
    return type === undefined ? entry : fill(type, entry)
  })
  return filled.every((entry, index) => entry === value[index]) ? value : filled
}

const fill = (ast: AST.AST, value: unknown): unknown => {
  if (AST.isUnion(ast)) return fillUnion(ast, value)
  if (AST.isObjects(ast) && isRecord(value)) return fillObject(ast, value)
  if (AST.isArrays(ast) && Array.isArray(value)) return fillList(ast, value)
  return AST.isSuspend(ast) ? fill(ast.thunk(), value) : value
}

/** Fits a value to what the schema decodes from; the value itself where nothing was missing. */
export const complete = (schema: Schema.Top): ((value: unknown) => unknown) => {
  const encoded = AST.toEncoded(schema.ast)
  return (value) => fill(encoded, value)
}
