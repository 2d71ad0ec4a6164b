/** What agents are given in tests: the test kit's. */
export { runTurn, said, tags, textInput, turnInput, type TurnReport } from "../../src/testing/TurnInputs.ts"
