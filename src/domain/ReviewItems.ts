/**
 * What is shown of a review: its request, and its outcome with the findings.
 */
import { isRecord, type JsonRecord, own } from "./Json.ts"
import { list, number, text } from "./OpenRecord.ts"

/** What is shown on entering a review. */
export const reviewRequest = (hint: string | null | undefined): string => hint ?? "Review requested."

/** What is shown of a review's outcome: the explanation, then the findings. */
export const reviewOutcome = (output: unknown): string => {
  if (!isRecord(output)) return "Reviewer failed to output a response."
  const explanation = (text(output, "overall_explanation") ?? "").trim()
  const findings = list(output, "findings").filter(isRecord)
  const sections = explanation === "" ? [] : [explanation]
  if (findings.length > 0) {
    sections.push(
      [findings.length > 1 ? "Full review comments:" : "Review comment:", ...findings.flatMap(finding)].join("\n")
    )
  }
  return sections.length === 0 ? "Reviewer failed to output a response." : sections.join("\n\n")
}

const finding = (record: JsonRecord): ReadonlyArray<string> => {
  const place = own(record, "code_location")
  const range = isRecord(place) ? own(place, "line_range") : undefined
  const path = isRecord(place) ? (text(place, "absolute_file_path") ?? "") : ""
  const lines = isRecord(range) ? `${number(range, "start") ?? 0}-${number(range, "end") ?? 0}` : "0-0"
  const body = (text(record, "body") ?? "").split("\n").map((line) => `  ${line}`)
  return ["", `- ${text(record, "title") ?? ""} — ${path}:${lines}`, ...body]
}
