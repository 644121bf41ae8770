import assert from "node:assert/strict";
import { join } from "node:path";
import { openclaw, withFolder } from "../_support/server.ts";
import { run } from "./_program.ts";

for (const shell of ["bash", "zsh", "fish", "powershell"]) {
  Deno.test(`openclaw completions ${shell} prints a script that asks openclaw`, () =>
    withFolder(async (home) => {
      const { code, stdout, stderr } = await run(["completions", shell], { home });
      assert.equal(code, 0, stderr);
      assert.equal(stderr, "");
      assert.match(stdout, /openclaw complete '?--/);
    }));
}

Deno.test("openclaw completions for another shell → usage", () =>
  withFolder(async (home) => {
    const { code, stdout } = await run(["completions", "tcsh"], { home });
    assert.deepEqual([code, stdout], [2, ""]);
  }));

Deno.test({
  name: "bash completes commands, flags and the words of a flag",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (home) => {
      const { stdout: script } = await run(["completions", "bash"], { home });
      await Deno.writeTextFile(join(home, "script"), script);
      const { program, args } = openclaw([]);
      const words = [program, ...args].map((word) => `'${word}'`).join(" ");
      for (
        const [typed, wanted] of [["hea", /heartbeat/], ["monitor --pro", /--probe-url/], [
          "heartbeat --status ",
          /degraded/,
        ]] as const
      ) {
        const test = `
openclaw() { ${words} "$@"; }
_init_completion() { cur="\${COMP_WORDS[COMP_CWORD]}"; prev="\${COMP_WORDS[COMP_CWORD-1]}"; words=("\${COMP_WORDS[@]}"); cword=$COMP_CWORD; }
_get_comp_words_by_ref() { _init_completion; }
source '${home}/script'
COMP_LINE='openclaw ${typed}'
COMP_POINT=\${#COMP_LINE}
read -ra COMP_WORDS <<< "$COMP_LINE"
[[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
eval "$(complete -p openclaw | sed -E 's/.*-F ([^ ]+).*/\\1/')"
printf '%s\\n' "\${COMPREPLY[@]}"`;
        const { stdout, stderr } = await new Deno.Command("bash", { args: ["--norc", "-c", test] }).output();
        const decoder = new TextDecoder();
        assert.match(decoder.decode(stdout), wanted, decoder.decode(stderr));
      }
    }),
});
