/**
 * How a search finds words in what was said, and what it shows around them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { collapse, foldCase, searchTerm, snippet, trigrams } from "../../src/domain/SearchText.ts"

describe("letter case", () => {
  it("is ignored in every script, and letters that would grow keep their length", () => {
    assert.strictEqual(foldCase("AbC 9"), "abc 9")
    assert.strictEqual(foldCase("ÄÖ ΣΑΣ"), foldCase("äö σας"))
    assert.strictEqual(foldCase("Straße"), "straße")
    assert.strictEqual(foldCase("İx").length, 2)
    assert.strictEqual(foldCase("é[`{\u007f"), "é[`{\u007f")
    assert.strictEqual(foldCase("éAZaz"), "éazaz")
  })

  it.prop("moves nothing", [Schema.String], ([text]) => {
    assert.strictEqual(foldCase(text).length, text.length)
  })
})

describe("white space", () => {
  it("is one blank, and none at the ends", () => {
    assert.strictEqual(collapse(" \n a\t\0 b  c "), "a b c")
    assert.strictEqual(collapse("a\ud800b"), "a\ufffdb")
  })

  it("alone is no search", () => {
    assert.strictEqual(searchTerm(" \n\0"), null)
    assert.strictEqual(searchTerm(" Two  WORDS "), "two words")
  })
})

describe("a snippet", () => {
  const long = (character: string, length: number) => character.repeat(length)

  it("is the whole text where that is short", () => {
    assert.strictEqual(snippet("Find the Needle here", "needle"), "Find the Needle here")
    assert.strictEqual(snippet("nothing here", "needle"), null)
    assert.strictEqual(snippet("needle", "needle"), "needle")
  })

  it("has 49 characters before and 96 after, and says where it cuts", () => {
    assert.strictEqual(snippet(`${long("a", 49)}X${long("b", 96)}`, "x"), `${long("a", 49)}X${long("b", 96)}`)
    assert.strictEqual(snippet(`${long("a", 50)}X${long("b", 97)}`, "x"), `... ${long("a", 49)}X${long("b", 96)} ...`)
    assert.strictEqual(snippet(`${long("a", 50)}X`, "x"), `... ${long("a", 49)}X`)
    assert.strictEqual(snippet(`X${long("b", 97)}`, "x"), `X${long("b", 96)} ...`)
  })

  it("counts characters and does not cut one in two", () => {
    assert.strictEqual(snippet(`${long("😀", 49)}X${long("😀", 96)}`, "x"), `${long("😀", 49)}X${long("😀", 96)}`)
    assert.strictEqual(
      snippet(`${long("😀", 50)}X${long("😀", 97)}`, "x"),
      `... ${long("😀", 49)}X${long("😀", 96)} ...`
    )
  })

  it("takes halves of characters for characters", () => {
    // A low half alone, a high half alone: neither joins with what stands next to it.
    assert.strictEqual(snippet(`\udc00${long("a", 49)}X`, "x"), `... ${long("a", 49)}X`)
    assert.strictEqual(snippet(`X${long("b", 95)}\ud800b`, "x"), `X${long("b", 95)}\ud800 ...`)
  })

  it("shows no white space at its ends", () => {
    assert.strictEqual(snippet(`${long("a", 9)} ${long("b", 48)}X`, "x"), `... ${long("b", 48)}X`)
  })
})

describe("runs of three characters", () => {
  it("are all there are, each once", () => {
    assert.deepStrictEqual(trigrams("abcd"), ["abc", "bcd"])
    assert.deepStrictEqual(trigrams("aaaa"), ["aaa"])
    assert.deepStrictEqual(trigrams("abc"), ["abc"])
    assert.deepStrictEqual(trigrams("ab"), [])
    assert.deepStrictEqual(trigrams("a😀bc"), ["a😀b", "😀bc"])
  })
})
