/**
 * Every kind of item, by the event that tells of it in event-style history and by the agent's own item in
 * paginated history.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ThreadItem } from "../../src/domain/ThreadItem.ts"
import { paginated } from "../../src/testing/RolloutBuilder.ts"
import { C, event, project, S, script } from "../support/Script.ts"

type Fields = { readonly [key: string]: unknown }

const times = { startedAtMs: null, completedAtMs: null }
const theItem = (items: ReadonlyArray<ThreadItem> | undefined): ThreadItem => {
  const [item] = items ?? []
  if (item === undefined) throw new Error("no item was made")
  // Every item that is made is one that the protocol knows.
  assert.isTrue(Schema.is(ThreadItem)(item), JSON.stringify(item))
  return item
}
/** The item that an event makes. */
const byEvent = (type: string, fields: Fields): ThreadItem =>
  theItem(project(script([S("T1"), event(type, { turn_id: "T1", ...fields }), C("T1")])).turns[0]?.turn.items)
/** The item that an agent's own item makes. */
const byRecord = (item: Fields): ThreadItem =>
  theItem(
    project(
      paginated()
        .event({ type: "task_started", turn_id: "T1" })
        .event({
          type: "item_completed",
          turn_id: "T1",
          item: { id: "i1", ...item },
          started_at_ms: 5,
          completed_at_ms: 9
        })
    ).turns[0]?.turn.items
  )

const sameBut = (item: ThreadItem): Fields => ({ ...item, ...times })
const check = (item: ThreadItem, expected: Fields) => assert.deepStrictEqual<unknown>(item, expected)
const timed = { startedAtMs: 5, completedAtMs: 9 }

describe("messages", () => {
  const spans = [{ byte_range: { start: 0, end: 2 }, placeholder: "x" }]
  const camelSpans = [{ byteRange: { start: 0, end: 2 }, placeholder: "x" }]

  it("a user's, by event", () => {
    check(
      byEvent("user_message", {
        message: " hi ",
        client_id: "c1",
        text_elements: spans,
        images: ["https://i/1"],
        local_images: ["/i/2"],
        audio: ["https://a/1"],
        local_audio: ["/a/2"]
      }),
      {
        type: "userMessage",
        id: "item-1",
        clientId: "c1",
        content: [
          { type: "text", text: " hi ", text_elements: camelSpans },
          { type: "image", url: "https://i/1", detail: null },
          { type: "localImage", detail: null, path: "/i/2" },
          { type: "audio", url: "https://a/1" },
          { type: "localAudio", path: "/a/2" }
        ],
        ...times
      }
    )
  })

  it("a user's of white space has no text", () => {
    const item = byEvent("user_message", { message: " \n", images: ["https://i/1"] })
    assert.deepStrictEqual(item.type === "userMessage" ? item.content : null, [
      { type: "image", url: "https://i/1", detail: null }
    ])
  })

  it("a user's, by record", () => {
    check(
      byRecord({
        type: "UserMessage",
        client_id: "c1",
        content: [
          { type: "text", text: "hi", text_elements: spans },
          { type: "image", image_url: "https://i/1", detail: "high" },
          { type: "image", file_id: "f1" },
          { type: "local_image", path: "/i/2" },
          { type: "audio", audio_url: "https://a/1" },
          { type: "audio", file_id: "f2" },
          { type: "local_audio", path: "/a/2" },
          { type: "skill", name: "s", path: "/s" },
          { type: "mention", name: "m", path: "/m" },
          { type: "hologram" },
          "none",
          { type: "skill", name: "no path" }
        ]
      }),
      {
        type: "userMessage",
        id: "i1",
        clientId: "c1",
        content: [
          { type: "text", text: "hi", text_elements: camelSpans },
          { type: "image", url: "https://i/1", detail: "high" },
          { type: "image", fileId: "f1", detail: null },
          { type: "localImage", detail: null, path: "/i/2" },
          { type: "audio", url: "https://a/1" },
          { type: "audio", fileId: "f2" },
          { type: "localAudio", path: "/a/2" },
          { type: "skill", name: "s", path: "/s" },
          { type: "mention", name: "m", path: "/m" }
        ],
        ...timed
      }
    )
  })

  it("an agent's, both ways", () => {
    const agent = {
      type: "agentMessage",
      moderation: null,
      text: "hello",
      phase: "final_answer",
      memoryCitation: { entryId: 1 },
      delivery: null,
      questions: null
    }
    check(byEvent("agent_message", { message: "hello", phase: "final_answer", memory_citation: { entry_id: 1 } }), {
      ...agent,
      id: "item-1",
      ...times
    })
    check(
      byRecord({
        type: "AgentMessage",
        content: [{ type: "Text", text: "hel" }, { type: "Text", text: "lo" }, 5],
        phase: "final_answer",
        memory_citation: { entry_id: 1 }
      }),
      { ...agent, id: "i1", ...timed }
    )
  })

  it("reasoning, both ways", () => {
    check(byEvent("agent_reasoning", { text: "because" }), {
      type: "reasoning",
      id: "item-1",
      summary: ["because"],
      content: [],
      ...times
    })
    check(byEvent("agent_reasoning_raw_content", { text: "raw" }), {
      type: "reasoning",
      id: "item-1",
      summary: [],
      content: ["raw"],
      ...times
    })
    check(byRecord({ type: "Reasoning", summary_text: ["because", 5], raw_content: ["raw"] }), {
      type: "reasoning",
      id: "i1",
      summary: ["because"],
      content: ["raw"],
      ...timed
    })
  })

  it("a hook's prompt, a plan, an output of a function", () => {
    check(byRecord({ type: "HookPrompt", fragments: [{ text: "t", hook_run_id: "h" }, 5] }), {
      type: "hookPrompt",
      id: "i1",
      fragments: [{ text: "t", hookRunId: "h" }],
      ...timed
    })
    check(byRecord({ type: "Plan", text: "first this" }), { type: "plan", id: "i1", text: "first this", ...timed })
    check(byRecord({ type: "FunctionCallOutput", name: "f", namespace: "n", output: [1] }), {
      type: "functionCallOutput",
      id: "i1",
      name: "f",
      namespace: "n",
      output: [1],
      ...timed
    })
  })
})

describe("commands", () => {
  const fields = {
    process_id: "12",
    command: ["bash", "-lc", "cat a b"],
    cwd: "/w",
    parsed_cmd: [
      { type: "read", cmd: "cat a", name: "a", path: "a" },
      { type: "list_files", cmd: "ls", path: null },
      { type: "search", cmd: "rg x", query: "x", path: "src" },
      { type: "hologram", cmd: "?" },
      5
    ],
    source: "user_shell",
    status: "failed",
    aggregated_output: "no such file\n",
    exit_code: 1
  }
  const command = {
    type: "commandExecution",
    pluginId: null,
    scriptPath: null,
    command: "bash -lc 'cat a b'",
    cwd: "/w",
    processId: "12",
    source: "userShell",
    status: "failed",
    commandActions: [
      { type: "read", command: "cat a", name: "a", path: "/w/a" },
      { type: "listFiles", command: "ls", path: null },
      { type: "search", command: "rg x", query: "x", path: "src" },
      { type: "unknown", command: "?" }
    ],
    aggregatedOutput: "no such file\n",
    exitCode: 1,
    durationMs: 2003
  }

  it("both ways", () => {
    check(byEvent("exec_command_end", { call_id: "i1", ...fields, duration: { secs: 2, nanos: 3_999_999 } }), {
      ...command,
      id: "i1",
      ...times
    })
    check(byRecord({ type: "CommandExecution", ...fields, duration: { secs: 2, nanos: 3_999_999 } }), {
      ...command,
      id: "i1",
      ...timed
    })
  })

  it("without a status the exit code decides; without output there is none", () => {
    const short = (extra: Fields) => {
      const item = byEvent("exec_command_end", { call_id: "c", command: ["ls"], cwd: "/", ...extra })
      return item.type === "commandExecution" ? [item.status, item.aggregatedOutput, item.durationMs, item.source] : []
    }
    assert.deepStrictEqual(short({ exit_code: 0, aggregated_output: "" }), ["completed", null, null, "agent"])
    assert.deepStrictEqual(short({ exit_code: 2 }), ["failed", null, null, "agent"])
    assert.deepStrictEqual(short({}), ["completed", null, null, "agent"])
  })

  it("paths may be file URLs, with any bytes in them", () => {
    const cwd = (path: string) => {
      const item = byRecord({ type: "CommandExecution", command: ["ls"], cwd: path })
      return item.type === "commandExecution" ? item.cwd : null
    }
    assert.strictEqual(cwd("file:///a%20b/%C3%A9"), "/a b/é")
    assert.strictEqual(cwd("file:///a%2"), "/a%2")
    assert.strictEqual(cwd("/plain%20"), "/plain%20")
  })
})

describe("file changes", () => {
  const changes = {
    "/w/b": { type: "update", unified_diff: "@@", move_path: "/w/c" },
    "/w/a": { type: "add", content: "new" },
    "/w/d": { type: "delete", content: "old" },
    "/w/e": { type: "update", unified_diff: "@@ e" },
    "/w/f": 5
  }
  const shown = [
    { path: "/w/a", kind: { type: "add" }, diff: "new" },
    { path: "/w/b", kind: { type: "update", move_path: "/w/c" }, diff: "@@\n\nMoved to: /w/c" },
    { path: "/w/d", kind: { type: "delete" }, diff: "old" },
    { path: "/w/e", kind: { type: "update", move_path: null }, diff: "@@ e" },
    { path: "/w/f", kind: { type: "update", move_path: null }, diff: "" }
  ]

  it("both ways, sorted by path", () => {
    check(byEvent("patch_apply_end", { call_id: "i1", success: true, changes }), {
      type: "fileChange",
      id: "i1",
      changes: shown,
      status: "completed",
      ...times
    })
    check(byRecord({ type: "FileChange", changes, status: "declined" }), {
      type: "fileChange",
      id: "i1",
      changes: shown,
      status: "declined",
      ...timed
    })
  })

  it("a failure, and none at all", () => {
    const short = (extra: Fields) => {
      const item = byEvent("patch_apply_end", { call_id: "c", ...extra })
      return item.type === "fileChange" ? [item.status, item.changes.length] : []
    }
    assert.deepStrictEqual(short({ success: false }), ["failed", 0])
    assert.deepStrictEqual(short({ success: false, status: "interrupted" }), ["interrupted", 0])
    assert.deepStrictEqual(short({}), ["completed", 0])
  })
})

describe("tools", () => {
  const result = { content: [{ type: "text", text: "ok" }], structured_content: { a: 1 }, meta: { b: 2 } }
  const call = {
    type: "mcpToolCall",
    id: "i1",
    server: "s",
    tool: "t",
    status: "completed",
    arguments: { x: 1 },
    appContext: null,
    mcpAppUi: null,
    pluginId: null,
    readOnlyHint: null,
    result: { content: [{ type: "text", text: "ok" }], structuredContent: { a: 1 }, _meta: { b: 2 } },
    error: null,
    durationMs: 1500
  }
  const invocation = { server: "s", tool: "t", arguments: { x: 1 } }

  it("an MCP call, both ways", () => {
    check(
      byEvent("mcp_tool_call_end", {
        call_id: "i1",
        invocation,
        duration: { secs: 1, nanos: 500_000_000 },
        result: { Ok: result }
      }),
      { ...call, ...times }
    )
    check(
      byRecord({
        type: "McpToolCall",
        ...invocation,
        status: "completed",
        result,
        duration: { secs: 1, nanos: 500_000_000 }
      }),
      { ...call, ...timed }
    )
  })

  it("an MCP call that failed, that was refused, that says nothing", () => {
    const short = (result: unknown) => {
      const item = byEvent("mcp_tool_call_end", { call_id: "c", invocation, result })
      return item.type === "mcpToolCall" ? [item.status, item.error, item.result === null] : []
    }
    assert.deepStrictEqual(short({ Err: "boom" }), ["failed", { message: "boom" }, true])
    assert.deepStrictEqual(short({ Ok: { ...result, isError: true } }), ["failed", null, false])
    assert.deepStrictEqual(short(null), ["failed", null, true])
    const record = byRecord({
      type: "McpToolCall",
      server: "s",
      tool: "t",
      status: "failed",
      error: { message: "boom" }
    })
    assert.deepStrictEqual(record.type === "mcpToolCall" ? record.error : null, { message: "boom" })
  })

  it("a dynamic tool's call, both ways", () => {
    const dynamic = {
      type: "dynamicToolCall",
      id: "i1",
      namespace: "n",
      tool: "t",
      arguments: { x: 1 },
      status: "completed",
      contentItems: [{ type: "inputText", text: "ok" }],
      success: true,
      durationMs: 1500
    }
    const fields = {
      namespace: "n",
      tool: "t",
      arguments: { x: 1 },
      content_items: [{ type: "input_text", text: "ok" }],
      success: true,
      duration: { secs: 1, nanos: 500_000_000 }
    }
    check(byEvent("dynamic_tool_call_response", { call_id: "i1", ...fields }), { ...dynamic, ...times })
    check(byRecord({ type: "DynamicToolCall", ...fields, status: "completed" }), { ...dynamic, ...timed })
    assert.deepInclude(sameBut(byEvent("dynamic_tool_call_response", { call_id: "c", tool: "t", success: false })), {
      status: "failed",
      success: false,
      contentItems: [],
      durationMs: null
    })
  })

  it("a web search, both ways and of every kind", () => {
    const search = (action: unknown, shown: unknown) => {
      check(byEvent("web_search_end", { call_id: "i1", query: "q", action }), {
        type: "webSearch",
        id: "i1",
        query: "q",
        action: shown,
        results: null,
        ...times
      })
      check(byRecord({ type: "WebSearch", query: "q", action, results: [1] }), {
        type: "webSearch",
        id: "i1",
        query: "q",
        action: shown,
        results: [1],
        ...timed
      })
    }
    search({ type: "search", query: "q" }, { type: "search", query: "q", queries: null })
    search({ type: "open_page", url: "u" }, { type: "openPage", url: "u" })
    search({ type: "find_in_page", url: "u", pattern: "p" }, { type: "findInPage", url: "u", pattern: "p" })
    search({ type: "hologram" }, { type: "other" })
    search(null, null)
  })

  it("images, both ways", () => {
    check(byEvent("view_image_tool_call", { call_id: "i1", path: "file:///a%20b" }), {
      type: "imageView",
      id: "i1",
      path: "/a b",
      ...times
    })
    check(byRecord({ type: "ImageView", path: "/a" }), { type: "imageView", id: "i1", path: "/a", ...timed })
    const image = {
      type: "imageGeneration",
      id: "i1",
      status: "completed",
      revisedPrompt: "p",
      result: "b64",
      transparentBackground: null,
      failure: null
    }
    check(
      byEvent("image_generation_end", {
        call_id: "i1",
        status: "completed",
        revised_prompt: "p",
        result: "b64",
        saved_path: "/s"
      }),
      {
        ...image,
        savedPath: "/s",
        generationId: null,
        ...times
      }
    )
    check(
      byRecord({
        type: "ImageGeneration",
        status: "completed",
        revised_prompt: "p",
        result: "b64",
        transparent_background: true,
        failure: { error_code: 1 },
        generation_id: "g"
      }),
      { ...image, transparentBackground: true, failure: { errorCode: 1 }, generationId: "g", ...timed }
    )
  })
})

describe("other agents", () => {
  const sender = "01a202ff-0000-7000-8000-00000000000a"
  const receiver = "01a202ff-0000-7000-8000-00000000000b"
  const collab = (type: string, fields: Fields) =>
    sameBut(byEvent(type, { call_id: "i1", sender_thread_id: sender, ...fields }))

  it("each collaboration event is its tool", () => {
    for (const [type, tool] of [
      ["collab_agent_spawn_end", "spawnAgent"],
      ["collab_agent_interaction_end", "sendInput"],
      ["collab_waiting_end", "wait"],
      ["collab_close_end", "closeAgent"],
      ["collab_resume_end", "resumeAgent"]
    ] as const) {
      assert.deepInclude(
        collab(type, { receiver_thread_id: receiver, new_thread_id: receiver, prompt: "do", status: "completed" }),
        {
          type: "collabAgentToolCall",
          id: "i1",
          tool,
          status: "completed",
          senderThreadId: sender,
          receiverThreadIds: [receiver],
          prompt: "do",
          agentsStates: { [receiver]: { status: "completed", message: null } }
        }
      )
    }
  })

  it("fails when nobody was spawned, or an agent erred", () => {
    assert.deepInclude(collab("collab_agent_spawn_end", { prompt: "" }), {
      status: "failed",
      prompt: null,
      receiverThreadIds: []
    })
    assert.deepInclude(collab("collab_waiting_end", { statuses: { [receiver]: { errored: "boom" } } }), {
      status: "failed",
      receiverThreadIds: [receiver],
      agentsStates: { [receiver]: { status: "errored", message: "boom" } }
    })
  })

  it("by record", () => {
    check(
      byRecord({
        type: "CollabAgentToolCall",
        tool: "send_input",
        status: "in_progress",
        sender_thread_id: sender,
        receiver_thread_ids: [receiver],
        prompt: "do",
        model: "m",
        reasoning_effort: "low",
        agents_states: { [receiver]: "running" }
      }),
      {
        type: "collabAgentToolCall",
        id: "i1",
        tool: "sendInput",
        status: "inProgress",
        senderThreadId: sender,
        receiverThreadIds: [receiver],
        prompt: "do",
        model: "m",
        reasoningEffort: "low",
        agentsStates: { [receiver]: { status: "running", message: null } },
        ...timed
      }
    )
    check(
      byRecord({
        type: "SubAgentActivity",
        kind: "turn_started",
        agent_thread_id: receiver,
        agent_path: "/a",
        model: "m",
        reasoning_effort: "low"
      }),
      {
        type: "subAgentActivity",
        model: "m",
        reasoningEffort: "low",
        id: "i1",
        kind: "turnStarted",
        agentThreadId: receiver,
        agentPath: "/a",
        ...timed
      }
    )
    check(byRecord({ type: "Sleep", duration_ms: 50 }), { type: "sleep", id: "i1", durationMs: 50, ...timed })
  })
})

describe("review and compaction", () => {
  it("both ways", () => {
    check(byEvent("entered_review_mode", { user_facing_hint: "the diff" }), {
      type: "enteredReviewMode",
      id: "item-1",
      review: "the diff",
      ...times
    })
    check(byEvent("entered_review_mode", {}), {
      type: "enteredReviewMode",
      id: "item-1",
      review: "Review requested.",
      ...times
    })
    check(byRecord({ type: "EnteredReviewMode", user_facing_hint: "the diff" }), {
      type: "enteredReviewMode",
      id: "i1",
      review: "the diff",
      ...timed
    })
    check(byEvent("context_compacted", {}), { type: "contextCompaction", id: "item-1", ...times })
    check(byRecord({ type: "ContextCompaction" }), { type: "contextCompaction", id: "i1", ...timed })
  })

  it("the outcome is the explanation, then the findings", () => {
    const outcome = (review_output: unknown) => {
      const item = byEvent("exited_review_mode", { review_output })
      check(byRecord({ type: "ExitedReviewMode", review_output }), { ...item, id: "i1", ...timed })
      return item.type === "exitedReviewMode" ? item.review : null
    }
    assert.strictEqual(outcome(null), "Reviewer failed to output a response.")
    assert.strictEqual(outcome({ overall_explanation: "  " }), "Reviewer failed to output a response.")
    assert.strictEqual(outcome({ overall_explanation: " fine\n" }), "fine")
    const finding = {
      title: "bug",
      body: "a\nb",
      code_location: { absolute_file_path: "/f", line_range: { start: 1, end: 2 } }
    }
    assert.strictEqual(
      outcome({ overall_explanation: "bad", findings: [finding] }),
      "bad\n\nReview comment:\n\n- bug — /f:1-2\n  a\n  b"
    )
    assert.match(
      outcome({ findings: [finding, {}] }) ?? "",
      /^Full review comments:\n\n- bug — \/f:1-2\n  a\n  b\n\n-  — :0-0\n  $/
    )
  })
})

describe("what is not known", () => {
  it("is kept whole", () => {
    const record = { type: "Hologram", id: "i1", beams: [{ x_y: 1 }], __proto: 1 }
    check(byRecord(record), { type: "unknown", id: "i1", kind: "Hologram", record, ...timed })
  })

  it.prop(
    "any fields of any kind of record make an item that the protocol knows",
    {
      kind: Schema.Literals([
        "UserMessage",
        "HookPrompt",
        "AgentMessage",
        "Plan",
        "Reasoning",
        "CommandExecution",
        "FileChange",
        "McpToolCall",
        "DynamicToolCall",
        "FunctionCallOutput",
        "CollabAgentToolCall",
        "SubAgentActivity",
        "WebSearch",
        "ImageView",
        "Sleep",
        "ImageGeneration",
        "EnteredReviewMode",
        "ExitedReviewMode",
        "ContextCompaction",
        "Hologram"
      ]),
      fields: Schema.Record(
        Schema.Literals([
          "content",
          "text",
          "command",
          "cwd",
          "changes",
          "status",
          "result",
          "error",
          "duration",
          "query",
          "action",
          "path",
          "fragments",
          "agents_states",
          "review_output",
          "parsed_cmd",
          "arguments"
        ]),
        Schema.Json
      )
    },
    ({ fields, kind }) => {
      byRecord({ ...fields, type: kind, ...(kind === "Plan" ? { text: "plan" } : {}) })
    }
  )
})
