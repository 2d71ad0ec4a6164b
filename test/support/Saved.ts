/** Sessions that were kept, as a later process reads them. */
import * as SavedSession from "../../src/domain/SavedSession.ts"

/** What was kept, with all of its turns; null for what is none. */
export const loadWhole = ({ blocks, text }: SavedSession.SavedText): SavedSession.LoadedSession | null => {
  const index = SavedSession.read(text)
  return index === null ? null : SavedSession.load(index, blocks)
}
