/**
 * Guards, so that Stryker can remove a statement. Of single statements it removes calls only, and in an Effect program
 * what happens is often no call: `yield* outbox.lift`. In the copy that is mutated each such statement stands
 * behind `if (true)`, on the same line; `if (false)` is then the mutant without it.
 */
import { parseSync } from "rolldown/utils"
import { isNode, type SyntaxNode, walk } from "../sources.ts"

const guard = "if (true) "

// Calls are left to Stryker: it removes them itself.
const effects = new Set(["YieldExpression", "AssignmentExpression", "UpdateExpression"])

const isEffect = (statement: unknown): statement is SyntaxNode =>
  isNode(statement) &&
  statement.type === "ExpressionStatement" &&
  isNode(statement.expression) &&
  effects.has(statement.expression.type)

/** The source with a guard before each statement that is only there for its effect; alone in its block it needs none. */
export const withGuards = (file: string, text: string): string => {
  const places: Array<number> = []
  walk(parseSync(file, text).program, (node) => {
    if (node.type !== "BlockStatement" || !Array.isArray(node["body"]) || node["body"].length === 1) return
    for (const statement of node["body"]) if (isEffect(statement)) places.push(statement.start)
  })
  return places
    .toSorted((a, b) => b - a)
    .reduce((guarded, at) => guarded.slice(0, at) + guard + guarded.slice(at), text)
}

/** The source as it was. */
export const withoutGuards = (text: string): string => text.replaceAll(guard, "")

/** Offsets of the conditions of guards. */
export const guardedAt = (file: string, text: string): ReadonlySet<number> => {
  const places = new Set<number>()
  walk(parseSync(file, text).program, (node) => {
    if (node.type !== "IfStatement" || !isNode(node["test"]) || !text.startsWith(guard, node.start)) return
    places.add(node["test"].start)
  })
  return places
}
