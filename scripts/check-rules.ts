/**
 * The house rules that no linter knows: time and chance come from services, asynchrony from Effect, a module says in
 * its header what it is, and is named after it. Words in strings and comments do not count as code; `TODO` counts
 * anywhere.
 */
import { basename } from "node:path"
import { isNode, readSources, report, type Source, type SyntaxNode, type Violation, walk } from "./lib/sources.ts"

/** Longer files say why in their header, with the words of `reasonForLength`. */
const maxLines = 500
const reasonForLength = /\blong because\b/i

/** Calls and constructions, by the text of what is called. */
const forbiddenCalls: Readonly<Record<string, string>> = {
  "Date.now": "take the time from `Clock`",
  "performance.now": "take the time from `Clock`",
  "Math.random": "take chance from `Random` or `effect/crypto`",
  "crypto.randomUUID": "take chance from `Random` or `effect/crypto`",
  setTimeout: "use `Effect.sleep` or a `Schedule`",
  setInterval: "use a `Schedule`",
  setImmediate: "use `Effect.yieldNow`",
  queueMicrotask: "use a fiber"
}

const textRules: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bTODO\b|\bFIXME\b|\bXXX\b/g, "unfinished work does not belong here"],
  [/@ts-ignore|@ts-nocheck/g, "fix the type"],
  [/(?:eslint|oxlint)-disable/g, "fix the code, or the rule in .oxlintrc.json"]
]

const calleeText = (source: Source, node: SyntaxNode): string => {
  const callee = isNode(node.callee) ? source.text.slice(node.callee.start, node.callee.end) : ""
  return callee.replace(/^globalThis\./, "").replaceAll("?.", ".")
}

const propertyName = (node: SyntaxNode): string | undefined =>
  isNode(node.property) && typeof node.property.name === "string" ? node.property.name : undefined

/** What is wrong with one node of `src`, if anything. */
const inspectProduction = (source: Source, node: SyntaxNode): string | undefined => {
  switch (node.type) {
    case "CallExpression": {
      const callee = calleeText(source, node)
      return Object.hasOwn(forbiddenCalls, callee) ? `${callee}: ${forbiddenCalls[callee]}` : undefined
    }
    case "NewExpression": {
      const callee = calleeText(source, node)
      if (callee === "Promise") return "new Promise: use `Effect.callback`"
      if (callee !== "Date") return undefined
      return Array.isArray(node.arguments) && node.arguments.length === 0
        ? "new Date(): take the time from `Clock`"
        : "new Date(…): use `DateTime`"
    }
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      return node.async === true ? "async: write an Effect" : undefined
    case "TSEnumDeclaration":
      return "enum: use `Schema.Literals`"
    case "TryStatement":
      return source.file.startsWith("src/layers/")
        ? undefined
        : "try: only a platform adapter in src/layers may; use `Effect.try` or `Result.try`"
    default:
      return undefined
  }
}

/** What is wrong anywhere, tests included. */
const inspectAnywhere = (node: SyntaxNode): string | undefined => {
  if (node.type === "TSAsExpression" && isNode(node.typeAnnotation)) {
    if (node.typeAnnotation.type === "TSAnyKeyword") return "as any: give it its type"
    const inner = node.expression
    if (isNode(inner) && inner.type === "TSAsExpression" && isNode(inner.typeAnnotation)) {
      if (inner.typeAnnotation.type === "TSUnknownKeyword") return "as unknown as: decode it, or narrow it"
    }
  }
  return undefined
}

const suiteNames = new Set(["it", "test", "describe", "effect", "live", "each", "prop", "layer"])

/** `it.only`, `describe.skip`, `it.effect.only` …: a test that is switched off, or switches others off. */
const inspectTest = (source: Source, node: SyntaxNode): string | undefined => {
  if (node.type !== "MemberExpression" || !isNode(node.object)) return undefined
  const name = propertyName(node)
  if (name !== "only" && name !== "skip" && name !== "todo") return undefined
  const owner = source.text.slice(node.object.start, node.object.end)
  const last = owner.split(".").at(-1) ?? ""
  return suiteNames.has(last) ? `${owner}.${name}: every test runs` : undefined
}

const nameIsGood = (file: string): boolean => {
  const name = basename(file, ".ts")
  return name === "index" || name === "main" || /^[A-Z][A-Za-z0-9]*$/.test(name)
}

const inspectModule = (source: Source): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const at = (line: number, message: string) => violations.push({ file: source.file, line, message })
  if (!nameIsGood(source.file)) at(1, "a module is named in PascalCase after the concept in it")
  const header = source.comments.find((comment) => comment.type === "Block" && comment.value.startsWith("*"))
  const before = header === undefined ? "" : source.text.slice(0, header.start)
  if (header === undefined || !/^(#!.*\n)?\s*$/.test(before)) {
    at(1, "the file starts with a header: what it is, which rule it holds")
  }
  const lines = source.text.split("\n").length - 1
  if (lines > maxLines && !reasonForLength.test(header?.value ?? "")) {
    at(maxLines + 1, `${lines} lines: split it, or say "long because …" in the header`)
  }
  return violations
}

const inspectText = (source: Source): ReadonlyArray<Violation> =>
  textRules.flatMap(([pattern, advice]) =>
    [...source.text.matchAll(pattern)].map((match) => ({
      file: source.file,
      line: source.lineAt(match.index),
      message: `${match[0]}: ${advice}`
    }))
  )

const inspectNodes = (source: Source, inspect: (node: SyntaxNode) => string | undefined): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  walk(source.program, (node) => {
    const message = inspect(node)
    if (message !== undefined) violations.push({ file: source.file, line: source.lineAt(node.start), message })
  })
  return violations
}

const production = readSources("src")
const tests = readSources("test")
const examples = readSources("examples")

report(
  "rules",
  [
    ...production.flatMap((source) => [
      ...inspectModule(source),
      ...inspectNodes(source, (node) => inspectProduction(source, node))
    ]),
    ...[...production, ...examples, ...tests].flatMap((source) => [
      ...inspectText(source),
      ...inspectNodes(source, (node) => inspectAnywhere(node) ?? inspectTest(source, node))
    ])
  ],
  `${production.length + tests.length + examples.length} files`
)
