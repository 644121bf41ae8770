import assert from "node:assert/strict";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { everyCommand, idle, pathOf, understand } from "./_idle.ts";

function helpOf(command: CommandUnknownOpts): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => text += part });
  command.outputHelp();
  return text;
}

/** The words behind each "openclaw", or the task that stands for it, in the lines below "Examples:". */
function examplesIn(help: string): string[][] {
  const [, after = ""] = help.split(/^Examples?:\n/m);
  return after.split("\n").filter((line) => line.startsWith("  ")).flatMap((line) =>
    commandsIn(line.replace("deno task start", "openclaw serve"))
  );
}

/** As a shell would split the line, as far as the examples go. */
function commandsIn(line: string): string[][] {
  const found: string[][] = [];
  let words: string[] | null = null;
  for (const [token] of line.matchAll(/'[^']*'|"[^"]*"|[|&;<>()]+|[^\s'"|&;<>()]+/g)) {
    if (/^[|&;<>()]/.test(token)) words = null;
    else if (words !== null) words.push(token.replace(/^'(.*)'$|^"(.*)"$/, "$1$2"));
    else if (/^(.*\/)?openclaw(-agent)?$/.test(token)) found.push(words = []);
  }
  return found;
}

for (const command of everyCommand(await idle(() => undefined))) {
  const path = pathOf(command);
  Deno.test(`openclaw understands every example that openclaw ${path} --help shows`, async () => {
    const examples = examplesIn(helpOf(command));
    assert.ok(examples.length > 0, "it shows none");
    for (const words of examples) {
      const asked: string[] = [];
      const program = await idle((one) => asked.push(one));
      await program.parseAsync(words, { from: "user" });
      assert.equal(asked.length, 1, `openclaw ${words.join(" ")}`);
      assert.ok(words.join(" ").startsWith(asked[0] ?? "?"), `openclaw ${words.join(" ")} is ${asked[0]}`);
      if (path !== "") assert.ok(asked[0]?.startsWith(path), `an example of ${path} is one of ${asked[0]}`);
    }
  });
}

const wrong = [
  "openclaw heartbeat --quite",
  "openclaw installer bsh --url https://fleet.example",
  "openclaw service logs --lines many",
  "openclaw service instal",
  "openclaw completions",
  "openclaw doctor twice",
];

for (const line of wrong) {
  Deno.test(`an example like ${line} would be found`, async () => {
    const [words = []] = commandsIn(line);
    await assert.rejects(understand(words), { name: "CommanderError" });
  });
}

Deno.test("an example is found behind sudo, the times of cron, a parenthesis, and behind another one", () => {
  assert.deepEqual(
    commandsIn(
      "* * * * *  /usr/bin/openclaw a 'b c' | sh && sudo openclaw d > file; (umask 0; openclaw e)",
    ),
    [["a", "b c"], ["d"], ["e"]],
  );
});
