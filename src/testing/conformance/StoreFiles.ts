/**
 * A rollout store under test, from both sides: its files as another program sees them, and what it says
 * of them. Names and contents that the store's cases share.
 */
import { Context, Effect, Layer, Stream } from "effect"
import { ThreadId } from "../../domain/Ids.ts"
import { type AppendFault, concat } from "../../layers/memory/MemoryFiles.ts"
import { type RolloutRef, RolloutStore } from "../../services/RolloutStore.ts"
import { CapabilityMissing, group } from "./Suite.ts"

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
    /** As Codex compresses: zstd. */
    readonly compress: (content: string) => Effect.Effect<Uint8Array>
    /** Makes one append through the store fail. */
    readonly failAppends: (path: string, fault: AppendFault) => Effect.Effect<void>
  }
>()("rethread/testing/conformance/StoreFiles") {}

/**
 * What a store may lack. `files`: rollouts are files, laid out and named as in a Codex home, which another program can
 * read and write. `symlinks`, `compressed`: among those files. `appendFaults`: a test can make an append fail.
 * `writerLock`: one writer per thread. The others: the methods of that name.
 */
export const storeCapabilities = [
  "files",
  "symlinks",
  "compressed",
  "appendFaults",
  "writerLock",
  "versions",
  "segments",
  "archive",
  "names"
] as const
export type StoreCapability = (typeof storeCapabilities)[number]

const missing = (capability: StoreCapability) => Effect.die(new CapabilityMissing({ capability }))

/** For a store without files: whatever asks for them is told that there are none. */
export const layerNoFiles: Layer.Layer<StoreFiles> = Layer.succeed(
  StoreFiles,
  StoreFiles.of({
    home: "",
    write: () => missing("files"),
    append: () => missing("files"),
    read: () => missing("files"),
    remove: () => missing("files"),
    fingerprint: missing("files"),
    symlink: () => missing("symlinks"),
    compress: () => missing("compressed"),
    failAppends: () => missing("appendFaults")
  })
)

/** Cases of a store; those of the first kind look at its files. */
export const onFiles = (name: string) => group<StoreCapability, RolloutStore | StoreFiles>(name, ["files"])
export const onStore = (name: string) => group<StoreCapability, RolloutStore | StoreFiles>(name)

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
  ).pipe(Effect.map(({ chunks, largest }) => ({ bytes: concat(chunks), largest })))

export const textOf = (ref: RolloutRef) => Effect.map(bytesOf(ref), ({ bytes }) => new TextDecoder().decode(bytes))

export const listed = (archived: boolean) =>
  RolloutStore.use((store) => Stream.runCollect(store.list({ archived }))).pipe(
    Effect.map((refs) => refs.map((ref) => ref.path).sort())
  )
