/**
 * The program as it is published: a bundle that needs no package beside it, and no cache to write to.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseSync } from "rolldown/utils"
import { bundleProgram } from "../../scripts/lib/bundle.ts"
import { VERSION } from "../../src/domain/Version.ts"
import { at, hello, home, send, start, threadId } from "./support/Program.ts"

/** The program alone in a folder that no `node_modules` is above. */
const published = Effect.acquireRelease(
  Effect.promise(() => {
    const folder = mkdtempSync(join(tmpdir(), "rethread-bundle-"))
    cpSync(join(import.meta.dirname, "../../bin"), join(folder, "bin"), { recursive: true })
    return bundleProgram(join(folder, "dist/bin")).then((files) => ({ folder, files }))
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const binOf = (folder: string) => join(folder, "bin/rethread.mjs")

/** What a file of the bundle imports: at once, and when it is needed. */
const importsOf = (folder: string, file: string) => {
  const { errors, module } = parseSync(file, readFileSync(join(folder, "dist/bin", file), "utf8"))
  assert.deepStrictEqual(errors, [])
  const fromExports = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest }) => (moduleRequest === null ? [] : [moduleRequest.value]))
  )
  return [...module.staticImports.map(({ moduleRequest }) => moduleRequest.value), ...fromExports]
}

/** Everything that is loaded with a file. */
const loadedWith = (folder: string, file: string, found = new Set<string>()): ReadonlySet<string> => {
  for (const specifier of importsOf(folder, file)) {
    if (found.has(specifier)) continue
    found.add(specifier)
    if (specifier.startsWith("./")) loadedWith(folder, specifier.slice(2), found)
  }
  return found
}

describe("the published program", () => {
  it.effect("serves standard input, a turn and a WebSocket without any package", () =>
    Effect.gen(function* () {
      const { folder } = yield* published
      const directory = yield* home
      const environment = { HOME: folder, CODEX_HOME: directory }
      const program = yield* start(["app-server", "--agent", "echo"], environment, binOf(folder))
      yield* send(program, hello)
      assert.strictEqual(at(yield* program.frame, "result", "codexHome"), directory)
      yield* send(program, { id: 1, method: "thread/resume", params: { threadId } })
      assert.strictEqual(at(yield* program.frame, "result", "thread", "preview"), "Saved user message")
      yield* send(program, { id: 2, method: "turn/start", params: { threadId, input: [{ type: "text", text: "hi" }] } })
      let frame = yield* program.frame
      while (at(frame, "method") !== "turn/completed") frame = yield* program.frame
      assert.strictEqual(at(frame, "params", "turn", "status"), "completed")
      yield* program.end
      assert.strictEqual(yield* program.exitCode, 0)
      assert.strictEqual(yield* program.said, "")

      const server = yield* start(["serve", "--listen", "ws://127.0.0.1:0"], environment, binOf(folder))
      assert.match(yield* server.message, /^listening on ws:/)
    })
  )

  it.effect("answers, and says nothing about it, where its cache cannot be written", () =>
    Effect.gen(function* () {
      const { folder } = yield* published
      const user = join(folder, "user")
      mkdirSync(user)
      writeFileSync(join(user, ".cache"), "a file where a folder should be")
      const environment = { HOME: user, XDG_CACHE_HOME: join(user, ".cache"), LOCALAPPDATA: join(user, ".cache") }
      const program = yield* start(["app-server", "--codex-home", yield* home], environment, binOf(folder))
      yield* send(program, hello)
      assert.strictEqual(at(yield* program.frame, "id"), "hello")
      yield* program.end
      assert.strictEqual(yield* program.exitCode, 0)
      assert.strictEqual(yield* program.said, "")
      const version = yield* start(["--version"], environment, binOf(folder))
      assert.strictEqual(at(yield* version.frame, "text"), `rethread v${VERSION}`)
      assert.strictEqual(yield* version.exitCode, 0)
    })
  )

  it.effect("is whole, with the licences of what is in it, and loads for a start what a start needs", () =>
    Effect.gen(function* () {
      const { files, folder } = yield* published
      for (const file of files) {
        for (const specifier of importsOf(folder, file)) {
          assert.isTrue(isBuiltin(specifier) || files.includes(specifier.replace("./", "")), `${file}: ${specifier}`)
        }
      }
      const text = readFileSync(join(folder, "dist/bin/THIRD-PARTY-LICENSES.txt"), "utf8")
      for (const name of ["effect", "@effect/platform-node", "jose", "ws"]) assert.include(text, `\n${name} `)

      const stdio = files.find((file) => file.startsWith("StdioServer-"))
      const loaded = loadedWith(folder, stdio ?? "there is none")
      const inPackage = [...loaded].filter((specifier) => !isBuiltin(specifier))
      assert.strictEqual(inPackage.length, 2, `the server and its version, not ${inPackage.join(", ")}`)
      for (const late of ["http", "https", "tls", "net", "crypto", "zlib", "child_process", "readline"]) {
        assert.isFalse(loaded.has(`node:${late}`), late)
      }
      assert.deepStrictEqual(
        [...loadedWith(folder, "rethread.mjs")].filter((file) => !file.startsWith("./version-")),
        []
      )
    })
  )
})
