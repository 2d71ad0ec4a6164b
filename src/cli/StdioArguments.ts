/**
 * The command line that editors start: `app-server` on standard input, with nothing but overrides, an agent and a home.
 *
 * Reading it here saves loading the parser, the help and the commands. It knows a part of what `Commands.ts` knows, and
 * must mean the same by it; whatever it is not sure of it leaves to the whole parser, mistakes too. No imports: it is
 * read before anything is loaded.
 */

export interface StdioArguments {
  /** As given; undefined where it was not. */
  readonly home: string | undefined
  readonly overrides: ReadonlyArray<string>
  readonly agent: "model" | "echo"
}

/** What the command line says; null when it is for the whole parser. */
export const parse = (args: ReadonlyArray<string>): StdioArguments | null => {
  const overrides: Array<string> = []
  const given = new Map<string, string>()
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? ""
    if (given.has(arg)) return null
    if (arg === "app-server") given.set(arg, "")
    else if (arg === "--stdio" || arg === "--analytics-default-enabled") {
      if (!given.has("app-server")) return null
      given.set(arg, "")
    } else {
      const value = args[++index] ?? ""
      if (value === "" || value.startsWith("-")) return null
      if (arg === "-c" || arg === "--config") overrides.push(value)
      else if (arg === "--agent" || (given.has("app-server") && (arg === "--codex-home" || arg === "--listen"))) {
        given.set(arg, value)
      } else return null
    }
  }
  const agent = given.get("--agent") ?? "model"
  if (agent !== "model" && agent !== "echo") return null
  if (!given.has("app-server") || (given.get("--listen") ?? "stdio://") !== "stdio://") return null
  return { home: given.get("--codex-home"), overrides, agent }
}
