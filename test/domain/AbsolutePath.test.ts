import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { posix } from "node:path"
import { absolutePath } from "../../src/domain/AbsolutePath.ts"

const Part = Schema.Literals(["a", "b c", "..", ".", "", "…"])
const Base = Schema.Array(Schema.Literals(["home", "x", "y"]))

describe("absolutePath", () => {
  it.prop(
    "is what the file system makes of it",
    [Base, Schema.Array(Part), Schema.Boolean],
    ([base, parts, rooted]) => {
      const from = `/${base.join("/")}`
      const path = `${rooted ? "/" : ""}${parts.join("/")}`
      const expected = path.startsWith("/") ? path : posix.resolve(from, path)
      assert.strictEqual(absolutePath(from, path), expected)
    }
  )

  const onWindows = [
    ["C:\\work", "src", "C:\\work\\src"],
    ["C:\\work", "..\\other/x", "C:\\other\\x"],
    ["C:\\work", "D:\\data", "D:\\data"],
    ["C:\\work", "\\\\share\\x", "\\\\share\\x"]
  ] as const
  for (const [base, path, expected] of onWindows) {
    it(`${path} from ${base}`, () => assert.strictEqual(absolutePath(base, path), expected))
  }
})
