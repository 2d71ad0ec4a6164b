import type { Scenario } from "../Scenario.ts"
import { inApp } from "./InApp.ts"
import { otherClients } from "./OtherClients.ts"
import { starting } from "./Starting.ts"
import { together } from "./Together.ts"
import { turns } from "./Turns.ts"

export const allScenarios: ReadonlyArray<Scenario> = [...starting, ...turns, ...inApp, ...together, ...otherClients]
