/**
 * Reads the events of a streaming answer of the Responses API: texts of events in, parts of `effect/ai` out.
 *
 * Tolerant: an event or an item that is not known, or lacks what it should have, is passed over. Providers
 * leave out beginnings and pieces; every part that is told still begins, and ends once.
 */
import { Option, Schema } from "effect"
import type { Response } from "effect/ai"
import { parseExact } from "../../domain/Json.ts"
import * as ItemOptions from "./ItemOptions.ts"
import { type ApiFailure, fromErrorObject } from "./ModelFailure.ts"
import * as ModelUsage from "./ModelUsage.ts"

const optional = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
const Text = Schema.String

const place = { item_id: optional(Text), output_index: optional(Schema.Int) }
const body = Schema.Struct({
  id: optional(Text),
  model: optional(Text),
  usage: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Unknown),
  incomplete_details: optional(Schema.Struct({ reason: optional(Text) }))
})

const Event = Schema.Union([
  Schema.Struct({ type: Schema.Literal("response.created"), response: body }),
  Schema.Struct({
    type: Schema.Literals(["response.output_item.added", "response.output_item.done"]),
    output_index: place.output_index,
    item: Schema.Unknown
  }),
  Schema.Struct({
    type: Schema.Literals(["response.output_text.delta", "response.refusal.delta"]),
    ...place,
    delta: Text
  }),
  Schema.Struct({
    type: Schema.Literal("response.reasoning_summary_text.delta"),
    ...place,
    summary_index: optional(Schema.Natural),
    delta: Text
  }),
  Schema.Struct({ type: Schema.Literals(["response.completed", "response.incomplete"]), response: body }),
  Schema.Struct({ type: Schema.Literal("response.failed"), response: body }),
  Schema.Struct({
    type: Schema.Literal("error"),
    code: optional(Text),
    message: optional(Text),
    error: Schema.optionalKey(Schema.Unknown)
  })
])

const pieces = optional(Schema.Array(Schema.Struct({ text: optional(Text), refusal: optional(Text) })))

const Item = Schema.Union([
  Schema.Struct({ type: Schema.Literal("message"), id: optional(Text), phase: optional(Text), content: pieces }),
  Schema.Struct({
    type: Schema.Literal("reasoning"),
    id: optional(Text),
    summary: pieces,
    encrypted_content: optional(Text)
  }),
  Schema.Struct({
    type: Schema.Literal("function_call"),
    call_id: Schema.NonEmptyString,
    name: Schema.NonEmptyString,
    arguments: optional(Text)
  })
])

const decodeEvent = Schema.decodeUnknownOption(Event)
const decodeItem = Schema.decodeUnknownOption(Item)

type Part = Response.StreamPartEncoded

/** What an event comes to: parts, or the end of the answer in failure. */
export type Outcome =
  | { readonly _tag: "Parts"; readonly parts: ReadonlyArray<Part> }
  | { readonly _tag: "Failed"; readonly failure: ApiFailure }

const parts = (...parts: ReadonlyArray<Part>): Outcome => ({ _tag: "Parts", parts })
const nothing = parts()

/** Reads one answer; make one for each. It keeps which items have begun. */
export interface EventReader {
  /** Takes the data of one event. */
  readonly read: (data: string) => Outcome
}

const parseArguments = Option.liftThrowable((json: string): unknown => JSON.parse(json))

/** A reader of an answer by this model. */
export const make = (model: string): EventReader => {
  const begun = new Map<string, { readonly kind: "text" | "reasoning"; said: boolean }>()
  let called = false

  const idOf = (id: string | null | undefined, index: number | null | undefined) => id ?? `item-${index ?? 0}`

  const begin = (id: string, kind: "text" | "reasoning"): Array<Part> => {
    if (begun.has(id)) return []
    begun.set(id, { kind, said: false })
    return [kind === "text" ? { type: "text-start", id } : { type: "reasoning-start", id }]
  }

  const textDelta = (id: string, delta: string): Array<Part> => {
    const started = begin(id, "text")
    const item = begun.get(id)
    if (item?.kind !== "text") return []
    item.said = true
    return [...started, { type: "text-delta", id, delta }]
  }

  const reasoningDelta = (id: string, part: number, delta: string): Array<Part> => {
    const started = begin(id, "reasoning")
    const item = begun.get(id)
    if (item?.kind !== "reasoning") return []
    item.said = true
    return [...started, { type: "reasoning-delta", id, delta, metadata: ItemOptions.make({ part }) }]
  }

  const added = (item: typeof Item.Type, index: number | null | undefined): Outcome => {
    if (item.type === "function_call") return nothing
    return parts(...begin(idOf(item.id, index), item.type === "message" ? "text" : "reasoning"))
  }

  const done = (item: typeof Item.Type, index: number | null | undefined): Outcome => {
    switch (item.type) {
      case "message": {
        const id = idOf(item.id, index)
        const whole = (item.content ?? []).map((piece) => piece.text ?? piece.refusal ?? "").join("")
        const late = begun.get(id)?.said === true || whole === "" ? begin(id, "text") : textDelta(id, whole)
        begun.delete(id)
        return parts(...late, { type: "text-end", id, metadata: ItemOptions.make({ phase: item.phase ?? null }) })
      }
      case "reasoning": {
        const id = idOf(item.id, index)
        const summary = (item.summary ?? []).map((piece) => piece.text ?? "")
        const late =
          begun.get(id)?.said === true
            ? []
            : [...begin(id, "reasoning"), ...summary.flatMap((text, part) => reasoningDelta(id, part, text))]
        begun.delete(id)
        const metadata = ItemOptions.make({ encryptedContent: item.encrypted_content ?? null, summary })
        return parts(...late, { type: "reasoning-end", id, metadata })
      }
      case "function_call": {
        called = true
        const written =
          item.arguments === undefined || item.arguments === null || item.arguments === "" ? "{}" : item.arguments
        return parts({
          type: "tool-call",
          id: item.call_id,
          name: item.name,
          // Arguments that are no JSON go to the tool as they are; its schema refuses them and the model is told.
          params: Option.getOrElse(parseArguments(written), () => written),
          metadata: ItemOptions.make({ arguments: written })
        })
      }
    }
  }

  const finish = (response: typeof body.Type, whole: boolean): Outcome => {
    const usage = ModelUsage.fromResponses(response.usage)
    const cut = response.incomplete_details?.reason === "content_filter" ? "content-filter" : "length"
    const open = Array.from(begun, ([id, { kind }]): Part =>
      kind === "text" ? { type: "text-end", id } : { type: "reasoning-end", id }
    )
    begun.clear()
    return parts(...open, {
      type: "finish",
      reason: whole ? (called ? "tool-calls" : "stop") : cut,
      usage: ModelUsage.toAiUsage(usage),
      metadata: ModelUsage.toMetadata(usage)
    })
  }

  const readEvent = (event: typeof Event.Type): Outcome => {
    switch (event.type) {
      case "response.created":
        return parts({
          type: "response-metadata",
          id: event.response.id ?? undefined,
          modelId: event.response.model ?? model
        })
      case "response.output_item.added":
      case "response.output_item.done":
        return Option.match(decodeItem(event.item), {
          onNone: () => nothing,
          onSome: (item) => (event.type.endsWith("added") ? added : done)(item, event.output_index)
        })
      case "response.output_text.delta":
      case "response.refusal.delta":
        return parts(...textDelta(idOf(event.item_id, event.output_index), event.delta))
      case "response.reasoning_summary_text.delta": {
        const id = idOf(event.item_id, event.output_index)
        return parts(...reasoningDelta(id, event.summary_index ?? 0, event.delta))
      }
      case "response.completed":
      case "response.incomplete":
        return finish(event.response, event.type === "response.completed")
      case "response.failed":
        return { _tag: "Failed", failure: fromErrorObject(event.response.error) }
      case "error":
        return { _tag: "Failed", failure: fromErrorObject(event.error ?? event) }
    }
  }

  return {
    read: (data) =>
      Option.match(
        Option.flatMap(parseExact(data), (event) => decodeEvent(event)),
        {
          onNone: () => nothing,
          onSome: readEvent
        }
      )
  }
}
