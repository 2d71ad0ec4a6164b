/** Agents without a model: what a script says, and an echo for demos. */
export * as EchoAgent from "./EchoAgent.ts"
export * as ScriptedAgent from "./ScriptedAgent.ts"
