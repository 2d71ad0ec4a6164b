/**
 * The program as it is published: a bundle that needs no package beside it, and keeps what was compiled of it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { isBuiltin } from "node:module"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { crc32 } from "node:zlib"
import { parseSync } from "rolldown/utils"
import { bundleProgram } from "../../scripts/lib/bundle.ts"
import { VERSION } from "../../src/domain/Version.ts"
import * as CompiledCode from "../../src/layers/node/CompiledCode.ts"
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

const packages = new Set(["bufferutil", "utf-8-validate"])

/** What a file of the bundle asks for: at once, or whenever. `ws` does without its own two packages. */
const askedFor = (folder: string, file: string, when: "at once" | "ever"): ReadonlyArray<string> => {
  const text = readFileSync(join(folder, "dist/bin", file), "utf8")
  assert.match(text, /^[\0-\x7f]*$/, `${file} is ASCII`)
  const { errors, module } = parseSync(file, text)
  assert.deepStrictEqual([errors, module.dynamicImports], [[], []])
  const calls = when === "ever" ? /\brequire\("([^"]+)"\)/g : /^(?:(?:let|const|var) \w+ = )?require\("([^"]+)"\)/gm
  return [...text.matchAll(calls)].flatMap(([, specifier = ""]) => (packages.has(specifier) ? [] : [specifier]))
}

/** Everything that is loaded with a file. */
const loadedWith = (folder: string, file: string, found = new Set<string>()): ReadonlySet<string> => {
  for (const specifier of askedFor(folder, file, "at once")) {
    if (found.has(specifier)) continue
    found.add(specifier)
    if (specifier.startsWith("./")) loadedWith(folder, specifier.slice(2), found)
  }
  return found
}

/** One start of the program, greeted and ended. */
const once = Effect.fnUntraced(function* (folder: string, environment: Record<string, string>) {
  const program = yield* start(["app-server", "--codex-home", yield* home], environment, binOf(folder))
  yield* send(program, hello)
  assert.strictEqual(at(yield* program.frame, "id"), "hello")
  yield* program.end
  assert.strictEqual(yield* program.exitCode, 0)
  assert.strictEqual(yield* program.said, "")
})

/** The compiled code of the server that is kept in a cache. */
const keptIn = (cache: string) => {
  const files = readdirSync(join(cache, "rethread"))
  assert.lengthOf(files, 1, files.join(" "))
  const file = join(cache, "rethread", files[0] ?? "")
  return { file, written: statSync(file).ino, bytes: readFileSync(file) }
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
      yield* once(folder, environment)
      const version = yield* start(["--version"], environment, binOf(folder))
      assert.strictEqual(at(yield* version.frame, "text"), `rethread v${VERSION}`)
      assert.strictEqual(yield* version.exitCode, 0)
    })
  )

  it.effect("keeps what was compiled, uses it, and does without when it is damaged", () =>
    Effect.gen(function* () {
      const { folder } = yield* published
      const cache = join(folder, "cache")
      const environment = { HOME: folder, NODE_COMPILE_CACHE: cache }
      yield* once(folder, environment)
      const first = keptIn(cache)
      yield* once(folder, environment)
      assert.strictEqual(keptIn(cache).written, first.written, "code that was used is not written again")

      // V8 ends the process, without a word to JavaScript, when it is given this.
      writeFileSync(first.file, Buffer.from(first.bytes).fill(0, first.bytes.length / 2))
      yield* once(folder, environment)
      const mended = keptIn(cache)
      assert.strictEqual(mended.bytes.readUInt32LE(mended.bytes.length - 4), crc32(mended.bytes.subarray(0, -4)))
      yield* once(folder, environment)
      assert.strictEqual(keptIn(cache).written, mended.written)

      for (const cut of [0, 3, 4, 1000]) {
        writeFileSync(mended.file, mended.bytes.subarray(0, cut))
        yield* once(folder, environment)
        assert.isAbove(keptIn(cache).bytes.length, 1000, `a file of ${cut} bytes`)
      }
    })
  )

  it.effect("leaves nothing unfinished behind where it cannot keep what was compiled", () =>
    Effect.gen(function* () {
      const { folder } = yield* published
      const cache = join(folder, "cache")
      const environment = { HOME: folder, NODE_COMPILE_CACHE: cache }
      yield* once(folder, environment)
      const { file } = keptIn(cache)
      rmSync(file)
      mkdirSync(file)
      yield* once(folder, environment)
      assert.deepStrictEqual(readdirSync(join(cache, "rethread")), [basename(file)])
    })
  )

  it.effect("keeps nothing in a project that it is started in, whatever the environment lacks", () =>
    Effect.gen(function* () {
      const { folder } = yield* published
      yield* once(folder, { HOME: "", XDG_CACHE_HOME: "", LOCALAPPDATA: "" })
      assert.isFalse(existsSync(".cache/rethread"))
    })
  )

  it.effect("says what is wrong, and says it again, when a file of it is gone", () =>
    Effect.gen(function* () {
      const { files, folder } = yield* published
      const agent = files.find((file) => file.startsWith("EchoAgent-")) ?? assert.fail("there is none")
      const bundle = CompiledCode.open(join(folder, "dist/bin"), undefined)
      rmSync(join(folder, "dist/bin", agent))
      const load = () => bundle.require(`./${agent}`)
      assert.throws(load, /ENOENT/)
      assert.throws(load, /ENOENT/)
      assert.throws(() => bundle.require("bufferutil"), /is not a part of Node/)
      writeFileSync(join(folder, "dist/bin", agent), "5")
      assert.throws(load, /is not a file of the bundle/)
    })
  )

  it.effect("keeps nothing where Node is told to keep nothing", () =>
    Effect.gen(function* () {
      const { folder } = yield* published
      const cache = join(folder, "cache")
      yield* once(folder, { HOME: folder, NODE_COMPILE_CACHE: cache, NODE_DISABLE_COMPILE_CACHE: "1" })
      assert.isFalse(existsSync(cache))
    })
  )

  it.effect("is whole, with the licences of what is in it, and loads for a start what a start needs", () =>
    Effect.gen(function* () {
      const { files, folder } = yield* published
      for (const file of files) {
        for (const specifier of askedFor(folder, file, "ever")) {
          assert.isTrue(isBuiltin(specifier) || files.includes(specifier.replace("./", "")), `${file}: ${specifier}`)
        }
      }
      const text = readFileSync(join(folder, "dist/bin/THIRD-PARTY-LICENSES.txt"), "utf8")
      for (const name of ["effect", "@effect/platform-node", "jose", "ws"]) assert.include(text, `\n${name} `)

      const stdio = files.find((file) => file.startsWith("server-"))
      const loaded = loadedWith(folder, stdio ?? "there is none")
      const inPackage = [...loaded].flatMap((specifier) => /^\.\/(.*)-[^-]+$/.exec(specifier)?.[1] ?? [])
      assert.sameMembers(inPackage, ["version", "rolldown-runtime"])
      for (const late of ["http", "https", "tls", "net", "crypto", "zlib", "child_process", "readline"]) {
        assert.isFalse(loaded.has(`node:${late}`), late)
      }
      assert.deepStrictEqual(
        [...loadedWith(folder, "main.cjs")].filter((file) => !file.startsWith("./version-")),
        []
      )
    })
  )
})
