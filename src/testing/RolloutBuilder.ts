/**
 * Rollouts for tests, as Codex writes them: event-style history of 0.122, or paginated history of
 * 0.169 with ordinals and bases.
 *
 * A builder is a value: every step gives a new one, and the same steps give the same bytes. Counters
 * that nobody chose are distinct and non-zero, so that a mix-up shows.
 */
import { DateTime } from "effect"
import { ThreadId } from "../domain/Ids.ts"
import { newRolloutLocation } from "../layers/codex-home/RolloutFileName.ts"
import { type BuilderLine, type TokenCounts, RolloutLines, tokenInfo } from "./RolloutLines.ts"

export type { TokenCounts } from "./RolloutLines.ts"

/** Who and where the thread is. Everything has a default. */
export interface RolloutOptions {
  readonly threadId?: string
  /** Unix milliseconds; names the file, and is the time of its first line. Default 2026-03-01T10:00:00Z. */
  readonly createdAt?: number
  /** Unix milliseconds of the file's last change; default: the time of its last line. */
  readonly modifiedAt?: number
  readonly archived?: boolean
  /** `legacy` (default) or `paginated`. */
  readonly history?: "legacy" | "paginated"
  readonly cwd?: string
  readonly model?: string
  readonly modelProvider?: string
  readonly originator?: string
  readonly cliVersion?: string
  /** As rollouts spell it: `"cli"`, `{ subagent: "review" }`, … Default `"vscode"`. */
  readonly source?: unknown
  readonly git?: { readonly commit_hash?: string; readonly branch?: string; readonly repository_url?: string }
  /** Further fields of the `session_meta` payload. */
  readonly meta?: Readonly<Record<string, unknown>>
}

/** One turn. */
export interface TurnOptions {
  /** The turn's id; null for a turn that history only implies (no `task_started`). Default: a UUID of its own. */
  readonly id?: string | null
  readonly user?: string
  /** Null: no answer. Default: "answer to " and what the user said. */
  readonly agent?: string | null
  readonly reasoning?: string
  /** What the agent does before it answers: any lines, in the middle of the turn. */
  readonly work?: (rollout: RolloutBuilder, turnId: string | null) => RolloutBuilder
  readonly textElements?: ReadonlyArray<unknown>
  /** URLs. */
  readonly images?: ReadonlyArray<string>
  /** Paths. */
  readonly localImages?: ReadonlyArray<string>
  /** Writes a `token_count`; true: with the default counters. */
  readonly usage?: UsageOptions | true
  /** How it ends; `open`: it does not. An implied turn has no end of its own. Default `completed`. */
  readonly ends?: "completed" | "interrupted" | "failed" | "open"
}

/** What a `token_count` says. Missing parts are the defaults (`defaultTotal`, `defaultLast`, window 200000). */
export interface UsageOptions {
  readonly total?: Partial<TokenCounts>
  readonly last?: Partial<TokenCounts>
  readonly window?: number | null
}

/** A finished rollout. It fits `MemoryRolloutStore.layerWith` as it is. */
export interface BuiltRollout {
  readonly threadId: ThreadId
  /** Relative to the home. */
  readonly path: string
  readonly content: string
  readonly bytes: Uint8Array
  /** Unix milliseconds. */
  readonly modifiedAt: number
  /** Ids of the turns that have one, in order. */
  readonly turnIds: ReadonlyArray<string>
}

interface State {
  readonly options: Required<Omit<RolloutOptions, "modifiedAt" | "git">> & {
    readonly modifiedAt: number | undefined
    readonly git: RolloutOptions["git"] | undefined
  }
  readonly segmentId: string | null
  readonly lines: RolloutLines
  readonly turnIds: ReadonlyArray<string>
}

/** 2026-03-01T10:00:00.000Z. */
export const defaultCreatedAt = Date.UTC(2026, 2, 1, 10)

/** A UUIDv7 that is made of a time (Unix milliseconds) and a number, always the same. */
export const uuidAt = (time: number, n: number): string => {
  const stamp = Math.floor(time).toString(16).padStart(12, "0")
  return `${stamp.slice(0, 8)}-${stamp.slice(8)}-7000-8000-${n.toString(16).padStart(12, "0")}`
}

/** The fluent builder. Start with {@link rollout} or {@link paginated}. */
export class RolloutBuilder {
  private readonly state: State

  constructor(state: State) {
    this.state = state
  }

  get threadId(): ThreadId {
    return ThreadId.make(this.state.options.threadId)
  }

  private get paginated(): boolean {
    return this.state.options.history === "paginated"
  }

  private with(patch: Partial<State>): RolloutBuilder {
    return new RolloutBuilder({ ...this.state, ...patch })
  }

  private append(...lines: ReadonlyArray<BuilderLine>): RolloutBuilder {
    return this.with({ lines: this.state.lines.append(lines) })
  }

  /** Any line by type and payload. */
  line(type: string, payload: object): RolloutBuilder {
    return this.append({ type, payload })
  }

  /** An `event_msg`. */
  event(payload: { readonly type: string; readonly [key: string]: unknown }): RolloutBuilder {
    return this.line("event_msg", payload)
  }

  /** An item of the model's conversation. */
  item(payload: { readonly type: string; readonly [key: string]: unknown }): RolloutBuilder {
    return this.line("response_item", payload)
  }

  /** Text that stands in the file as it is, with or without a line end: damage, mostly. */
  raw(text: string): RolloutBuilder {
    return this.with({ lines: this.state.lines.raw(text) })
  }

  /** A turn, written the way the rollout's history is. */
  turn(turn: TurnOptions = {}): RolloutBuilder {
    const { options, turnIds } = this.state
    const user = turn.user ?? `question ${turnIds.length + 1}`
    const agent = turn.agent === undefined ? `answer to ${user}` : turn.agent
    const id = turn.id === undefined ? uuidAt(options.createdAt, 0x1000 + this.state.lines.size) : turn.id
    const opened = id === null ? this : this.opened(id)
    const said = opened.said(id, user, turn)
    const reasoned = turn.reasoning === undefined ? said : said.reasoned(id, turn.reasoning)
    const worked = turn.work === undefined ? reasoned : turn.work(reasoned, id)
    const answered = agent === null ? worked : worked.answered(id, agent)
    const counted =
      turn.usage === undefined ? answered : answered.usage(turn.usage === true ? {} : turn.usage, id ?? undefined)
    return id === null ? counted : counted.ended(id, turn.ends ?? "completed", agent)
  }

  private opened(id: string): RolloutBuilder {
    const { cwd, model } = this.state.options
    const root = this.paginated ? { root_turn_id: id } : {}
    return this.with({ turnIds: [...this.state.turnIds, id] }).append(
      {
        type: "event_msg",
        payload: (seconds) => ({
          type: "task_started",
          ...root,
          turn_id: id,
          started_at: seconds,
          model_context_window: 200000,
          collaboration_mode_kind: "default"
        })
      },
      {
        type: "turn_context",
        payload: {
          turn_id: id,
          ...root,
          cwd,
          approval_policy: "never",
          sandbox_policy: { type: "danger-full-access" },
          model,
          summary: "auto"
        }
      }
    )
  }

  private said(id: string | null, user: string, turn: TurnOptions): RolloutBuilder {
    const { images = [], localImages = [], textElements = [] } = turn
    const content = [
      ...(user === "" ? [] : [{ type: "input_text", text: user }]),
      ...images.map((url) => ({ type: "input_image", image_url: url }))
    ]
    const item: BuilderLine = { type: "response_item", payload: { type: "message", role: "user", content } }
    if (!this.paginated) {
      const event = {
        type: "user_message",
        message: user,
        images,
        local_images: localImages,
        text_elements: textElements
      }
      return this.append(item, { type: "event_msg", payload: event })
    }
    return this.append(item).completed(id, "UserMessage", {
      content: [
        ...(user === "" ? [] : [{ type: "text", text: user, text_elements: textElements }]),
        ...images.map((url) => ({ type: "image", image_url: url })),
        ...localImages.map((path) => ({ type: "local_image", path }))
      ]
    })
  }

  private reasoned(id: string | null, text: string): RolloutBuilder {
    const item: BuilderLine = {
      type: "response_item",
      payload: { type: "reasoning", summary: [{ type: "summary_text", text }], encrypted_content: null }
    }
    return this.paginated
      ? this.completed(id, "Reasoning", { summary_text: [text], raw_content: [] }).append(item)
      : this.append({ type: "event_msg", payload: { type: "agent_reasoning", text } }, item)
  }

  private answered(id: string | null, text: string): RolloutBuilder {
    const content = [{ type: "output_text", text }]
    const item: BuilderLine = { type: "response_item", payload: { type: "message", role: "assistant", content } }
    return this.paginated
      ? this.completed(id, "AgentMessage", { content: [{ type: "Text", text }] }).append(item)
      : this.append({ type: "event_msg", payload: { type: "agent_message", message: text } }, item)
  }

  private completed(turnId: string | null, type: string, fields: Readonly<Record<string, unknown>>): RolloutBuilder {
    const { options, lines } = this.state
    return this.append({
      type: "event_msg",
      payload: (seconds) => ({
        type: "item_completed",
        thread_id: options.threadId,
        turn_id: turnId ?? "",
        item: { type, id: uuidAt(options.createdAt, 0x2000 + lines.size), ...fields },
        started_at_ms: seconds * 1000,
        completed_at_ms: seconds * 1000 + 7
      })
    })
  }

  private ended(id: string, ends: NonNullable<TurnOptions["ends"]>, agent: string | null): RolloutBuilder {
    const root = this.paginated ? { root_turn_id: id } : {}
    if (ends === "open") return this
    if (ends === "interrupted") {
      return this.append({
        type: "event_msg",
        payload: (seconds) => ({
          type: "turn_aborted",
          turn_id: id,
          reason: "interrupted",
          completed_at: seconds,
          duration_ms: 1500
        })
      })
    }
    const failure = { message: "the model is not available", codex_error_info: "internal_server_error" }
    const failed = ends === "failed"
    const before = failed && !this.paginated ? this.event({ type: "error", ...failure }) : this
    return before.append({
      type: "event_msg",
      payload: (seconds) => ({
        type: "task_complete",
        ...root,
        turn_id: id,
        last_agent_message: agent,
        ...(failed && this.paginated ? { error: failure } : {}),
        completed_at: seconds,
        duration_ms: 1500
      })
    })
  }

  /** A `token_count` with counters; in paginated history the record that goes before it too, when the turn is given. */
  usage(usage: UsageOptions = {}, turnId?: string): RolloutBuilder {
    const info = tokenInfo(usage.total, usage.last, usage.window, this.paginated)
    const { threadId } = this.state.options
    const record: BuilderLine = {
      type: "token_usage_record",
      payload: {
        thread_id: threadId,
        turn_id: turnId,
        session_id: threadId,
        root_turn_id: turnId,
        response_id: `resp_${this.state.lines.size}`,
        usage: info.last_token_usage,
        turn_token_usage: info.last_token_usage,
        thread_token_usage: info.total_token_usage
      }
    }
    const before = this.paginated && turnId !== undefined ? this.append(record) : this
    return before.event({ type: "token_count", info, rate_limits: null })
  }

  /** A `token_count` that tells rate limits only (`info: null`). */
  rateLimits(): RolloutBuilder {
    const primary = { used_percent: 12.5, window_minutes: 300, resets_at: 1772370000 }
    return this.event({ type: "token_count", info: null, rate_limits: { limit_id: "codex", primary, secondary: null } })
  }

  /** Drops the last `turns` turns (event-style history). */
  rollback(turns: number): RolloutBuilder {
    return this.event({ type: "thread_rolled_back", num_turns: turns })
  }

  /** A compaction inside the turn that is open, or on its own. Without a replacement: the older form. */
  compaction(summary = "summary so far", replacement?: ReadonlyArray<unknown>): RolloutBuilder {
    const replaced = replacement === undefined ? {} : { replacement_history: replacement }
    return this.line("compacted", { message: summary, ...replaced }).event({ type: "context_compacted" })
  }

  /**
   * The rollout that Codex writes for a fork of this thread as it stands: in event-style history a copy of all lines under
   * a meta of its own, in paginated history a reference to them.
   */
  fork(options: Pick<RolloutOptions, "threadId" | "createdAt" | "modifiedAt" | "meta"> = {}): RolloutBuilder {
    const parent = this.state.options
    const createdAt = options.createdAt ?? parent.createdAt + 3_600_000
    const child: State["options"] = {
      ...parent,
      threadId: options.threadId ?? uuidAt(createdAt, 0xf0),
      createdAt,
      modifiedAt: options.modifiedAt,
      meta: options.meta ?? {}
    }
    const forked = { forked_from_id: parent.threadId }
    if (!this.paginated) {
      return start(child, null, forked, this.state.lines, this.state.turnIds)
    }
    const { nextOrdinal } = this.state.lines
    return start(
      child,
      null,
      { ...forked, forked_from_ordinal_exclusive: nextOrdinal, ...this.asBase() },
      null,
      [],
      nextOrdinal
    )
  }

  /** The segment that a revert of a paginated thread begins: it goes on from the thread as it stands in this builder. */
  revert(options: { readonly segmentId?: string; readonly createdAt?: number } = {}): RolloutBuilder {
    const createdAt = options.createdAt ?? this.state.options.createdAt + 1_800_000
    const segmentId = options.segmentId ?? uuidAt(createdAt, 0x5e)
    const { nextOrdinal } = this.state.lines
    return start({ ...this.state.options, createdAt }, segmentId, this.asBase(), null, [], nextOrdinal)
  }

  private asBase(): Readonly<Record<string, unknown>> {
    const { lines, options } = this.state
    const end = {
      end_ordinal_exclusive: lines.nextOrdinal,
      end_byte_offset: new TextEncoder().encode(lines.text).length
    }
    return { history_base: { thread_id: options.threadId, ...end } }
  }

  /** Marks the file as changed at this time (Unix milliseconds). */
  modifiedAt(time: number): RolloutBuilder {
    return this.with({ options: { ...this.state.options, modifiedAt: time } })
  }

  build(): BuiltRollout {
    const { lines, options, segmentId, turnIds } = this.state
    const { folders, name } = newRolloutLocation(this.threadId, options.createdAt)
    const file = segmentId === null ? name : name.replace(/\.jsonl$/, `_${segmentId}.jsonl`)
    return {
      threadId: this.threadId,
      path: options.archived ? `archived_sessions/${file}` : `sessions/${folders.join("/")}/${file}`,
      content: lines.text,
      bytes: new TextEncoder().encode(lines.text),
      modifiedAt: options.modifiedAt ?? lines.time,
      turnIds
    }
  }
}

const start = (
  options: State["options"],
  segmentId: string | null,
  origin: Readonly<Record<string, unknown>>,
  copied: RolloutLines | null,
  turnIds: ReadonlyArray<string>,
  firstOrdinal = 0
): RolloutBuilder => {
  const paginated = options.history === "paginated"
  const own = RolloutLines.empty(options.createdAt, paginated ? firstOrdinal : null)
  const payload = {
    ...(paginated ? { session_id: options.threadId } : {}),
    id: options.threadId,
    ...origin,
    timestamp: DateTime.formatIso(DateTime.makeUnsafe(options.createdAt)),
    cwd: options.cwd,
    originator: options.originator,
    cli_version: options.cliVersion,
    source: options.source,
    model_provider: options.modelProvider,
    ...(paginated ? { history_mode: "paginated" } : {}),
    ...(options.git === undefined ? {} : { git: options.git }),
    ...options.meta
  }
  const headed = own.append([{ type: "session_meta", payload }])
  return new RolloutBuilder({ options, segmentId, turnIds, lines: copied === null ? headed : headed.copy(copied) })
}

/** A rollout with its first line, event-style unless the options say otherwise. */
export const rollout = (options: RolloutOptions = {}): RolloutBuilder => {
  const createdAt = options.createdAt ?? defaultCreatedAt
  const history = options.history ?? "legacy"
  const complete: State["options"] = {
    threadId: uuidAt(createdAt, 0xa),
    archived: false,
    cwd: "/home/dev/project",
    model: "gpt-5.4",
    modelProvider: "openai",
    originator: "rethread_testing",
    cliVersion: history === "paginated" ? "0.169.0" : "0.122.0",
    source: "vscode",
    meta: {},
    ...options,
    createdAt,
    history,
    modifiedAt: options.modifiedAt,
    git: options.git
  }
  return start(complete, null, {}, null, [])
}

/** A rollout of 0.169: items with ids, every line with its ordinal. */
export const paginated = (options: Omit<RolloutOptions, "history"> = {}): RolloutBuilder =>
  rollout({ ...options, history: "paginated" })
