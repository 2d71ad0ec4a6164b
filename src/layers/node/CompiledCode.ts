/**
 * The program's files, with the code that V8 compiled in earlier processes.
 *
 * Node's own compile cache (`node:module`) keeps what was compiled when a file was loaded. That is little of it: V8
 * compiles most functions when they are first called, so with that cache every process compiled two thousand
 * functions anew before its first answer. Here what was compiled by the end of a process is kept.
 *
 * Nothing of `effect` may be imported: this is what loads it.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { Script } from "node:vm"
import { crc32 } from "node:zlib"

/** Bytes at the end of a kept file: the sum of those before. V8 does not look for damage, and ends the process on it. */
const sumBytes = 4

/** Files with fewer bytes have too little code to be worth one more file that a start reads. */
const smallest = 16 * 1024

/** How many times what was read has to have grown before it is written again. */
const worthWriting = 1.05

interface Compiled {
  readonly script: Script
  readonly file: string
  /** The bytes of code that are in the file; none where there is no use for what it has. */
  kept: number
}

const read = (file: string): Buffer | undefined => {
  try {
    const bytes = readFileSync(file)
    const end = bytes.length - sumBytes
    if (end <= 0) return undefined
    const code = bytes.subarray(0, end)
    return crc32(code) === bytes.readUInt32LE(end) ? code : undefined
  } catch {
    return undefined
  }
}

const write = (file: string, code: Buffer): void => {
  const sum = Buffer.alloc(sumBytes)
  sum.writeUInt32LE(crc32(code))
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const unfinished = `${file}.${process.pid}`
  try {
    writeFileSync(unfinished, Buffer.concat([code, sum]))
    renameSync(unfinished, file)
  } finally {
    rmSync(unfinished, { force: true })
  }
}

const save = (all: ReadonlyArray<Compiled>): void => {
  for (const compiled of all) {
    try {
      const code = compiled.script.createCachedData()
      if (code.length <= compiled.kept * worthWriting) continue
      write(compiled.file, code)
      compiled.kept = code.length
    } catch {
      // Without it the next start is slower, and nothing else.
    }
  }
}

export interface Bundle {
  /** A file of the bundle, or a part of Node. */
  readonly require: (specifier: string) => unknown
  /** Keeps what has been compiled so far of files of which nothing was kept: soon after a start, since a server may never end in order. */
  readonly keepNew: () => void
  /** Keeps what has been compiled, where it is more than before: at the end of the process. */
  readonly keep: () => void
}

/**
 * The bundle in a folder. Its files are ASCII, and scripts whose value is a function of `exports`, `require` and
 * `__filename`. Given another folder, the code that was compiled of them is kept there, and used by the next process; a
 * file there that is damaged, or of another V8, is passed over and written anew.
 */
export const open = (folder: string, cache: string | undefined): Bundle => {
  const loaded = new Map<string, Record<string, unknown>>()
  const compiled: Array<Compiled> = []

  const compile = (filename: string): Script => {
    const source = readFileSync(filename)
    const text = source.toString("latin1")
    if (cache === undefined || source.length < smallest) return new Script(text, { filename })
    const file = join(cache, `${basename(filename)}-${crc32(source).toString(16)}-${process.version}-${process.arch}`)
    const code = read(file)
    const script = new Script(text, { filename, cachedData: code })
    compiled.push({ script, file, kept: script.cachedDataRejected === false ? (code?.length ?? 0) : 0 })
    return script
  }

  const require = (specifier: string): unknown => {
    if (!specifier.startsWith("./")) {
      const builtin: unknown = process.getBuiltinModule(specifier)
      if (builtin === undefined) throw new Error(`${specifier} is not a part of Node`)
      return builtin
    }
    const before = loaded.get(specifier)
    if (before !== undefined) return before
    const exports: Record<string, unknown> = {}
    loaded.set(specifier, exports)
    try {
      const filename = join(folder, specifier)
      const module: unknown = compile(filename).runInThisContext()
      if (typeof module !== "function") throw new TypeError(`${specifier} is not a file of the bundle in ${folder}`)
      Reflect.apply(module, undefined, [exports, require, filename])
      return exports
    } catch (cause) {
      // Whoever asks again is told again what is wrong, and does not get a part.
      loaded.delete(specifier)
      throw cause
    }
  }

  return {
    require,
    keepNew: () => save(compiled.filter(({ kept }) => kept === 0)),
    keep: () => save(compiled)
  }
}
