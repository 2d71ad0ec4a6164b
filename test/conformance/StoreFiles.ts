/**
 * A rollout store under test, from both sides: its files as another program sees them, and what it says
 * of them. Names and contents that the store's suites share.
 */
import { Context, Effect, Stream } from "effect"
import { ThreadId } from "../../src/domain/Ids.ts"
import type { AppendFault } from "../../src/layers/memory/MemoryFiles.ts"
import { type RolloutRef, RolloutStore } from "../../src/services/RolloutStore.ts"

/** The store's files, as another program sees them. Paths are relative to the home. */
export class StoreFiles extends Context.Service<
  StoreFiles,
  {
    readonly home: string
    readonly write: (path: string, content: string | Uint8Array, modifiedAt?: number) => Effect.Effect<void>
    readonly append: (path: string, content: string) => Effect.Effect<void>
    /** The file's text; undefined when there is no such file. */
    readonly read: (path: string) => Effect.Effect<string | undefined>
    readonly remove: (path: string) => Effect.Effect<void>
    /** Every file and folder with its bytes and times, to prove that nothing was touched. */
    readonly fingerprint: Effect.Effect<string>
    /** Relative path of the link, and where it points (absolute, or relative to the link). */
    readonly symlink: (link: string, target: string) => Effect.Effect<void>
    readonly compress: (content: string) => Uint8Array
    /** Makes one append through the store fail. */
    readonly failAppends: (path: string, fault: AppendFault) => Effect.Effect<void>
  }
>()("rethread/test/conformance/StoreFiles") {}

/** What a backend declares that it can do. */
export interface StoreCapabilities {
  readonly symlinks: boolean
  readonly compression: boolean
}

export const id = (n: number): ThreadId => ThreadId.make(`01a20000-0000-7000-8000-${String(n).padStart(12, "0")}`)
export const segment = (n: number): string => `01a2ffff-0000-7000-8000-${String(n).padStart(12, "0")}`
export const meta = (threadId: string) =>
  `{"timestamp":"2026-03-01T10:00:00.000Z","type":"session_meta","payload":{"id":"${threadId}","timestamp":"2026-03-01T10:00:00.000Z"}}\n`

export const day = "sessions/2026/03/01"
export const file = (
  n: number,
  options: { readonly time?: string; readonly segment?: number; readonly zst?: boolean } = {}
) =>
  `rollout-${options.time ?? "2026-03-01T10-00-00"}-${id(n)}${options.segment === undefined ? "" : `_${segment(options.segment)}`}.jsonl${options.zst === true ? ".zst" : ""}`

export const bytesOf = (ref: RolloutRef) =>
  RolloutStore.use((store) =>
    Stream.runFold(
      store.read(ref),
      () => ({ chunks: new Array<Uint8Array>(), largest: 0 }),
      (all, chunk) => ({ chunks: [...all.chunks, chunk.slice()], largest: Math.max(all.largest, chunk.length) })
    )
  ).pipe(Effect.map(({ chunks, largest }) => ({ bytes: Buffer.concat(chunks), largest })))

export const textOf = (ref: RolloutRef) => Effect.map(bytesOf(ref), ({ bytes }) => bytes.toString("utf8"))

export const listed = (archived: boolean) =>
  RolloutStore.use((store) => Stream.runCollect(store.list({ archived }))).pipe(
    Effect.map((refs) => refs.map((ref) => ref.path).sort())
  )
