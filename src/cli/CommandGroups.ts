/**
 * The commands for people, in the order of the help: they read a home, or come to its threads, and end.
 */
import { doctor } from "./commands/Doctor.ts"
import { fork } from "./commands/Fork.ts"
import { generateJsonSchema } from "./commands/GenerateJsonSchema.ts"
import { resume } from "./commands/Resume.ts"
import { show } from "./commands/Show.ts"
import { threads } from "./commands/Threads.ts"

export const peoplesCommands = [threads, show, resume, fork, doctor, generateJsonSchema] as const
