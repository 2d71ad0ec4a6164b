/**
 * A thread in a list whose rollout is too long to be read for it: what its head tells, and what its end does.
 */
import { Effect } from "effect"
import type { Thread } from "../domain/Thread.ts"
import { toldAtEnd } from "./RolloutScan.ts"
import type { RolloutRef, RolloutStore } from "./RolloutStore.ts"

/** Bytes of the end of a rollout that are read where the whole is too long. */
const endLength = { head: 0, tail: 64 * 1024 }

/** The thread with what the end of its rollout says of it: what somebody changed a moment ago is there. */
export const withEnd = (store: RolloutStore["Service"], ref: RolloutRef, thread: Thread): Effect.Effect<Thread> =>
  Effect.map(store.ends(ref, endLength), (ends) => {
    if (ends === null) return thread
    const { git, name } = toldAtEnd(ends.tail, thread)
    return { ...thread, gitInfo: git, name: name ?? thread.name }
  })
