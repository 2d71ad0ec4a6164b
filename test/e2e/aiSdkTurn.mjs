// Run by a scenario where `ai` and `ai-sdk-provider-codex-cli` are installed: a turn in a new thread, and one more in the
// same thread by a second process of the server. Prints what came of each as a line of JSON.
import { generateText, streamText } from "ai"
import { createCodexAppServer } from "ai-sdk-provider-codex-cli"

const [program, home] = process.argv.slice(2)
const connect = () =>
  createCodexAppServer({
    defaultSettings: { codexPath: program, minCodexVersion: "0.160.0", env: { CODEX_HOME: home }, cwd: "/" }
  })
const options = (settings) => ({ providerOptions: { "codex-app-server": settings } })
const threadOf = (metadata) => metadata?.["codex-app-server"]?.threadId

const first = connect()
const answer = await generateText({
  model: first("mock-model"),
  prompt: "hello",
  ...options({ threadMode: "persistent" })
})
const threadId = threadOf(answer.providerMetadata)
console.log(JSON.stringify({ text: answer.text, total: answer.usage.totalTokens, threadId }))
await first.close()

const second = connect()
const stream = streamText({ model: second("mock-model"), prompt: "and again", ...options({ threadId }) })
let text = ""
for await (const delta of stream.textStream) text += delta
const total = (await stream.usage).totalTokens
console.log(JSON.stringify({ text, total, threadId: threadOf(await stream.providerMetadata) }))
await second.close()
