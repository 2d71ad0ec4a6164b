/**
 * Items of which the rollout says next to nothing, or nonsense: what is shown instead of each field.
 */
import { assert, describe, it } from "@effect/vitest"
import { eventsOfBareItem } from "../../src/domain/BareFormat.ts"
import { commandExecution, fileChanges, localPath } from "../../src/domain/CommandItems.ts"
import { itemOfCall, itemOfRecord } from "../../src/domain/HistoryItem.ts"
import { durationOf, millis, noTimes, status } from "../../src/domain/ItemParts.ts"
import { hookPrompt, userInput } from "../../src/domain/MessageItems.ts"
import { reviewOutcome, reviewRequest } from "../../src/domain/ReviewItems.ts"
import { isContextual, isFromUser, messageText } from "../../src/domain/Said.ts"
import {
  agentsStates,
  camelContent,
  collabCall,
  mcpResult,
  mcpToolCallEnd,
  webSearchAction
} from "../../src/domain/ToolItems.ts"

const times = { startedAtMs: 5, completedAtMs: 9 }
const record = (type: string, fields: object = {}): unknown => itemOfRecord({ type, id: "i", ...fields }, times)

describe("an agent's own item that says nothing", () => {
  const noDuration = { durationMs: null }
  it.each([
    ["UserMessage", "userMessage", { clientId: null, content: [] }],
    ["HookPrompt", "hookPrompt", { fragments: [] }],
    [
      "AgentMessage",
      "agentMessage",
      { moderation: null, text: "", phase: null, memoryCitation: null, delivery: null, questions: null }
    ],
    ["Plan", "plan", { text: "" }],
    ["Reasoning", "reasoning", { summary: [], content: [] }],
    [
      "CommandExecution",
      "commandExecution",
      {
        pluginId: null,
        scriptPath: null,
        command: "",
        cwd: "",
        processId: null,
        source: "agent",
        status: "completed",
        commandActions: [],
        aggregatedOutput: null,
        exitCode: null,
        ...noDuration
      }
    ],
    ["FileChange", "fileChange", { changes: [], status: "inProgress" }],
    [
      "McpToolCall",
      "mcpToolCall",
      {
        server: "",
        tool: "",
        status: "inProgress",
        arguments: null,
        appContext: null,
        mcpAppUi: null,
        pluginId: null,
        readOnlyHint: null,
        result: null,
        error: null,
        ...noDuration
      }
    ],
    [
      "DynamicToolCall",
      "dynamicToolCall",
      {
        namespace: null,
        tool: "",
        arguments: null,
        status: "inProgress",
        contentItems: null,
        success: null,
        ...noDuration
      }
    ],
    ["FunctionCallOutput", "functionCallOutput", { name: "", namespace: null, output: "" }],
    [
      "CollabAgentToolCall",
      "collabAgentToolCall",
      {
        tool: "",
        status: "inProgress",
        senderThreadId: "",
        receiverThreadIds: [],
        prompt: null,
        model: null,
        reasoningEffort: null,
        agentsStates: {}
      }
    ],
    [
      "SubAgentActivity",
      "subAgentActivity",
      { model: null, reasoningEffort: null, kind: "", agentThreadId: "", agentPath: "" }
    ],
    ["WebSearch", "webSearch", { query: "", action: null, results: null }],
    ["ImageView", "imageView", { path: "" }],
    ["Sleep", "sleep", { durationMs: 0 }],
    [
      "ImageGeneration",
      "imageGeneration",
      { status: "", revisedPrompt: null, result: "", transparentBackground: null, failure: null, generationId: null }
    ],
    ["EnteredReviewMode", "enteredReviewMode", { review: "Review requested." }],
    ["ExitedReviewMode", "exitedReviewMode", { review: "Reviewer failed to output a response." }],
    ["ContextCompaction", "contextCompaction", {}],
    ["New", "unknown", { kind: "New", record: { type: "New", id: "i" } }]
  ] as const)("%s", (type, shown, fields) => {
    assert.deepStrictEqual(record(type), { type: shown, id: "i", ...fields, ...times })
  })

  it("and one whose parts say nothing", () => {
    assert.deepInclude(record("HookPrompt", { fragments: ["no", {}] }), { fragments: [{ text: "", hookRunId: "" }] })
    assert.deepInclude(record("AgentMessage", { content: ["no", {}, { text: "a" }] }), { text: "a" })
    assert.deepInclude(record("McpToolCall", { error: { message: "m" }, status: "failed", arguments: [] }), {
      error: { message: "m" },
      status: "failed",
      arguments: []
    })
    assert.deepInclude(record("McpToolCall", { error: "m" }), { error: { message: "m" } })
    assert.deepInclude(record("McpToolCall", { error: 7 }), { error: null })
    assert.deepInclude(record("DynamicToolCall", { success: false, content_items: [], status: "completed" }), {
      success: false,
      contentItems: [],
      status: "completed"
    })
    assert.deepInclude(record("ImageGeneration", { transparent_background: true, saved_path: "/p" }), {
      transparentBackground: true,
      savedPath: "/p"
    })
    assert.deepInclude(record("ImageGeneration", { transparent_background: "yes" }), { transparentBackground: null })
    assert.deepInclude(record("CommandExecution", { status: "declined", exit_code: 1 }), { status: "declined" })
  })
})

describe("a call's event that says nothing", () => {
  it("of a command, an image, a search, a dynamic tool", () => {
    assert.deepInclude<object>(
      itemOfCall({ type: "exec_command_end", call_id: "c", command: ["ls"], cwd: "/w", exit_code: 1 }),
      { processId: null, commandActions: [], status: "failed", exitCode: 1, durationMs: null, aggregatedOutput: null }
    )
    assert.deepInclude<object>(itemOfCall({ type: "web_search_end", call_id: "c" }), { query: "", action: null })
    assert.deepInclude<object>(itemOfCall({ type: "dynamic_tool_call_response", call_id: "c", tool: "t" }), {
      namespace: null,
      arguments: null,
      status: "completed",
      contentItems: [],
      success: null,
      durationMs: null
    })
  })

  it("of an MCP call", () => {
    const end = (result: unknown) =>
      mcpToolCallEnd({ type: "mcp_tool_call_end", call_id: "c", invocation: { server: "s", tool: "t" }, result })
    const short = (result: unknown) => {
      const { error, result: shown, status } = end(result)
      return [status, shown?.content ?? null, error]
    }
    assert.deepStrictEqual(short({ Ok: { content: [1] } }), ["completed", [1], null])
    assert.deepStrictEqual(short({ Ok: { is_error: true } }), ["failed", [], null])
    assert.deepStrictEqual(short({ Ok: { isError: true } }), ["failed", [], null])
    assert.deepStrictEqual(short({ Ok: { isError: false } }), ["completed", [], null])
    assert.deepStrictEqual(short({ Err: "m" }), ["failed", null, { message: "m" }])
    assert.deepStrictEqual(short({ Err: 7 }), ["failed", null, null])
    assert.deepStrictEqual(short("nothing"), ["failed", null, null])
    assert.strictEqual(mcpResult("none"), null)
    assert.deepStrictEqual(mcpResult({ structured_content: 1, meta: 2 }), {
      content: [],
      structuredContent: 1,
      _meta: 2
    })
    assert.deepStrictEqual(mcpResult({ structuredContent: 1, _meta: 2, structured_content: 3, meta: 4 }), {
      content: [],
      structuredContent: 1,
      _meta: 2
    })
    assert.deepStrictEqual(mcpResult({}), { content: [], structuredContent: null, _meta: null })
  })

  it("of a call to other agents", () => {
    const call = (fields: object) =>
      collabCall({ type: "collab_waiting_end", call_id: "c", sender_thread_id: "s", ...fields })
    assert.deepInclude<object>(call({}), { status: "completed", receiverThreadIds: [], agentsStates: {}, prompt: null })
    assert.deepInclude<object>(call({ prompt: "" }), { prompt: null })
    assert.deepInclude<object>(call({ prompt: "p", model: "m", reasoning_effort: "low" }), {
      prompt: "p",
      model: "m",
      reasoningEffort: "low"
    })
    assert.deepInclude<object>(call({ receiver_thread_id: "r", status: "running" }), {
      receiverThreadIds: ["r"],
      agentsStates: { r: { status: "running", message: null } },
      status: "completed"
    })
    assert.deepInclude<object>(call({ statuses: { a: { errored: "m" }, b: "running" } }), {
      receiverThreadIds: ["a", "b"],
      status: "failed"
    })
    assert.deepInclude<object>(call({ receiver_thread_ids: ["x"], statuses: {} }), { receiverThreadIds: ["x"] })
  })

  it("of the states of other agents and of a search", () => {
    assert.deepStrictEqual(agentsStates(7), {})
    assert.deepStrictEqual(
      agentsStates({ a: "pending_init", b: { completed: "m" }, c: { completed: 7 }, d: {}, e: 7 }),
      {
        a: { status: "pendingInit", message: null },
        b: { status: "completed", message: "m" },
        c: { status: "completed", message: null },
        d: { status: "notFound", message: null },
        e: { status: "notFound", message: null }
      }
    )
    assert.strictEqual(webSearchAction("search"), null)
    assert.deepStrictEqual(webSearchAction({ type: "search" }), { type: "search", query: null, queries: null })
    assert.deepStrictEqual(webSearchAction({ type: "open_page" }), { type: "openPage", url: null })
    assert.deepStrictEqual(webSearchAction({ type: "find_in_page" }), { type: "findInPage", url: null, pattern: null })
    assert.deepStrictEqual(webSearchAction({}), { type: "other" })
    assert.deepStrictEqual(camelContent({ type: "input_text", a_b: 1 }), { type: "inputText", aB: 1 })
    assert.deepStrictEqual(camelContent({ type: 7 }), { type: 7 })
    assert.strictEqual(camelContent("x"), "x")
  })
})

describe("a command", () => {
  const shown = (cwd: string, action: unknown) => {
    const { commandActions } = commandExecution(
      {
        id: "c",
        processId: null,
        command: [],
        cwd,
        actions: [action],
        source: null,
        status: null,
        output: null,
        exitCode: 0,
        durationMs: null
      },
      noTimes
    )
    return commandActions[0]
  }
  const read = (cwd: string, fields: object) => {
    const action = shown(cwd, { type: "read", ...fields })
    return action?.type === "read" ? action.path : null
  }

  it("reads a file within its directory", () => {
    assert.strictEqual(read("/w", { path: "a" }), "/w/a")
    assert.strictEqual(read("/w/", { path: "./a" }), "/w/a")
    assert.strictEqual(read("/w", { path: "/a" }), "/a")
    assert.strictEqual(read("", { path: "./a" }), "./a")
    assert.strictEqual(read("/w", { name: "n" }), "/w/n")
    assert.strictEqual(read("/w", {}), "/w/")
    assert.strictEqual(read("file:///w%20x", { path: "a" }), "/w x/a")
  })

  it("has actions with what is known of them", () => {
    assert.strictEqual(shown("/w", "nothing"), undefined)
    assert.deepStrictEqual<unknown>(shown("/w", { type: "read", cmd: "cat", command: "no" }), {
      type: "read",
      command: "cat",
      name: "",
      path: "/w/"
    })
    assert.deepStrictEqual<unknown>(shown("/w", { type: "list_files", command: "ls" }), {
      type: "listFiles",
      command: "ls",
      path: null
    })
    assert.deepStrictEqual<unknown>(shown("/w", { type: "search" }), {
      type: "search",
      command: "",
      query: null,
      path: null
    })
    assert.deepStrictEqual<unknown>(shown("/w", { type: "new" }), { type: "unknown", command: "" })
  })

  it("is where its path says, if that can be read", () => {
    assert.strictEqual(localPath("/a%20b"), "/a%20b")
    assert.strictEqual(localPath("file:///a%20b"), "/a b")
    assert.strictEqual(localPath("file:///a%zz"), "/a%zz")
  })
})

describe("changes of files", () => {
  it("are sorted, and what they do not say is empty", () => {
    assert.deepStrictEqual(fileChanges("none"), [])
    assert.deepStrictEqual<unknown>(
      fileChanges({
        b: { type: "update", unified_diff: "d", move_path: "/c" },
        a: { type: "add" },
        "file:///x%20y": { type: "delete", content: "c" },
        c: 7
      }),
      [
        { path: "/x y", kind: { type: "delete" }, diff: "c" },
        { path: "a", kind: { type: "add" }, diff: "" },
        { path: "b", kind: { type: "update", move_path: "/c" }, diff: "d\n\nMoved to: /c" },
        { path: "c", kind: { type: "update", move_path: null }, diff: "" }
      ]
    )
  })
})

describe("durations and statuses", () => {
  it("are whole milliseconds, and null where there are none", () => {
    assert.strictEqual(millis(null), null)
    assert.strictEqual(millis(undefined), null)
    assert.strictEqual(millis({ secs: 2, nanos: 1_999_999 }), 2001)
    assert.strictEqual(durationOf({}), null)
    assert.strictEqual(durationOf({ duration_ms: 7 }), 7)
    assert.strictEqual(durationOf({ duration: {}, duration_ms: 7 }), 0)
    assert.strictEqual(durationOf({ duration: { secs: 1, nanos: 5_000_000 } }), 1005)
  })

  it("are the protocol's words", () => {
    for (const [word, shown] of [
      ["in_progress", "inProgress"],
      ["completed", "completed"],
      ["failed", "failed"],
      ["declined", "declined"],
      ["interrupted", "interrupted"]
    ] as const) {
      assert.strictEqual(status(word, "completed"), shown)
    }
    for (const none of [null, undefined, "", "new"]) assert.strictEqual(status(none, "failed"), "failed")
  })
})

describe("what a user sent", () => {
  it("is a part of a known kind, or none", () => {
    for (const none of ["text", null, {}, { type: "new" }, { type: "local_image" }, { type: "local_audio" }]) {
      assert.strictEqual(userInput(none), null)
    }
    for (const type of ["skill", "mention"]) {
      assert.strictEqual(userInput({ type, name: "n" }), null)
      assert.strictEqual(userInput({ type, path: "/p" }), null)
      assert.deepStrictEqual<unknown>(userInput({ type, name: "n", path: "/p" }), { type, name: "n", path: "/p" })
    }
    assert.deepStrictEqual<unknown>(userInput({ type: "text" }), { type: "text", text: "", text_elements: [] })
    assert.deepStrictEqual<unknown>(userInput({ type: "image", url: "u" }), { type: "image", url: "u", detail: null })
    assert.deepStrictEqual<unknown>(userInput({ type: "image" }), { type: "image", detail: null })
    assert.deepStrictEqual<unknown>(userInput({ type: "audio", url: "u", file_id: "f" }), {
      type: "audio",
      url: "u",
      fileId: "f"
    })
    assert.deepStrictEqual<unknown>(userInput({ type: "audio" }), { type: "audio" })
  })

  it("is a hook's prompt when every part of it is one", () => {
    const part = (text: string) => ({ type: "input_text", text })
    const prompt = (...content: ReadonlyArray<unknown>) => hookPrompt({ type: "message", role: "user", content }, "i")
    const hook = '<hook_prompt hook_run_id="a&quot;&amp;">&lt;b&gt; &apos;&amp;lt;\n&nbsp;</hook_prompt>'
    assert.deepStrictEqual<unknown>(prompt(part(hook)), {
      type: "hookPrompt",
      id: "i",
      fragments: [{ text: "<b> '&lt;\n&nbsp;", hookRunId: 'a"&' }],
      ...noTimes
    })
    for (const none of [
      prompt(),
      prompt(part("x")),
      prompt(part(hook), part("x")),
      prompt(part(` ${hook}`)),
      prompt(7)
    ]) {
      assert.strictEqual(none, null)
    }
    const content = [part(hook)]
    assert.strictEqual(hookPrompt({ type: "message", role: "assistant", content }, "i"), null)
    assert.strictEqual(hookPrompt({ type: "other", role: "user", content }, "i"), null)
  })

  it("is not what Codex put there itself", () => {
    for (const head of [
      "<environment_context>",
      "<user_instructions>",
      "# AGENTS.md instructions",
      "<skill>",
      "<user_shell_command>",
      "<turn_aborted>",
      "<subagent_notification>",
      "<skills_instructions>",
      "<permissions instructions>"
    ]) {
      assert.isTrue(isContextual(` \n${head} and more`), head)
      assert.isFalse(isContextual(`x ${head}`))
    }
    const message = (fields: object) =>
      isFromUser({ type: "message", role: "user", content: [{ text: "a" }], ...fields })
    assert.isTrue(message({}))
    assert.isFalse(message({ role: "assistant" }))
    assert.isFalse(message({ type: "other" }))
    assert.isFalse(message({ content: [{ text: "<skill>" }] }))
    assert.strictEqual(messageText({ content: [{ text: "a" }, "b", { text: 7 }, { text: "c" }] }), "ac")
    assert.strictEqual(messageText({ content: "a" }), "")
  })
})

describe("a review", () => {
  it("is asked for in words, or in the usual ones", () => {
    assert.strictEqual(reviewRequest("look"), "look")
    assert.strictEqual(reviewRequest(null), "Review requested.")
    assert.strictEqual(reviewRequest(undefined), "Review requested.")
  })

  it("comes out as its explanation and its findings, each with its place", () => {
    const none = "Reviewer failed to output a response."
    assert.strictEqual(reviewOutcome("x"), none)
    assert.strictEqual(reviewOutcome({ overall_explanation: " " }), none)
    assert.strictEqual(reviewOutcome({ overall_explanation: " fine " }), "fine")
    assert.strictEqual(reviewOutcome({ findings: [{}] }), "Review comment:\n\n-  — :0-0\n  ")
    assert.strictEqual(reviewOutcome({ findings: ["x"] }), none)
    const found = {
      title: "t",
      body: "a\nb",
      code_location: { absolute_file_path: "/p", line_range: { start: 1, end: 2 } }
    }
    assert.strictEqual(
      reviewOutcome({ overall_explanation: "e", findings: [found, { ...found, code_location: { line_range: {} } }] }),
      "e\n\nFull review comments:\n\n- t — /p:1-2\n  a\n  b\n\n- t — :0-0\n  a\n  b"
    )
  })
})

describe("an item of the oldest format", () => {
  it("is what a person saw of it", () => {
    const user = { type: "message", role: "user", content: [{ text: "a" }, 7, {}, { text: "b" }] }
    assert.deepStrictEqual<unknown>(eventsOfBareItem(user), [{ type: "user_message", message: "ab" }])
    assert.deepStrictEqual<unknown>(eventsOfBareItem({ ...user, role: "assistant" }), [
      { type: "agent_message", message: "ab" }
    ])
    assert.deepStrictEqual<unknown>(
      eventsOfBareItem({ type: "reasoning", summary: [{ text: "a" }, { text: "b" }], content: [{ text: "c" }] }),
      [
        { type: "agent_reasoning", text: "a" },
        { type: "agent_reasoning", text: "b" }
      ]
    )
    for (const nothing of [
      { ...user, role: "system" },
      { ...user, type: "other" },
      { ...user, content: [{ text: "<skill>" }] },
      { type: "reasoning", summary: "a" }
    ]) {
      assert.deepStrictEqual(eventsOfBareItem(nothing), [])
    }
  })
})
