/**
 * The one pipeline by which a client comes to a thread: cold resume, rejoin and fork.
 *
 *     resume | fork  →  respond  →  replay  →  follow
 *
 * Each arrow is a type: {@link Attached} is made by `resume` and `fork`; `replay` wants the receipt
 * that only a sent response gives; `follow` wants what only `replay` gives. A program in another
 * order does not compile (`test/types/pipeline.types.ts`).
 */
import { Context, type Effect } from "effect"
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import type { SettingsSource } from "../domain/ThreadSettings.ts"
import type { Connection, ResponseReceipt } from "./NotificationDelivery.ts"
import type { ThreadError } from "./ThreadError.ts"
import type { Snapshot } from "./Threads.ts"

/** Which thread to resume. With `path` or `history`, a `threadId` that is loaded must agree with it. */
export type ResumeTarget =
  | { readonly by: "id"; readonly threadId: ThreadId }
  | { readonly by: "path"; readonly path: string; readonly threadId: ThreadId | null }
  | { readonly by: "history"; readonly items: ReadonlyArray<unknown>; readonly threadId: ThreadId | null }

export interface ResumeRequest {
  readonly target: ResumeTarget
  readonly overrides: SettingsSource
  /** Name of the client, recorded on a thread that the request creates. */
  readonly originator: string
}

export interface ForkRequest {
  readonly source: { readonly by: "id"; readonly threadId: ThreadId } | { readonly by: "path"; readonly path: string }
  /** Where the copy ends: with the last turn, with this one, or before this one. */
  readonly until: { readonly field: "lastTurnId" | "beforeTurnId"; readonly turnId: TurnId } | null
  /** Kept in memory only. */
  readonly ephemeral: boolean
  readonly overrides: SettingsSource
  readonly threadSource: string | null
  readonly originator: string
}

/** How the client came to the thread. */
export type AttachKind = "cold" | "rejoin" | "fork" | "history"

class AttachedStage {
  readonly connection: Connection
  readonly kind: AttachKind
  readonly snapshot: Snapshot
  private readonly stage = "attached"
  constructor(connection: Connection, kind: AttachKind, snapshot: Snapshot) {
    this.connection = connection
    this.kind = kind
    this.snapshot = snapshot
    void this.stage
  }
}

class ReplayedStage {
  readonly attached: AttachedStage
  private readonly stage = "replayed"
  constructor(attached: AttachedStage) {
    this.attached = attached
    void this.stage
  }
}

/** The snapshot is taken and the client is bound to it; now the response must go out. */
export type Attached = AttachedStage

/** The response is out and the restored usage, if there was any to tell, right behind it. */
export type Replayed = ReplayedStage

export class ThreadLifecycle extends Context.Service<
  ThreadLifecycle,
  {
    readonly resume: (connection: Connection, request: ResumeRequest) => Effect.Effect<Attached, ThreadError>
    readonly fork: (connection: Connection, request: ForkRequest) => Effect.Effect<Attached, ThreadError>
    /** Sends the restored usage to the connection of the receipt, once; nothing when no turn owns any. */
    readonly replay: (receipt: ResponseReceipt, attached: Attached) => Effect.Effect<Replayed>
    /** Lets the thread's events through to the connection; announces a new thread to everybody. */
    readonly follow: (replayed: Replayed) => Effect.Effect<void>
  }
>()("rethread/services/ThreadLifecycle") {}

/** The stage constructors, for implementations of the service in this module only. */
const stages = { AttachedStage, ReplayedStage }
void stages
