/**
 * The OpenRPC document of the wire as the file of the documentation.
 */
import * as OpenRpc from "../../src/rpc/codex/OpenRpc.ts"

/** The file that it is kept in. */
export const openRpcFile = "docs/openrpc.json"

/** The document as it is written. */
export const openRpcText = (): string => `${JSON.stringify(OpenRpc.document(), null, 2)}\n`
