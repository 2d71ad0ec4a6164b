/**
 * What slow and dead clients do to the others: 200 WebSocket clients of one server, 20 threads in which turns run all the
 * time. First all clients are fast, and then a third of them slow or dead for a minute.
 *
 *     npm run load [-- --clients 200 --threads 20 --seconds 60]
 *
 * Every client checks all that it is told: each piece of text in order and once, no event outside its turn, the whole
 * message equal to its pieces and to what was asked for, and no turn without its end. Prints how long events took to
 * reach the other clients before and after, and the server's memory. Ends with 1 if anything was wrong.
 */
import { NodeRuntime, NodeWS } from "@effect/platform-node"
import { Console, Effect, FiberSet, Option, Schema } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { cpus, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import { isRecord, type JsonRecord, own, parseExact } from "../src/domain/Json.ts"
import { at } from "../test/conformance/Case.ts"

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "200" },
    threads: { type: "string", default: "20" },
    seconds: { type: "string", default: "60" },
    /** Seconds in which all clients are fast, before. */
    calm: { type: "string", default: "20" },
    /** Megabytes of heap that the server may have; as many as Node gives it without. */
    heap: { type: "string", default: "" }
  }
})
const clientCount = Number(values.clients)
const threadCount = Number(values.threads)

class LoadFailed extends Schema.TaggedError<LoadFailed>()("LoadFailed", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

/** What a turn says: words of 1 KB, told apart by their numbers. */
const promptOf = (thread: number, turn: number): string =>
  Array.from({ length: 20 }, (_, word) => `${thread}.${turn}.${word}.`.padEnd(1024, "x")).join(" ")

type Manner = "fast" | "slow" | "dead"

interface Turn {
  readonly texts: Map<string, string>
}

interface Followed {
  turn: ({ readonly id: string } & Turn) | null
  ended: number
}

/** Milliseconds since 1970, finer than whole ones. */
const now = (): number => performance.timeOrigin + performance.now()

class Client {
  readonly number: number
  manner: Manner = "fast"
  readonly followed = new Map<string, Followed>()
  readonly problems: Array<string> = []
  readonly latencies: Array<number> = []
  measuring = false
  /** From now on it takes everything. */
  isOver = false
  joins = 0
  closed: string | null = null
  onTurnEnd: (threadId: string) => void = () => {}
  private readonly waiting = new Map<number, (result: JsonRecord) => void>()
  private ids = 0
  readonly socket: NodeWS.WebSocket

  constructor(number: number, url: string) {
    this.number = number
    this.socket = new NodeWS.WebSocket(url)
    this.socket.addEventListener("message", ({ data }) => this.take(typeof data === "string" ? data : ""))
    this.socket.on("close", (code, reason) => {
      this.closed = `${code} ${reason.toString()}`.trim()
    })
    this.socket.on("error", () => {})
  }

  request(method: string, params: JsonRecord): Effect.Effect<JsonRecord, LoadFailed> {
    return Effect.callback((resume) => {
      const id = this.ids++
      this.waiting.set(id, (answer) => {
        const result = own(answer, "result")
        resume(
          isRecord(result)
            ? Effect.succeed(result)
            : Effect.fail(new LoadFailed({ reason: `${method}: ${JSON.stringify(own(answer, "error"))}` }))
        )
      })
      this.socket.send(JSON.stringify({ id, method, params }))
    })
  }

  private wrong(text: string): void {
    if (this.problems.length < 10) this.problems.push(`client ${this.number} (${this.manner}): ${text}`)
  }

  private take(text: string): void {
    const frame = Option.getOrNull(parseExact(text))
    if (this.manner === "slow" && !this.isOver) this.socket.pause()
    if (!isRecord(frame)) return this.wrong(`no JSON: ${text.slice(0, 80)}`)
    const method = own(frame, "method")
    if (typeof method !== "string") {
      const id = Number(own(frame, "id"))
      this.waiting.get(id)?.(frame)
      this.waiting.delete(id)
      return
    }
    const isPiece = method === "item/agentMessage/delta"
    if (this.measuring && isPiece) this.latencies.push(now() - Number(own(frame, "emittedAtMs")))
    const params = own(frame, "params")
    const threadId = String(at(params, "threadId"))
    const thread = this.followed.get(threadId)
    if (thread !== undefined) this.follow(method, params, threadId, thread)
  }

  private follow(method: string, params: unknown, threadId: string, thread: Followed): void {
    const turnId = String(at(params, "turnId") ?? at(params, "turn", "id"))
    const inTurn = thread.turn?.id === turnId ? thread.turn : null
    switch (method) {
      case "turn/started":
        if (thread.turn !== null) this.wrong(`turn ${turnId} starts in turn ${thread.turn.id}`)
        thread.turn = { id: turnId, texts: new Map() }
        return
      case "item/agentMessage/delta": {
        if (inTurn === null) return this.wrong(`a text of turn ${turnId} outside of it`)
        const id = String(at(params, "itemId"))
        const delta = String(at(params, "delta"))
        if (delta.length > 1100) this.joins++
        inTurn.texts.set(id, (inTurn.texts.get(id) ?? "") + delta)
        return
      }
      case "item/completed": {
        if (inTurn === null) return this.wrong(`an item of turn ${turnId} outside of it`)
        if (at(params, "item", "type") !== "agentMessage") return
        const text = inTurn.texts.get(String(at(params, "item", "id")))
        if (text !== at(params, "item", "text")) this.wrong(`a message of turn ${turnId} is not the sum of its pieces`)
        if (!/^(\d+)\.(\d+)\.0\./.test(text ?? "") || text?.split(" ").length !== 20) {
          this.wrong(`a message of turn ${turnId} is not what was asked for`)
        }
        return
      }
      case "turn/completed":
        if (inTurn === null) return this.wrong(`turn ${turnId} ends and never began`)
        if (at(params, "turn", "status") !== "completed") this.wrong(`turn ${turnId} failed`)
        thread.turn = null
        thread.ended++
        this.onTurnEnd(threadId)
        return
    }
  }

  readonly open: Effect.Effect<void, LoadFailed> = Effect.callback<void, LoadFailed>((resume) => {
    this.socket.on("open", () => resume(Effect.void))
    this.socket.on("close", () => resume(Effect.fail(new LoadFailed({ reason: "the server refused a client" }))))
  }).pipe(
    Effect.andThen(
      Effect.suspend(() => this.request("initialize", { clientInfo: { name: "load", title: null, version: "1" } }))
    )
  )
}

const memoryOf = (child: ChildProcess, line: "VmRSS" | "VmHWM"): number => {
  const status = `/proc/${child.pid}/status`
  if (!existsSync(status)) return Number.NaN
  return Number(new RegExp(`${line}:\\s+(\\d+) kB`).exec(readFileSync(status, "utf8"))?.[1] ?? Number.NaN) / 1024
}

const quantile = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN

const row = (what: string, latencies: ReadonlyArray<number>, memory: number): string => {
  const sorted = latencies.toSorted((a, b) => a - b)
  const cells = [quantile(sorted, 0.5), quantile(sorted, 0.99)].map((ms) => `${ms.toFixed(1)} ms`.padStart(10))
  return `${what.padEnd(34)}${cells.join("")}${String(sorted.length).padStart(12)}${`${Math.round(memory)} MB`.padStart(10)}`
}

const program = Effect.gen(function* () {
  const home = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "rethread-load-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const bin = join(import.meta.dirname, "../bin/rethread.mjs")
  const heap = values.heap === "" ? [] : [`--max-old-space-size=${values.heap}`]
  const args = [...heap, bin, "serve", "--agent", "echo", "--listen", "ws://127.0.0.1:0", "--codex-home", home]
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] })),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGTERM")
      })
  )
  const url = yield* Effect.callback<string, LoadFailed>((resume) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      const found = /listening on (ws:\S+)/.exec(line)
      if (found?.[1] !== undefined) resume(Effect.succeed(found[1]))
    })
    child.once("exit", (code) => resume(Effect.fail(new LoadFailed({ reason: `the server ended with ${code}` }))))
  })
  yield* Console.log(
    `${cpus()[0]?.model ?? "?"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`
  )

  const driver = new Client(-1, url)
  yield* driver.open
  const threads: Array<string> = []
  for (let n = 0; n < threadCount; n++) {
    const { thread } = yield* driver.request("thread/start", {})
    threads.push(String(at(thread, "id")))
  }
  const turns = new Map(threads.map((threadId) => [threadId, 0]))
  let going = true
  const begin = (threadId: string) => {
    const turn = turns.get(threadId) ?? 0
    turns.set(threadId, turn + 1)
    const text = promptOf(threads.indexOf(threadId), turn)
    return driver.request("turn/start", { threadId, input: [{ type: "text", text, text_elements: [] }] })
  }
  for (const threadId of threads) driver.followed.set(threadId, { turn: null, ended: 0 })
  const fork = yield* FiberSet.makeRuntime()
  driver.onTurnEnd = (threadId) => {
    if (going) fork(begin(threadId))
  }
  yield* Effect.forEach(threads, begin, { discard: true })
  // Between turns of its threads a client joins them: what it is told begins with a turn.
  const enter = Effect.fnUntraced(function* (number: number, joining: number) {
    const client = new Client(number, url)
    yield* client.open
    const wanted = Array.from({ length: joining }, (_, n) => threads[(number + 7 * n) % threadCount])
    for (const threadId of wanted) {
      if (threadId === undefined || client.followed.has(threadId)) continue
      const result = yield* client.request("thread/resume", { threadId, excludeTurns: false })
      const running = at(result, "thread", "turns", -1)
      const all = at(result, "thread", "turns")
      const last: unknown = Array.isArray(all) ? all.at(-1) : running
      const texts = new Map<string, string>()
      for (const item of isRecord(last) && Array.isArray(last["items"]) ? last["items"] : []) {
        if (at(item, "type") === "agentMessage") texts.set(String(at(item, "id")), String(at(item, "text")))
      }
      const turn = at(last, "status") === "inProgress" ? { id: String(at(last, "id")), texts } : null
      client.followed.set(threadId, { turn, ended: 0 })
    }
    return client
  })

  const slowCount = Math.floor(clientCount / 3)
  const fast = yield* Effect.forEach(
    Array.from({ length: clientCount - slowCount }, (_, n) => n),
    (number) => enter(number, 2),
    { concurrency: 8 }
  )
  const others = yield* Effect.forEach(
    Array.from({ length: slowCount }, (_, n) => clientCount - slowCount + n),
    // More than the system's own buffers take in a minute.
    (number) => enter(number, 4),
    { concurrency: 8 }
  )
  let peak = 0
  const watch = (seconds: number) =>
    Effect.gen(function* () {
      for (const client of fast) {
        client.latencies.length = 0
        client.measuring = true
      }
      peak = 0
      for (let second = 0; second < seconds; second++) {
        yield* Effect.sleep("1 second")
        peak = Math.max(peak, memoryOf(child, "VmRSS"))
      }
      for (const client of fast) client.measuring = false
      return { latencies: fast.flatMap((client) => client.latencies), peak }
    })
  const calm = yield* watch(Number(values.calm))

  for (const [n, client] of others.entries()) {
    client.manner = n % 2 === 0 ? "slow" : "dead"
    client.socket.pause()
  }
  // A slow one takes what one read brings (64 KB), and then nothing for half a second: less than it is told.
  const slow = others.filter((client) => client.manner === "slow")
  const dribble = (client: Client) =>
    Effect.forever(
      Effect.andThen(
        Effect.sleep("500 millis"),
        Effect.sync(() => client.socket.resume())
      )
    )
  const dribbling = yield* Effect.forkChild(Effect.forEach(slow, dribble, { concurrency: "unbounded" }))
  const loaded = yield* watch(Number(values.seconds))
  dribbling.interruptUnsafe()
  going = false

  // Who is slow gets all of it in the end; who is dead has been, or will be, let go.
  for (const client of slow) {
    client.isOver = true
    client.socket.resume()
  }
  const quiet = (client: Client) =>
    client.closed !== null || Array.from(client.followed.values()).every(({ turn }) => turn === null)
  let waited = 0
  // The dead come back to life after half a minute: whoever was not let go by then has missed nothing.
  const isOver = (client: Client) =>
    quiet(client) && (client.manner !== "dead" || client.closed !== null || waited > 30)
  while (waited++ < 90 && ![driver, ...fast, ...others].every(isOver)) {
    if (waited === 30) for (const client of others) if (client.manner === "dead") client.socket.resume()
    yield* Effect.sleep("1 second")
  }
  const problems = [driver, ...fast, ...others].flatMap((client) => client.problems)
  const unfinished = [driver, ...fast, ...others].filter((client) => !quiet(client))
  const lost = fast.filter((client) => client.closed !== null)
  const dead = others.filter((client) => client.manner === "dead")
  const closedSlow = slow.filter((client) => client.closed !== null)
  const turnCount = Array.from(driver.followed.values()).reduce((sum, { ended }) => sum + ended, 0)

  yield* Console.log(
    `${clientCount} clients of ${threadCount} threads (fast ones follow 2 each, the others 4), ${turnCount} turns of 20 KB\n`
  )
  yield* Console.log(
    `${"".padEnd(34)}${"p50".padStart(10)}${"p99".padStart(10)}${"pieces".padStart(12)}${"memory".padStart(10)}`
  )
  yield* Console.log(row(`${fast.length} of them, while all are fast`, calm.latencies, calm.peak))
  yield* Console.log(row(`the same, ${slow.length} slow and ${dead.length} dead`, loaded.latencies, loaded.peak))
  yield* Console.log(
    `\nserver's peak ${Math.round(memoryOf(child, "VmHWM"))} MB; ${slow.reduce((sum, client) => sum + client.joins, 0)} texts reached slow clients joined; ` +
      `${closedSlow.length} slow and ${dead.filter((client) => client.closed !== null).length} dead ones were let go (${Array.from(new Set([...closedSlow, ...dead].map((client) => client.closed ?? "still open"))).join("; ")})`
  )
  const died = child.exitCode !== null || child.signalCode !== null
  if (died || problems.length + unfinished.length + lost.length > 0) {
    return yield* new LoadFailed({
      reason: [
        ...(died ? [`the server ended with ${child.exitCode ?? child.signalCode}`] : []),
        ...problems.slice(0, 10),
        ...unfinished.map((client) => `client ${client.number} never saw the end of its turn`),
        ...lost.map((client) => `fast client ${client.number} was closed: ${client.closed}`)
      ].join("\n")
    })
  }
  yield* Console.log("no ordering violation, no lost end of a turn")
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
