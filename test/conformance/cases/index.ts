/** Every case. */
import type { Case } from "../Case.ts"
import * as Clients from "./Clients.ts"
import * as Fork from "./Fork.ts"
import * as Reading from "./Reading.ts"
import * as Refusals from "./Refusals.ts"
import * as Resume from "./Resume.ts"
import * as Settings from "./Settings.ts"
import * as TypedClient from "./TypedClient.ts"
import * as Usage from "./Usage.ts"

export const allCases: ReadonlyArray<Case> = [
  ...Resume.cases,
  ...Fork.cases,
  ...Clients.cases,
  ...Usage.cases,
  ...Reading.cases,
  ...Refusals.cases,
  ...Settings.cases,
  ...TypedClient.cases
]
