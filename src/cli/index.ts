/** The command line, for a program that has it inside: the whole of it, or its commands below a program's own. */
export { rethread } from "./Commands.ts"
export { CommandFailed } from "./Failure.ts"
export { program } from "./Program.ts"
