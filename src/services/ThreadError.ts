/**
 * Everything that can go wrong between a request for a thread and its answer, as one closed union.
 *
 * Each error carries what a caller needs to react and a message that says what to do. JSON-RPC
 * codes are the business of `rpc`.
 */
import { Schema } from "effect"
import { InvalidThreadId, ThreadId, TurnId } from "../domain/Ids.ts"

/** No rollout of this thread exists here, loaded or stored. */
export class ThreadNotFound extends Schema.TaggedError<ThreadNotFound>()("ThreadNotFound", { threadId: ThreadId }) {
  override get message(): string {
    return `no rollout found for thread id ${this.threadId}`
  }
}

/** The thread is in the archive; it must be unarchived before it is resumed or forked. */
export class ThreadArchived extends Schema.TaggedError<ThreadArchived>()("ThreadArchived", { threadId: ThreadId }) {
  override get message(): string {
    return `thread ${this.threadId} is archived. Unarchive it first (thread/unarchive, or \`codex unarchive ${this.threadId}\`).`
  }
}

/** The rollout exists but holds no session that could be restored. */
export class RolloutUnreadable extends Schema.TaggedError<RolloutUnreadable>()("RolloutUnreadable", {
  path: Schema.String,
  reason: Schema.Literals(["empty", "noSessionMeta", "unsupportedHistoryMode", "corruptCompression"]),
  /** The first line (from 1) that shows it; null when the file has none. */
  line: Schema.NullOr(Schema.Int),
  detail: Schema.String
}) {
  override get message(): string {
    const at = this.line === null ? "" : ` (line ${this.line})`
    return `failed to load rollout \`${this.path}\`${at}: ${this.detail}`
  }
}

/** The rollout found under one thread's name says that it is another's. */
export class ThreadIdMismatch extends Schema.TaggedError<ThreadIdMismatch>()("ThreadIdMismatch", {
  requested: ThreadId,
  found: ThreadId,
  path: Schema.String
}) {
  override get message(): string {
    return `rollout \`${this.path}\` is named after thread ${this.requested} but belongs to ${this.found}; rename the file or ask for ${this.found}`
  }
}

/** A rollout path that may not, or cannot, be read. */
export class PathRefused extends Schema.TaggedError<PathRefused>()("PathRefused", {
  path: Schema.String,
  reason: Schema.Literals(["outsideHome", "notFound", "isDirectory", "notARollout", "invalid"])
}) {
  override get message(): string {
    const why = {
      outsideHome: "it lies outside the Codex home",
      notFound: "file does not exist",
      isDirectory: "path is a directory",
      notARollout: "it is not a .jsonl or .jsonl.zst file",
      invalid: "it is not a usable path"
    }[this.reason]
    return `failed to resolve rollout path ${JSON.stringify(this.path)}: ${why}`
  }
}

/** Part of a paginated history lies in a rollout that is missing or does not fit. */
export class HistoryBaseMissing extends Schema.TaggedError<HistoryBaseMissing>()("HistoryBaseMissing", {
  /** The rollout that refers to its base. */
  path: Schema.String,
  baseThreadId: ThreadId,
  endOrdinalExclusive: Schema.Int,
  reason: Schema.Literals(["notFound", "noSuchOrdinal", "cycle"])
}) {
  override get message(): string {
    const why = {
      notFound: "no rollout of that thread is here",
      noSuchOrdinal: "no rollout of that thread reaches that ordinal",
      cycle: "the bases refer to each other"
    }[this.reason]
    return `history of \`${this.path}\` continues thread ${this.baseThreadId} up to ordinal ${this.endOrdinalExclusive}: ${why}`
  }
}

/** A turn named as the end of a fork that cannot be one. */
export class ForkPointRefused extends Schema.TaggedError<ForkPointRefused>()("ForkPointRefused", {
  field: Schema.Literals(["lastTurnId", "beforeTurnId"]),
  turnId: TurnId,
  reason: Schema.Literals(["notFound", "inProgress"])
}) {
  override get message(): string {
    return this.reason === "notFound"
      ? `${this.field} '${this.turnId}' was not found in the source thread`
      : `${this.field} '${this.turnId}' identifies an in-progress turn`
  }
}

/** A request whose parts contradict each other or the thread's state. `field` is the protocol's name of the culprit. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", {
  field: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/** The thread has to be loaded (resumed, forked or started) for this. */
export class ThreadNotLoaded extends Schema.TaggedError<ThreadNotLoaded>()("ThreadNotLoaded", { threadId: ThreadId }) {
  override get message(): string {
    return `thread not found: ${this.threadId}; resume it first`
  }
}

/** The thread's rollout can no longer be written: what was acknowledged is in it, and nothing is added. */
export class ThreadReadOnly extends Schema.TaggedError<ThreadReadOnly>()("ThreadReadOnly", {
  threadId: ThreadId,
  detail: Schema.String
}) {
  override get message(): string {
    return `thread ${this.threadId} is read-only: ${this.detail}`
  }
}

/** Another process wrote to the thread's rollout at this very moment. */
export class ThreadChanged extends Schema.TaggedError<ThreadChanged>()("ThreadChanged", { threadId: ThreadId }) {
  override get message(): string {
    return `thread ${this.threadId} was changed by another process just now; try again`
  }
}

/** The storage under the threads failed (permissions, disk, I/O). */
export class RolloutStoreError extends Schema.TaggedError<RolloutStoreError>()("RolloutStoreError", {
  operation: Schema.Literals([
    "locate",
    "list",
    "read",
    "stat",
    "create",
    "names",
    "open",
    "archive",
    "unarchive",
    "remove",
    "setName"
  ]),
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `rollout store could not ${this.operation} \`${this.path}\`: ${this.detail}`
  }
}

/** Any failure of resume, fork, read or list. */
export const ThreadError = Schema.Union([
  InvalidThreadId,
  ThreadNotFound,
  ThreadArchived,
  RolloutUnreadable,
  ThreadIdMismatch,
  PathRefused,
  HistoryBaseMissing,
  ForkPointRefused,
  InvalidRequest,
  ThreadNotLoaded,
  ThreadReadOnly,
  ThreadChanged,
  RolloutStoreError
])
export type ThreadError = typeof ThreadError.Type
