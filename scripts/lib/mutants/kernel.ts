/**
 * The mutants of a file of the kernel, which Stryker cannot mutate: one small change each, by a rule for what stands
 * there. Only what runs is changed, and the words of constants; never types, imports or numbers of the layout.
 */
import { parseSync } from "rolldown/utils"
import { isNode, type SyntaxNode, walk } from "../sources.ts"
import { type Change, numbered } from "./sample.ts"

/** The text between `start` and `end` is replaced. */
interface Edit {
  readonly mutator: string
  readonly start: number
  readonly end: number
  readonly replacement: string
}

/** What each operator becomes: the other side of the border, and the other answer. */
const operators: Readonly<Record<string, ReadonlyArray<string>>> = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "==": ["!="],
  "!=": ["=="],
  "&&": ["||"],
  "||": ["&&"],
  "+": ["-"],
  "-": ["+"],
  "+=": ["-="],
  "-=": ["+="],
  "++": ["--"]
}

/** What may be left out, if it is a statement of its own. */
const effects = new Set(["AssignmentExpression", "CallExpression", "UpdateExpression"])

const nodesIn = (values: ReadonlyArray<unknown>): ReadonlyArray<SyntaxNode> => values.filter(isNode)

/** The operator of an expression, changed. */
const operatorEdits = (text: string, node: SyntaxNode): ReadonlyArray<Edit> => {
  const operator = String(node["operator"])
  const first = nodesIn([node["left"], node["argument"]])[0]
  if (first === undefined || !Object.hasOwn(operators, operator)) return []
  // `++` stands before or behind what it counts; every other one stands behind its left side.
  const start = text.indexOf(operator, node["prefix"] === true ? node.start : first.end)
  const end = start + operator.length
  return (operators[operator] ?? []).map((replacement) => ({ mutator: "Operator", start, end, replacement }))
}

/** What is asked by a name or a call alone, asked the other way round. */
const conditionEdits = (text: string, node: SyntaxNode): ReadonlyArray<Edit> => {
  const isOperand = node.type === "LogicalExpression"
  return nodesIn(isOperand ? [node["left"], node["right"]] : [node["test"]])
    .filter(({ type }) => type === "CallExpression" || type === "Identifier")
    .map(({ start, end }) => ({ mutator: "Condition", start, end, replacement: `!${text.slice(start, end)}` }))
}

/** The changes to one node of a function that has these parameters. */
const editsOf = (text: string, node: SyntaxNode, parameters: ReadonlySet<unknown>): ReadonlyArray<Edit> => {
  const { end, start, type } = node
  const edit = (mutator: string, replacement: string): ReadonlyArray<Edit> => [{ mutator, start, end, replacement }]
  switch (type) {
    case "LogicalExpression":
      return [...operatorEdits(text, node), ...conditionEdits(text, node)]
    case "BinaryExpression":
    case "AssignmentExpression":
    case "UpdateExpression":
      return operatorEdits(text, node)
    case "IfStatement":
    case "ConditionalExpression":
      return conditionEdits(text, node)
    case "UnaryExpression":
      if (node["operator"] === "!") return edit("Condition", text.slice(start + 1, end))
      return text.slice(start, end) === "-1" ? edit("Number", parameters.has("at") ? "at" : "0") : []
    case "Literal": {
      const { value } = node
      if (typeof value === "number") return text[start - 1] === "-" ? [] : edit("Number", String(value + 1))
      return typeof value === "boolean" ? edit("Boolean", String(!value)) : []
    }
    case "ExpressionStatement":
      return isNode(node["expression"]) && effects.has(node["expression"].type) ? edit("LeftOut", ";") : []
    case "ContinueStatement":
      return edit("LeftOut", ";")
    default:
      return []
  }
}

/** A text with another last letter. */
const wordEdits = (text: string, { end, start, type, value }: SyntaxNode): ReadonlyArray<Edit> => {
  if (type !== "Literal" || typeof value !== "string") return []
  const written = text.slice(start, end)
  const replacement = written.replace(/[a-z](?=[^a-z]*$)/, (letter) => (letter === "x" ? "y" : "x"))
  return [{ mutator: "Word", start, end, replacement }]
}

/** A mutant: what is changed, where, and the whole text with the change. */
export interface KernelMutant {
  readonly line: number
  readonly text: string
}

/** All mutants of a file. */
export const mutantsOf = (
  file: string,
  text: string
): ReadonlyArray<{ readonly of: KernelMutant; readonly change: Change }> => {
  const edits: Array<Edit> = []
  const { program } = parseSync(file, text)
  for (const statement of program.body) {
    if ("source" in statement && statement.source !== null) continue
    walk(statement, (node) => void edits.push(...wordEdits(text, node)))
    walk(statement, (declared) => {
      if (declared.type !== "FunctionDeclaration" || !Array.isArray(declared["params"])) return
      const parameters = new Set(nodesIn(declared["params"]).map(({ name }) => name))
      walk(declared["body"], (node) => void edits.push(...editsOf(text, node, parameters)))
    })
  }
  const ordered = edits.toSorted((a, b) => a.start - b.start || a.end - b.end)
  return numbered(
    ordered.map(({ end, mutator, replacement, start }) => {
      const from = text.lastIndexOf("\n", start) + 1
      const to = text.indexOf("\n", end)
      const changed = text.slice(0, start) + replacement + text.slice(end)
      return {
        of: { line: text.slice(0, start).split("\n").length, text: changed },
        // A whole line, for `1` → `2` alone says nothing.
        change: {
          file,
          mutator,
          original: text.slice(from, to),
          replacement: changed.slice(from, to + changed.length - text.length)
        }
      }
    })
  )
}
