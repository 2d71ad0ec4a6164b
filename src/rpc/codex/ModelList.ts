/**
 * The models that clients may offer: what the configuration names. Configuration says of a model no more than its name
 * and an effort; the rest is what any model of the Responses API takes.
 */
import { Result } from "effect"
import type { ThreadSettings } from "../../domain/ThreadSettings.ts"
import type { Model } from "./ClientProtocol.ts"
import * as WireError from "./WireError.ts"

const efforts = [
  ["minimal", "Answers at once, with hardly any reasoning"],
  ["low", "Fast responses with lighter reasoning"],
  ["medium", "Balances speed and reasoning depth"],
  ["high", "Greater reasoning depth for complex problems"],
  ["xhigh", "Extra high reasoning depth for complex problems"]
] as const

const usual: ReadonlySet<string> = new Set(["low", "medium", "high"])

/** The configured model. Clients refuse a list with an effort that they do not know: such a one is left out. */
export const configured = (settings: ThreadSettings, providerName: string): Model => {
  const effort = efforts.find(([name]) => name === settings.reasoningEffort)?.[0] ?? "medium"
  return {
    id: settings.model,
    model: settings.model,
    upgrade: null,
    upgradeInfo: null,
    availabilityNux: null,
    displayName: settings.model,
    description: `The configured model, of ${providerName}`,
    hidden: false,
    supportedReasoningEfforts: efforts
      .filter(([name]) => usual.has(name) || name === effort)
      .map(([reasoningEffort, description]) => ({ reasoningEffort, description })),
    defaultReasoningEffort: effort,
    inputModalities: ["text", "image"],
    supportsPersonality: false,
    additionalSpeedTiers: [],
    serviceTiers: [],
    defaultServiceTier: null,
    isDefault: true
  }
}

/** A page; a cursor is the place of the first model on it. */
export const page = (
  models: ReadonlyArray<Model>,
  params: { readonly cursor: string | null; readonly limit: number | null }
): Result.Result<{ readonly data: ReadonlyArray<Model>; readonly nextCursor: string | null }, WireError.WireError> => {
  const from = params.cursor === null ? 0 : Number(params.cursor)
  if (params.cursor !== null && !(/^\d{1,9}$/.test(params.cursor) && from <= models.length)) {
    return Result.fail(WireError.refused("cursor", `invalid cursor: ${params.cursor.slice(0, 200)}`))
  }
  const to = from + Math.max(params.limit ?? models.length, 1)
  return Result.succeed({ data: models.slice(from, to), nextCursor: to < models.length ? String(to) : null })
}
