/**
 * What the machine itself needs for a rollout: to read it, to find its line ends, to parse every line, to copy it.
 * Nothing that does these things can be faster.
 */
import { Schema } from "effect"
import { closeSync, constants, copyFileSync, openSync, readSync, rmSync } from "node:fs"
import { makeLineCutter } from "./wire.ts"

export const Limit = Schema.Struct({
  what: Schema.String,
  input: Schema.String,
  bytes: Schema.Finite,
  /** Milliseconds. */
  values: Schema.Array(Schema.Finite)
})
export type Limit = typeof Limit.Type

const blockBytes = 1 << 20

/** Reads a file in blocks, all into the same memory. */
export const eachBlock = (path: string, take: (block: Buffer) => void): void => {
  const file = openSync(path, "r")
  const buffer = Buffer.allocUnsafe(blockBytes)
  for (let size = readSync(file, buffer); size > 0; size = readSync(file, buffer)) take(buffer.subarray(0, size))
  closeSync(file)
}

const countLines = (path: string): number => {
  let lines = 0
  eachBlock(path, (block) => {
    for (let end = block.indexOf(10); end >= 0; end = block.indexOf(10, end + 1)) lines++
  })
  return lines
}

const parseLines = (path: string): void => {
  const cut = makeLineCutter((line) => void JSON.parse(line.toString()))
  // A line that goes over the end of a block is kept: the block must not be written over.
  eachBlock(path, (block) => cut(Buffer.from(block)))
}

const copy = (path: string): void => {
  copyFileSync(path, `${path}.copy`, constants.COPYFILE_FICLONE)
  rmSync(`${path}.copy`)
}

const steps: ReadonlyArray<readonly [what: string, step: (path: string) => void]> = [
  ["read the file", (path) => eachBlock(path, () => {})],
  ["read it and find line ends", countLines],
  ["JSON.parse of every line", parseLines],
  ["copy of the file", copy]
]

/** Measures one file, so many times each. */
export const limitsOf = (
  input: string,
  path: string,
  bytes: number,
  runs: number,
  inTurn: (what: string) => void
): ReadonlyArray<Limit> =>
  steps.map(([what, step]) => {
    inTurn(what)
    const values = Array.from({ length: runs }, () => {
      const since = performance.now()
      step(path)
      return performance.now() - since
    })
    return { what, input, bytes, values }
  })
