/**
 * Ids that are the same in every run: the `SecureRandom` service from a fixed seed. Time in a UUIDv7
 * comes from the `Clock`, so that under `TestClock` whole ids are reproducible.
 *
 * For tests only: nothing here is random.
 */
import { Layer } from "effect"
import { SecureRandom } from "effect/crypto"

/** A small fixed generator (xorshift32). */
const bytesFrom = (seed: number): ((size: number) => Uint8Array) => {
  let state = seed >>> 0 || 1
  return (size) => {
    const bytes = new Uint8Array(size)
    for (let at = 0; at < size; at++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      bytes[at] = state & 0xff
    }
    return bytes
  }
}

/** The same ids for the same seed. Each layer built starts anew. */
export const layer = (options: { readonly seed?: number } = {}): Layer.Layer<SecureRandom.SecureRandom> =>
  Layer.sync(SecureRandom.SecureRandom, () => SecureRandom.make(bytesFrom(options.seed ?? 0x9e3779b9)))
