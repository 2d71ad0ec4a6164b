/**
 * `ai-sdk-provider-codex-cli`, a client of the app-server that others wrote and use: installed once from npm into the cache
 * folder of the genuine programs, without the Codex that it would bring.
 */
import { Effect, Schema } from "effect"
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { cacheFolder } from "./CodexBinary.ts"

const packages = ["ai-sdk-provider-codex-cli@1.4.1", "ai@6", "zod@4", "ws@8"]

/** The packages cannot be had here. */
export class AiSdkUnavailable extends Schema.TaggedError<AiSdkUnavailable>()("AiSdkUnavailable", {
  reason: Schema.String
}) {
  override get message(): string {
    return `${packages.join(", ")} cannot be installed: ${this.reason}`
  }
}

/** The folder in which they are installed. */
export const aiSdk = Effect.gen(function* () {
  const folder = join(yield* Effect.orDie(cacheFolder), "ai-sdk-provider-codex-cli-1.4.1")
  if (existsSync(join(folder, "node_modules", "ai-sdk-provider-codex-cli"))) return folder
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n')
  const args = ["install", "--no-audit", "--no-fund", "--loglevel=error", "--omit=optional", ...packages]
  yield* Effect.callback<void, AiSdkUnavailable>((resume) => {
    execFile("npm", args, { cwd: folder }, (error) =>
      resume(error === null ? Effect.void : Effect.fail(new AiSdkUnavailable({ reason: error.message })))
    )
  })
  return folder
})
