/**
 * The rollouts of the corpus that Rethread answers differently than every genuine server that was asked, on purpose. The
 * reasons are in docs/compatibility.md, "Corpus"; an entry that does not differ any more is an error.
 */

/** How one rollout is answered differently. */
export interface Difference {
  /**
   * `served`: where a genuine server refuses. `refused`: where the genuine ones serve. `values`: some values differ, all of
   * them at or under the named places.
   */
  readonly kind: "served" | "refused" | "values"
  readonly at?: ReadonlyArray<string>
  readonly because: string
}

const mark: Difference = { kind: "served", because: "Reading: byte order mark" }
const badBytes: Difference = { kind: "served", because: "Reading: invalid UTF-8" }
const metaLater: Difference = { kind: "served", because: "Reading: session_meta not first" }
const noOrdinal: Difference = { kind: "served", because: "Reading: last paginated record without an ordinal" }
const otherThread: Difference = { kind: "refused", because: "Resume and rejoin: a rollout of another thread" }
const rolledBack: Difference = { kind: "values", at: ["usage/tokenUsage/last"], because: "Usage: after a rollback" }
const named: Difference = { kind: "values", at: ["thread/name"], because: "Corpus: a name kept in a database only" }

/** By the row's name. */
export const differences: ReadonlyMap<string, Difference> = new Map<string, Difference>([
  ["derived/b036__bom", mark],
  ["derived/b122__bom", mark],
  ["derived/b169__bom", mark],
  ["derived/b036__invalid_utf8", badBytes],
  ["derived/b122__invalid_utf8", badBytes],
  ["derived/b169__invalid_utf8", badBytes],
  ["derived/b036__meta_not_first", metaLater],
  ["derived/b169__meta_not_first", metaLater],
  ["derived/b122__id_mismatch", otherThread],
  ["derived/b169__id_mismatch", otherThread],
  ["derived/b036__rollback_event_appended", rolledBack],
  ["derived/b122__rollback_event_appended", rolledBack],
  ["derived/b169__rollback_event_appended", noOrdinal],
  ["derived/b169__null_token_info_last", noOrdinal],
  [
    "derived/b169__no_task_events",
    {
      kind: "values",
      at: ["response/itemsBackwardsCursor"],
      because: "items of turns that nothing tells of are not shown, so there is nothing to page back through"
    }
  ],
  [
    "gen/0.20.0/exec_basic 19306175-892d-40d6-a908-525d973c5d6e",
    { kind: "served", because: "Reading: the bare format of early 2025" }
  ],
  ["gen/0.135.0/names_archive 01a202b2-d2c1-76f1-aea0-f5ec04edd38e", named],
  ["gen/0.135.0/resume_continue 01a202b2-851a-70c2-aa3a-ec13b84a78f7", named],
  ["gen/0.169.0/resume_continue_legacy 01a202a9-73bd-7132-aafa-4c51d260c22f", named]
])
