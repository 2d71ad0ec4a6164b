/**
 * Lines that were skimmed tell the projections the same as lines that were read whole, whatever is odd about them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { LineKind, LineTable } from "../../src/domain/LineTable.ts"
import * as SessionProjection from "../../src/domain/SessionProjection.ts"
import { uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { am, bytesOf, metaOf, rawLines, rb, readLines, S, script, U, um } from "../support/Script.ts"
import { Line, linesOf, skimInto } from "../support/SkimLines.ts"
import { told } from "../support/Told.ts"

type Mode = "legacy" | "paginated"

/** The rollout read whole, and skimmed where that goes, in chunks of `size` bytes; `taken`: how many lines that were. */
const both = (bytes: Uint8Array, mode: Mode = "legacy", size = bytes.length) => {
  const lines = readLines(bytes)
  const full = SessionProjection.make(metaOf(lines), mode)
  for (const line of lines) full.step(line, 0)

  const skimmed = SessionProjection.make(metaOf(lines), mode)
  const taken = skimInto(skimmed, bytes, size).reduce((sum, lines) => sum + lines, 0)
  return { full, skimmed, taken }
}

const agree = (bytes: Uint8Array, mode?: Mode, size?: number) => {
  const { full, skimmed, taken } = both(bytes, mode, size)
  if (!skimmed.isUncertain()) assert.deepStrictEqual(told(skimmed), told(full))
  return taken
}

const Mode = Schema.Literals(["legacy", "paginated"])
const Size = Schema.Int.check(Schema.isBetween({ minimum: 40, maximum: 4000 }))
const started: Line = {
  kind: { is: "task_started", turn: 0, at: 1_772_359_200, window: 200_000 },
  twist: { does: "nothing" }
}

// The first words are read, for they are the preview.
const greeting: Line = {
  kind: { is: "user_message", text: "hello", images: "none", local_images: "none", audio: "none", elements: "none" },
  twist: { does: "nothing" }
}
const begun = [started, greeting]

describe("skimming any lines", () => {
  it.prop(
    "tells what reading them tells",
    { lines: Schema.Array(Line).check(Schema.isMaxLength(30)), mode: Mode, size: Size, forked: Schema.Boolean },
    ({ forked, lines, mode, size }) => {
      const meta = forked ? { meta: { forked_from_id: uuidAt(0, 1) } } : {}
      agree(linesOf(lines, meta), mode, size)
    },
    { arbitrary: { runs: 400, size: 40 } }
  )

  it.prop(
    "also in a turn of its own",
    { lines: Schema.Array(Line).check(Schema.isMaxLength(12)), mode: Mode },
    ({ lines, mode }) => {
      agree(linesOf([...begun, ...lines]), mode)
    },
    { arbitrary: { runs: 400, size: 20 } }
  )

  it.prop(
    "one line that is wrong in one way",
    { line: Line },
    ({ line }) => {
      agree(linesOf([...begun, line]))
    },
    { arbitrary: { runs: 1500 } }
  )

  const Chapter = Schema.Union([
    Schema.Struct({ turn: Schema.Literals([0, 1, 2, 3]), spent: Schema.Array(Schema.Literals([100, 200, 300])) }),
    Schema.Struct({ back: Schema.Literals([1, 2]) })
  ])
  it.prop(
    "keeps the figures of every turn, for it may be the last that survives",
    { story: Schema.Array(Chapter).check(Schema.isMaxLength(12)) },
    ({ story }) => {
      const steps = story.flatMap((chapter, n) =>
        "back" in chapter
          ? [rb(chapter.back)]
          : [S(`T${chapter.turn}`), um(`${n}`), ...chapter.spent.map((total) => U(total + n)), am(`so ${n}`)]
      )
      agree(script(steps).build().bytes)
    }
  )
})

const time = "2026-03-01T10:00:00.000Z"
const lineOf = (type: string, payload: string) => `{"timestamp":"${time}","type":"${type}","payload":${payload}}`
const event = (type: string, rest: string) => lineOf("event_msg", `{"type":"${type}",${rest}}`)
const figures =
  '{"total_token_usage":{"input_tokens":1,"cached_input_tokens":2,"output_tokens":3,"reasoning_output_tokens":4,"total_tokens":5}' +
  ',"last_token_usage":{"input_tokens":1,"cached_input_tokens":2,"cache_write_input_tokens":6,"output_tokens":3,' +
  '"reasoning_output_tokens":4,"total_tokens":5},"model_context_window":258400}'
const context =
  '{"turn_id":"T1","cwd":"/home/dev","approval_policy":"never","sandbox_policy":{"type":"read-only"},"model":"m","summary":"auto"}'

const before = linesOf(begun)
const linesBefore = rawLines(before).length

/** What the line is known as, if it is taken by that in a turn that goes on; it tells what reading it tells. */
const skimmedAs = (text: string) => {
  const bytes = bytesOf(`${text}\n`)
  const table = LineTable.borrow()
  table?.lay(bytes, 0)
  assert.strictEqual(table?.look(), 1)
  const kind = table?.kind(0)
  table?.giveBack()
  const taken = agree(Uint8Array.from([...before, ...bytes]))
  // All but the first line.
  return taken === linesBefore ? Object.entries(LineKind).find(([, number]) => number === kind)?.[0] : null
}

const taken = [
  ["agentReasoning", event("agent_reasoning", '"text":"**Because** of \\"this\\" and é"')],
  ["agentMessage", event("agent_message", '"message":"done","phase":"final_answer","memory_citation":null')],
  ["agentMessage", event("agent_message", '"message":"as it was written before there were phases"')],
  [
    "userMessage",
    event("user_message", '"message":"go","images":["data:x"],"local_images":[],"audio":null,"text_elements":[]')
  ],
  ["userMessage", event("user_message", '"message":"go on now","client_id":"c-1"')],
  ["tokenCount", event("token_count", `"info":${figures},"rate_limits":null`)],
  ["tokenCount", event("token_count", `"info":${figures}`)],
  ["taskStarted", event("task_started", '"turn_id":"T1","started_at":1772359200,"model_context_window":200000')],
  ["taskComplete", event("task_complete", '"turn_id":"T1","last_agent_message":"done","duration_ms":12')],
  ["turnContext", lineOf("turn_context", context)],
  ["item", lineOf("response_item", '{"type":"reasoning","summary":[],"encrypted_content":"gAAA"}')],
  [
    "userItem",
    lineOf("response_item", '{"type":"message","role":"user","content":[{"type":"input_text","text":"go"}]}')
  ]
] as const

describe("skimming one line", () => {
  for (const [kind, text] of taken) {
    it(`takes ${kind}: ${text.slice(44, 130)}`, () => {
      assert.strictEqual(skimmedAs(text), kind)
    })
  }

  for (const [what, text] of [
    ["a total that is a guess", event("token_count", `"info":${figures.replaceAll(/_tokens":[1-46]/g, '_tokens":0')}`)],
    ["figures with limits only", event("token_count", '"info":null,"rate_limits":{"limit_id":"codex"}')],
    ["figures that were carried over", event("token_count", `"carried_over":"x","info":${figures},"rate_limits":null`)],
    ["a second type", event("agent_message", '"message":"done","type":"agent_reasoning","text":"because"')],
    ["a key that is spelled with an escape", event("agent_message", '"message":"done","phas\\u0065":"final_answer"')],
    ["a citation", event("agent_message", '"message":"done and cited","memory_citation":{"entries":[]}')],
    ["a quote inside a time", event("agent_reasoning", '"text":"because"').replace("10:00:00", '10:0"0:00')],
    ["a control byte inside a time", event("agent_reasoning", '"text":"because"').replace("10:00:0", "10:00:\u0001")],
    [
      "an ordinal with a zero in front",
      event("agent_reasoning", '"text":"because"').replace('"type"', '"ordinal":07,"type"')
    ],
    ["a message of white space only", event("user_message", '"message":" \\n\\t ","images":[],"local_images":[]')],
    ["a turn without a name", event("task_started", '"turn_id":"","started_at":1772359200')],
    [
      "somebody who approves and has no name",
      lineOf("turn_context", context.replace('"model"', '"approvals_reviewer":5,"model"'))
    ],
    [
      "a message of white space only that is spelled with escapes",
      event("user_message", '"message":"\\u0020\\u000A\\u3000 ","images":[],"local_images":[]')
    ],
    [
      "such a message with something attached",
      event("user_message", '"message":"\\u00a0","images":["data:x"],"local_images":[],"text_elements":[]')
    ],
    ["a bracket where there should be a comma", event("agent_message", '"message":"done"').replace(',"mess', '{"mess')],
    ["an error at the end of a turn", event("task_complete", '"turn_id":"T1","error":{"message":"no"}')],
    ["a context without a summary", lineOf("turn_context", context.replace(',"summary":"auto"', ""))],
    [
      "what Codex said under the user's name",
      lineOf("response_item", '{"type":"message","role":"user","content":[{"type":"input_text","text":"<skill>"}]}')
    ]
  ] as const) {
    it(`leaves alone ${what}`, () => {
      assert.isNull(skimmedAs(text))
    })
  }

  it.prop(
    "any byte of it may be another",
    { at: Schema.Natural, byte: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })) },
    ({ at, byte }) => {
      const lines = [
        event("agent_message", '"message":"é \\u0041 😀","phase":null'),
        event("task_complete", '"turn_id":"T0","last_agent_message":"done","duration_ms":12,"completed_at":4'),
        lineOf("turn_context", context),
        event("token_count", `"info":${figures}`)
      ]
      const text = `${lines.join("\n")}\n`
      const bytes = bytesOf(text)
      const place = at % bytes.length
      if (byte !== 0x0a && bytes[place] !== 0x0a) bytes[place] = byte
      agree(Uint8Array.from([...linesOf(begun), ...bytes]))
    },
    { arbitrary: { runs: 1500 } }
  )

  it("sees what changes between turns that run under the same settings", () => {
    const by = (reviewer: string) =>
      lineOf("turn_context", context.replace('"model"', `"approvals_reviewer":"${reviewer}","model"`))
    const settings = event(
      "thread_settings_applied",
      '"thread_settings":{"model":"other","cwd":"/other","approval_policy":"never"}'
    )
    for (const lines of [
      [by("user"), by("auto_review")],
      [by("user"), by("user"), by("auto_review"), by("user")],
      [by("user"), settings, by("user")],
      [context, settings].map((line, at) => (at === 0 ? lineOf("turn_context", line) : line)),
      [lineOf("turn_context", context), settings, lineOf("turn_context", context)]
    ]) {
      agree(Uint8Array.from([...linesOf(begun), ...bytesOf(`${lines.join("\n")}\n`)]))
    }
  })

  it("counts from 0", () => {
    const numbered = (ordinal: number, line: string) => line.replace('"type"', `"ordinal":${ordinal},"type"`)
    const first = event("task_started", '"turn_id":"T1","started_at":1772359200')
    const said = event("user_message", '"message":"go on now","client_id":"c-1"')
    for (const lines of [
      [numbered(0, first), numbered(1, said)],
      [numbered(0, said), numbered(1, first)]
    ]) {
      for (const mode of ["legacy", "paginated"] as const) {
        agree(Uint8Array.from([...linesOf([]), ...bytesOf(`${lines.join("\n")}\n`)]), mode)
      }
    }
  })

  it("leaves nothing behind for the next one", () => {
    const six = event("token_count", `"info":${figures.replace('"output', '"cache_write_input_tokens":7,"output')}`)
    for (const first of [six, ...taken.map(([, text]) => text)]) {
      for (const [, second] of taken) agree(Uint8Array.from([...linesOf(begun), ...bytesOf(`${first}\n${second}\n`)]))
    }
  })

  it("takes them however many there are, and however long", () => {
    const because = event("agent_reasoning", '"text":"because"')
    const item = lineOf("response_item", '{"type":"reasoning","summary":[],"encrypted_content":"gAAA"}')
    const long = (characters: number) => event("agent_message", `"message":"${"é \\n".repeat(characters / 4)}"`)
    const asked = lineOf(
      "response_item",
      '{"type":"message","role":"user","content":[{"type":"input_text","text":"go"}]}'
    )
    const figured = event("token_count", `"info":${figures}`)
    const many = Array.from({ length: 2600 }, (_, at) => [because, item, figured, asked][at % 4])
    // More than a table has room to print, and lines that are longer than one.
    const large = [
      long(400_000),
      because,
      long(400_000),
      long(600_000),
      item,
      long(1_500_000),
      because,
      long(3_000_000)
    ]
    for (const lines of [many, large, [...many, ...large, ...many]]) {
      const bytes = Uint8Array.from([...linesOf(begun), ...bytesOf(`${lines.join("\n")}\n`)])
      for (const size of [bytes.length, 1_000_000, 100_000]) {
        assert.strictEqual(agree(bytes, "legacy", size), lines.length + 2)
      }
    }
  })

  it("most of what is written is taken", () => {
    const text = [event("agent_reasoning", '"text":"because"'), event("agent_message", '"message":"yes, it is"')]
    const bytes = Uint8Array.from([...linesOf(begun), ...bytesOf(`${text.join("\n")}\n`)])
    // All but the first line.
    assert.strictEqual(agree(bytes), rawLines(bytes).length - 1)
  })
})

const isTaken = (kind: string, text: string) => assert.strictEqual(skimmedAs(text), kind, text)
const isLeft = (text: string) => assert.isNull(skimmedAs(text), text)

describe("skimming figures", () => {
  const counts = figures.match(/_tokens":\d/g) ?? []
  /** The figures with another value for one of them. */
  const withCount = (at: number, value: string) => {
    let n = 0
    return event("token_count", `"info":${figures.replace(/(?<=_tokens":)\d/g, (old) => (n++ === at ? value : old))}`)
  }

  it("takes any count of up to 15 digits", () => {
    assert.strictEqual(counts.length, 11)
    for (let at = 0; at < counts.length; at++) {
      for (const value of ["0", "10", "999999999999999", "562949953421311"]) isTaken("tokenCount", withCount(at, value))
    }
  })

  it("leaves alone what is no count, or a long one", () => {
    for (let at = 0; at < counts.length; at++) {
      for (const value of ["", "00", "-1", "1.5", "null", '"1"', "1000000000000000"]) isLeft(withCount(at, value))
    }
  })

  it("adds up the parts of a total", () => {
    const none = figures.replaceAll(/_tokens":[1-46]/g, '_tokens":0')
    isTaken("tokenCount", event("token_count", `"info":${none.replaceAll('"total_tokens":5', '"total_tokens":0')}`))
    const parts = ["input", "cached_input", "output", "reasoning_output"]
    for (const part of parts) {
      for (const value of ["1", "999999999999999"]) {
        const one = none.replaceAll(`"${part}_tokens":0`, `"${part}_tokens":${value}`)
        isTaken("tokenCount", event("token_count", `"info":${one}`))
      }
    }
  })

  it("knows by what follows them that nothing else does", () => {
    const line = event("token_count", `"info":${figures}`)
    isTaken("tokenCount", line)
    isTaken("tokenCount", event("token_count", `"info":${figures},"rate_limits":null`))
    isLeft(event("token_count", `"info":${figures},"carried_over":"x"`))
    isLeft(event("token_count", `"info":${figures}}`))
    isLeft(line.slice(0, -1))
    isLeft(line.replace(/}}}$/, ",}}"))
  })
})

describe("skimming what a user said", () => {
  const said = (text: string) => event("user_message", `"message":"${text}","images":[]`)

  it("takes it by a character that can be seen, however others are spelled", () => {
    for (const text of ["x", "!", "~", "   x", "\\n\\t x", "\\u0020x", "\\u000a\\u0009 x", "é\\u00a0x", "\\\\x"]) {
      isTaken("userMessage", said(text))
    }
  })

  it("leaves it alone without one", () => {
    for (const text of ["", " ", "\\n", "\\r\\n\\t", "\\u0020", "\\u0041", "\u00a0", "\u3000 ", "\u007f"]) {
      isLeft(said(text))
    }
  })
})

describe("skimming members", () => {
  const events = [
    ["agent_reasoning", "agentReasoning", '"text":"because"'],
    ["agent_message", "agentMessage", '"message":"it is done"'],
    ["user_message", "userMessage", '"message":"go on then"'],
    ["task_started", "taskStarted", '"turn_id":"T1"'],
    ["task_complete", "taskComplete", '"turn_id":"T1"']
  ] as const

  it("takes no notice of others, however long their keys", () => {
    for (const [type, kind, member] of events) {
      for (let length = 0; length < 30; length++) {
        const other = `"${"k".repeat(length)}":"x"`
        isTaken(kind, event(type, `${member},${other}`))
        isTaken(kind, event(type, `${other},${member}`))
      }
    }
  })

  it("knows them by commas between, and brackets around", () => {
    for (const [type, , member] of events) {
      const line = event(type, `${member},"x":"y"`)
      const behind = line.indexOf('"type"')
      for (const { index } of line.matchAll(/[,:{}"]/g)) {
        if (index < behind) continue
        for (const other of '{}[],:" x') {
          if (line[index] !== other) isLeft(line.slice(0, index) + other + line.slice(index + 1))
        }
      }
    }
  })
})
