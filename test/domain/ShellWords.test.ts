import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { spawnSync } from "node:child_process"
import { joinWords } from "../../src/domain/ShellWords.ts"

/** Characters that a shell minds, and a few that it does not. */
const Char = Schema.Literals(Array.from(" \t\n'\"\\$`!^*?[]{}()<>|&;#~=%@:,./-_+aZ09é🙂"))
const Word = Schema.Array(Char).check(Schema.isMaxLength(8))

describe("joinWords", () => {
  for (const [words, line] of [
    [["ls"], "ls"],
    [["bash", "-lc", "ls -la"], "bash -lc 'ls -la'"],
    [["echo", ""], "echo ''"],
    [[], ""],
    [["it's"], `"it's"`],
    [['say "hi"'], `'say "hi"'`],
    [["$HOME"], "'$HOME'"],
    [["a\\b"], `"a\\\\b"`],
    [["a'b\"c$d"], `"a'b\\"c"'$d'`],
    [["$'"], `'$'"'"`],
    [["'$"], `"'"'$'`],
    [["^"], "'^'"],
    [["x^y"], "x'^y'"],
    [["naïve"], "'naïve'"],
    [["a=b"], "'a=b'"]
  ] as const) {
    it(JSON.stringify(words), () => {
      assert.strictEqual(joinWords(words), line)
    })
  }

  it.prop(
    "a shell reads back the same words",
    { words: Schema.Array(Word).check(Schema.isMinLength(1), Schema.isMaxLength(20)) },
    ({ words }) => {
      const argv = words.map((chars) => chars.join(""))
      // `!` is history only in an interactive shell; sh -c reads the line as a script would.
      const shell = spawnSync("/bin/sh", ["-c", `printf '%s\\0' ${joinWords(argv)}`])
      assert.deepStrictEqual(shell.stdout.toString("utf8").split("\0").slice(0, -1), argv)
    },
    { arbitrary: { runs: 60 } }
  )
})
