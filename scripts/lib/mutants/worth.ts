/**
 * Which of Stryker's mutants are worth a run, and how they read. Not worth one: texts for people (anything with two words
 * in a row, `message` getters), names of spans, logs and schemas, what is done when a module is loaded, and what a guard
 * has two of.
 */
import { parseSync } from "rolldown/utils"
import { isNode, type SyntaxNode, walk } from "../sources.ts"
import { guardedAt, withoutGuards } from "./guards.ts"
import { type Change, numbered } from "./sample.ts"

/** A mutant as Stryker describes it, its place as offsets. */
export interface Mutation {
  readonly mutatorName: string
  readonly replacement: string
  readonly start: number
  readonly end: number
}

type Range = readonly [start: number, end: number]

const prose = /[a-z}`,;:.] [a-z$`]/i
const named = /^(?:Effect\.(?:fn|fnUntraced|withSpan|annotate\w+|log\w*|die)|Metric\.\w+|Schema\.\w+|Context\.\w+)$/

const functions = new Set(["ArrowFunctionExpression", "FunctionExpression", "FunctionDeclaration"])

/** What runs when it is called, and not when its module is loaded. */
const bodiesIn = (file: string, text: string): ReadonlyArray<Range> => {
  const ranges: Array<Range> = []
  walk(parseSync(file, text).program, (node) => {
    if (functions.has(node.type) && isNode(node["body"])) ranges.push([node["body"].start, node["body"].end])
  })
  return ranges
}

/** What nobody's behaviour depends on. */
const textsFor = (file: string, text: string): ReadonlyArray<Range> => {
  const ranges: Array<Range> = []
  const calleeOf = (node: SyntaxNode) =>
    isNode(node["callee"]) ? text.slice(node["callee"].start, node["callee"].end) : ""
  walk(parseSync(file, text).program, (node) => {
    if (node.type === "MethodDefinition" && node["kind"] === "get" && isNode(node["key"])) {
      if (node["key"]["name"] === "message") ranges.push([node.start, node.end])
    }
    if (node.type !== "CallExpression" || !Array.isArray(node["arguments"])) return
    const callee = calleeOf(node)
    const isAbout = /^Effect\.(?:annotate|log|withSpan)/.test(callee)
    for (const [at, argument] of node["arguments"].entries()) {
      if (!isNode(argument)) continue
      const name =
        named.test(callee) && (argument.type === "Literal" || (isAbout && argument.type === "ObjectExpression"))
      if (name || (callee === "finding" && at === 2)) ranges.push([argument.start, argument.end])
    }
  })
  return ranges
}

/** The mutants of one file that are worth a run, as changes. */
export const worthARun = <A>(
  file: string,
  text: string,
  mutants: ReadonlyArray<{ readonly of: A; readonly mutation: Mutation }>
): ReadonlyArray<{ readonly of: A; readonly change: Change }> => {
  const guards = guardedAt(file, text)
  const texts = textsFor(file, text)
  const bodies = bodiesIn(file, text)
  const isIn = (ranges: ReadonlyArray<Range>, start: number, end: number) =>
    ranges.some(([from, to]) => from <= start && end <= to)
  const ordered = mutants.toSorted(
    ({ mutation: a }, { mutation: b }) => a.start - b.start || a.end - b.end || (a.replacement < b.replacement ? -1 : 1)
  )
  return numbered(
    ordered.flatMap(({ of, mutation }) => {
      const { start, end, mutatorName, replacement } = mutation
      const original = text.slice(start, end)
      if (isIn(texts, start, end) || !isIn(bodies, start, end)) return []
      if (mutatorName === "StringLiteral" && prose.test(original)) return []
      if (guards.has(start) && original === "true") {
        if (mutatorName !== "ConditionalExpression" || replacement !== "false") return []
        const line = text.slice(end + ") ".length).split("\n", 1)[0] ?? ""
        return [{ of, change: { file, mutator: "RemovedStatement", original: line, replacement: "" } }]
      }
      return [
        {
          of,
          change: {
            file,
            mutator: mutatorName,
            original: withoutGuards(original),
            replacement: withoutGuards(replacement)
          }
        }
      ]
    })
  )
}
