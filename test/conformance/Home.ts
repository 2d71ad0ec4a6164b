/**
 * A Codex home in a temporary directory: rollouts as the builder made them, with the times that they say they have, and
 * a configuration under which every server, genuine or not, answers alike. Gone with its scope.
 */
import { Effect, type Scope } from "effect"
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"

/** A file to put into the home; a `BuiltRollout` is one. */
export interface HomeFile {
  /** Relative to the home. */
  readonly path: string
  readonly content: string | Uint8Array
  /** Unix milliseconds; now, when it does not matter. */
  readonly modifiedAt?: number
}

export interface Home {
  /** Absolute. */
  readonly directory: string
  /** The absolute path of a file in it. */
  readonly at: (path: string) => string
  /** Every rollout by its path in the home, with a hash of its bytes: equal exactly when nothing changed. */
  readonly hashes: Effect.Effect<ReadonlyMap<string, string>>
  /** The text of a file in it. */
  readonly text: (path: string) => Effect.Effect<string>
}

/** A provider that nothing listens behind: no case takes a live turn. */
const config = `model = "mock-model"
model_provider = "mock_provider"
approval_policy = "never"
sandbox_mode = "read-only"
[model_providers.mock_provider]
name = "Mock"
base_url = "http://127.0.0.1:9/v1"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
`

/** A directory that is removed with the scope. */
export const temporaryDirectory = (name: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), `rethread-${name}-`))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }))
  )

const rolloutsUnder = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => /^(?:archived_)?sessions[/\\].*\.jsonl/.test(path))
    .toSorted()

/** A home with these files. */
export const make = Effect.fnUntraced(function* (
  files: ReadonlyArray<HomeFile>
): Effect.fn.Return<Home, never, Scope.Scope> {
  const directory = yield* temporaryDirectory("home")
  const at = (path: string) => join(directory, path)
  yield* Effect.sync(() => {
    writeFileSync(at("config.toml"), config)
    for (const { content, modifiedAt, path } of files) {
      mkdirSync(dirname(at(path)), { recursive: true })
      writeFileSync(at(path), content)
      if (modifiedAt !== undefined) utimesSync(at(path), modifiedAt / 1000, modifiedAt / 1000)
    }
  })
  return {
    directory,
    at,
    hashes: Effect.sync(
      () =>
        new Map(
          rolloutsUnder(directory).map((path) => [
            path,
            createHash("sha256")
              .update(readFileSync(at(path)))
              .digest("hex")
          ])
        )
    ),
    text: (path) => Effect.sync(() => readFileSync(path.startsWith("/") ? path : at(path), "utf8"))
  }
})

/** The path of a file in the home, as it is written in {@link HomeFile}. */
export const inHome = (home: Home, path: string): string => relative(home.directory, path).replaceAll("\\", "/")
