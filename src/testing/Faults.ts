/**
 * Faults to be put over the layers of a server or a client under test, each in one line: of the store (`StoreFaults`), of
 * the agent, of the wire on either side. All are counted, none is left to chance; waiting is on the `Clock`.
 */
import { Deferred, Effect, Layer, Schema, Stream } from "effect"
import type { AgentEvent } from "../domain/AgentEvent.ts"
import { ConnectionLost } from "../rpc/client/ClientError.ts"
import { Connector, type Wire } from "../rpc/client/Wire.ts"
import { JsonRpcServer } from "../rpc/codex/JsonRpcServer.ts"
import { PeerGone, type Transport, wholeFrame } from "../rpc/codex/Transport.ts"
import { Agent, AgentError } from "../services/Agent.ts"
import type { Slow } from "./StoreFaults.ts"

export { type Slow, store, type StoreFault, type Strike } from "./StoreFaults.ts"

/** A fault of one turn. */
export interface AgentFault {
  /** Which turn, from 1, as they begin. Default 1. */
  readonly turn?: number
  /** In place of which event, from 1; with `slow`, before it and each one after it. Default 1. */
  readonly nth?: number
  /**
   * An error, or its kind. `hang`: nothing more comes until the turn is interrupted. `die`: a defect, as of an agent
   * with a bug. `end`: the turn is over, whatever was left to say.
   */
  readonly fail: AgentError | AgentError["kind"] | "hang" | "die" | "end" | Slow
}

const isAgentError = Schema.is(AgentError)

const failing = (fail: Exclude<AgentFault["fail"], Slow>): Stream.Stream<AgentEvent, AgentError> => {
  if (isAgentError(fail)) return Stream.fail(fail)
  if (fail === "hang") return Stream.never
  if (fail === "end") return Stream.empty
  if (fail === "die") return Stream.die(new Error("the agent died: the test wants it"))
  return Stream.fail(new AgentError({ kind: fail, detail: `${fail}: the test wants it`, httpStatus: null }))
}

const isSlow = (fail: AgentFault["fail"]): fail is Slow => typeof fail === "object" && Object.hasOwn(fail, "slow")

const faultyTurn = (events: Stream.Stream<AgentEvent, AgentError>, { fail, nth = 1 }: AgentFault) => {
  const single = Stream.rechunk(events, 1)
  if (!isSlow(fail)) {
    const before = Stream.take(single, nth - 1)
    return Stream.concat(
      before,
      Stream.suspend(() => failing(fail))
    )
  }
  return Stream.mapEffect(Stream.zipWithIndex(single), ([event, at]) =>
    at < nth - 1 ? Effect.succeed(event) : Effect.as(Effect.sleep(fail.slow), event)
  )
}

/** The agent below, with these faults. */
export const agent = (...faults: ReadonlyArray<AgentFault>): Layer.Layer<Agent, never, Agent> =>
  Layer.effect(
    Agent,
    Agent.use((below) =>
      Effect.sync(() => {
        let turns = 0
        return Agent.of({
          run: (input) =>
            Stream.suspend(() => {
              const turn = ++turns
              const fault = faults.find((candidate) => (candidate.turn ?? 1) === turn)
              return fault === undefined ? below.run(input) : faultyTurn(below.run(input), fault)
            })
        })
      })
    )
  )

/** A fault of a connection, counted in frames of the server, from 1. */
export type WireFault =
  /** The connection breaks behind so many frames. */
  | { readonly disconnectAfter: number }
  /** This frame arrives in half, and the connection breaks. */
  | { readonly tornFrame: number }
  /** Each frame takes so long: a reader that is slow. */
  | Slow

const cut = (frame: string): string => frame.slice(0, Math.ceil(frame.length / 2))

/** The frames that still get through, as they do. */
const through = (frames: Stream.Stream<string>, fault: WireFault): Stream.Stream<string> => {
  const single = Stream.rechunk(frames, 1)
  if ("slow" in fault) return Stream.mapEffect(single, (frame) => Effect.as(Effect.sleep(fault.slow), frame))
  if ("disconnectAfter" in fault) return Stream.take(single, fault.disconnectAfter)
  const last = fault.tornFrame - 1
  return Stream.map(Stream.zipWithIndex(Stream.take(single, fault.tornFrame)), ([frame, at]) =>
    at === last ? cut(frame) : frame
  )
}

/** A transport, from the server's side, with a fault. */
export const transport = (below: Transport, fault: WireFault): Effect.Effect<Transport> =>
  Effect.map(Deferred.make<void>(), (gone) => ({
    receive: Effect.raceFirst(
      below.receive,
      Effect.andThen(
        Deferred.await(gone),
        Effect.suspend(() => Effect.fail(new PeerGone()))
      )
    ),
    send: (frames) =>
      Effect.ensuring(below.send(through(Stream.map(frames, wholeFrame), fault)), Deferred.succeed(gone, undefined))
  }))

/** The server below, with a fault in one of its conversations: the `connection`-th, from 1; default: in each. */
export const server = (
  fault: WireFault & { readonly connection?: number }
): Layer.Layer<JsonRpcServer, never, JsonRpcServer> =>
  Layer.effect(
    JsonRpcServer,
    JsonRpcServer.use((below) =>
      Effect.sync(() => {
        let connections = 0
        return JsonRpcServer.of({
          serve: (carrier) =>
            Effect.suspend(() => {
              connections++
              if (fault.connection !== undefined && fault.connection !== connections) return below.serve(carrier)
              return Effect.flatMap(transport(carrier, fault), below.serve)
            })
        })
      })
    )
  )

const broken = () => new ConnectionLost({ reason: "failed", detail: "the test wants it", code: null })

const faultyWire = (wire: Wire, fault: WireFault): Wire => {
  let got = 0
  let isGone = false
  const shaped = (frames: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>> => {
    const before = got
    got += frames.length
    if ("slow" in fault) return Effect.as(Effect.sleep(fault.slow), frames)
    const room = ("tornFrame" in fault ? fault.tornFrame : fault.disconnectAfter) - before
    isGone = frames.length >= room
    return Effect.succeed(
      frames.slice(0, room).map((frame, at) => ("tornFrame" in fault && at === room - 1 ? cut(frame) : frame))
    )
  }
  return {
    send: (frame) => Effect.suspend(() => (isGone ? Effect.fail(broken()) : wire.send(frame))),
    receive: Effect.suspend(() =>
      isGone || ("disconnectAfter" in fault && fault.disconnectAfter <= got)
        ? Effect.fail(broken())
        : Effect.flatMap(wire.receive, shaped)
    )
  }
}

/** The client's connector below, with a fault in the connections it opens: in the `connection`-th only, where given. */
export const connector = (
  fault: WireFault & { readonly connection?: number }
): Layer.Layer<Connector, never, Connector> =>
  Layer.effect(
    Connector,
    Connector.use((below) =>
      Effect.sync(() => {
        let connections = 0
        return Connector.of({
          open: Effect.map(below.open, (wire) => {
            connections++
            return fault.connection === undefined || fault.connection === connections ? faultyWire(wire, fault) : wire
          })
        })
      })
    )
  )
