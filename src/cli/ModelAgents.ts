/**
 * The agent on the configured models, with the network that it reaches them by. A module of its own, so that only a
 * server that runs a turn loads it.
 */
import { Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import * as ConfiguredAgent from "../layers/model/ConfiguredAgent.ts"

export const layer = Layer.provide(ConfiguredAgent.layer(), FetchHttpClient.layer)
