/**
 * Appending to a rollout: whole lines, in order, by one writer at a time.
 */
import { type Effect, Schema } from "effect"

/** The lines could not be written. The rollout holds what was acknowledged before, and at most a torn line after it. */
export class RolloutWriteFailed extends Schema.TaggedError<RolloutWriteFailed>()("RolloutWriteFailed", {
  path: Schema.String,
  /**
   * `busy`: another writer has it, for now; `changed`: somebody wrote to it since it was read; `lost`: the file is no longer where it was; `broken`: an earlier append
   * failed, nothing more is tried.
   */
  reason: Schema.Literals(["busy", "changed", "diskFull", "lost", "accessDenied", "broken", "other"]),
  detail: Schema.String
}) {
  override get message(): string {
    return `cannot write to rollout \`${this.path}\`: ${this.detail}`
  }
}

/** Another writer has the rollout: in this process or in another one. */
export class RolloutBusy extends Schema.TaggedError<RolloutBusy>()("RolloutBusy", {
  threadId: Schema.String,
  path: Schema.String
}) {
  override get message(): string {
    return `thread ${this.threadId} already has an active writer; close it there first`
  }
}

/** The rollout is not what it was when it was read: another process wrote to it meanwhile. */
export class RolloutChanged extends Schema.TaggedError<RolloutChanged>()("RolloutChanged", {
  threadId: Schema.String,
  path: Schema.String
}) {
  override get message(): string {
    return `rollout \`${this.path}\` was changed by another process; read it again`
  }
}

export interface RolloutWriter {
  /**
   * Adds lines, each without its end. When it returns, the lines are in the file, whole and in order; a line that the
   * file's last writer left torn is ended first. After a failure every further append fails (`broken`).
   */
  readonly append: (lines: ReadonlyArray<string>) => Effect.Effect<void, RolloutWriteFailed>
}
