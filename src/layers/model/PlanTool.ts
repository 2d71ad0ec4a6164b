/**
 * The tool by which a model keeps its plan. Put {@link UpdatePlan} into a toolkit and {@link handlers} beside
 * the toolkit's own; the agent tells clients of each plan that it accepts.
 */
import { Effect, Option, Schema } from "effect"
import { Tool } from "effect/ai"
import { PlanUpdate } from "../../domain/AgentEvent.ts"

const Parameters = Schema.Struct({
  explanation: Schema.optionalKey(Schema.NullOr(Schema.String)),
  plan: Schema.Array(
    Schema.Struct({ step: Schema.String, status: Schema.Literals(["pending", "in_progress", "completed"]) })
  )
})

/** `update_plan`, as Codex's models know it. */
export const UpdatePlan = Tool.make("update_plan", {
  description:
    "Updates the task plan: a list of steps, each pending, in_progress or completed; one in progress at a time.",
  parameters: Parameters,
  success: Schema.String
})

/** What answers the calls. */
export const handlers = { update_plan: () => Effect.succeed("Plan updated") }

const decode = Schema.decodeUnknownOption(Parameters)

/** The plan that a call of the tool sets; none for other calls, and for arguments that are no plan. */
export const planOf = (name: string, params: unknown): Option.Option<typeof PlanUpdate.Type> =>
  name === UpdatePlan.name
    ? Option.map(decode(params), ({ explanation, plan }) =>
        PlanUpdate.make({
          explanation: explanation ?? null,
          steps: plan.map(({ status, step }) => ({ step, status: status === "in_progress" ? "inProgress" : status }))
        })
      )
    : Option.none()
