/**
 * What every start needs of Node: files, paths, the standard streams, chance, and a log on standard error.
 *
 * The rest of the platform (terminals, processes, HTTP) costs tens of milliseconds to load; whoever needs it imports it.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import { Layer, Logger } from "effect"
import { SecureRandom } from "effect/crypto"
import { randomBytes } from "node:crypto"

/** Files and paths. */
export const layerFiles = Layer.merge(NodeFileSystem.layer, NodePath.layer)

/** Chance from Node. Web Crypto would be loaded with the layer, before anybody needs an id. */
const layerRandom = Layer.succeed(
  SecureRandom.SecureRandom,
  SecureRandom.make((size) => Uint8Array.from(randomBytes(size)))
)

/** {@link layerFiles}, and chance; what a home's services are built on. */
export const layerHome = Layer.merge(layerFiles, layerRandom)

/** {@link layerFiles} and the standard streams. */
export const layer = Layer.merge(layerFiles, NodeStdio.layer)

/** Logs go to standard error: standard output belongs to answers. */
export const layerLogger = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])
