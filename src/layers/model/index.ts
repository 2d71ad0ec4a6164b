/** Agents on a language model: the loop, a provider for the Responses API, and the choice of one by configuration. */
export * as ConfiguredAgent from "./ConfiguredAgent.ts"
export * as ModelAgent from "./ModelAgent.ts"
export * as ModelProviders from "./ModelProviders.ts"
export * as OpenAiResponses from "./OpenAiResponses.ts"
export * as PlanTool from "./PlanTool.ts"
