import assert from "node:assert/strict";
import type { Command, CommandUnknownOpts } from "@commander-js/extra-typings";
import { agentEntries } from "../../cli/commands/agent/entries.ts";
import { type Entry, makeProgram } from "../../cli/commands/program.ts";
import { addServe } from "../../cli/commands/serve.ts";
import { blocksOf, readPages } from "./_pages.ts";

const serve: Entry = { name: "serve", summary: "run the backend", load: () => Promise.resolve(addServe) };

/** The program with all of its commands, of which none does anything but note that it was asked. */
async function idle(asked: string[]): Promise<Command> {
  const program = await makeProgram([...agentEntries, serve], {
    inFull: () => true,
    json: true,
    environment: () => undefined,
  });
  for (const command of leavesOf(program)) command.action(() => void asked.push(pathOf(command)));
  return program;
}

function leavesOf(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

function pathOf(command: CommandUnknownOpts): string {
  return command.parent === null ? "" : `${pathOf(command.parent)} ${command.name()}`.trim();
}

/** What the program would be asked, or why it refuses. */
async function answerTo(words: string[]): Promise<string> {
  const asked: string[] = [];
  try {
    await (await idle(asked)).parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.message;
  }
  return asked.join(", ");
}

/** The words behind each program or task that stands for it, as a shell would split the lines. */
function commandsIn(lines: readonly string[]): string[][] {
  const text = lines.join("\n").replaceAll("\\\n", " ")
    .replaceAll(/\bdeno task start\b/g, "openclaw serve").replaceAll("deno task openclaw", "openclaw");
  return text.split("\n").flatMap(commandsInLine);
}

function commandsInLine(line: string): string[][] {
  const found: string[][] = [];
  let words: string[] | null = null;
  let isFirst = true;
  for (
    const [token] of line.replace(/(^|\s)#.*/, "").matchAll(/'[^']*'|"[^"]*"|[|&;<>()]+|[^\s'"|&;<>()]+/g)
  ) {
    if (/^[|&;<>()]/.test(token)) words = null;
    else if (words !== null) words.push(token.replace(/^'(.*)'$|^"(.*)"$/, "$1$2"));
    else if (isFirst && /^([\w.\/-]+\/)?openclaw(-server)?$/.test(token)) found.push(words = []);
    // What stands before a program: another program that runs it, or a variable for it.
    isFirst = /^[|&;(]/.test(token) || token === "sudo" || /^\w+=/.test(token);
  }
  return found;
}

const pages = await readPages();
const languages = new Set(["sh", "powershell"]);
/** Of `deno task compile`. */
const others = ["--all"];
let examples = 0;

for (const page of pages) {
  const lines = blocksOf(page).filter(({ language }) => languages.has(language)).flatMap(({ lines }) =>
    lines
  );
  for (const words of commandsIn(lines)) {
    examples += 1;
    Deno.test(`the program understands what ${page.path} types: openclaw ${words.join(" ")}`, async () => {
      const answer = await answerTo(words);
      assert.ok(answer !== "" && words.join(" ").startsWith(answer), `it answers: ${answer}`);
    });
  }
}

Deno.test("the pages type at least ten commands of the program", () => {
  assert.ok(examples >= 10, `${examples}`);
});

const agentCommands = new Set(agentEntries.map(({ name }) => name));
const options: [string, (name: string) => boolean][] = [
  ["docs/agent.md", (name) => agentCommands.has(name) && name !== "installer"],
  ["docs/operating.md", (name) => name === "serve"],
];
for (const [path, isTold] of options) {
  Deno.test(`${path} lists every option of its commands, and no other`, async () => {
    const text = pages.find((page) => page.path === path)?.text ?? "";
    const program = await idle([]);
    const known = program.commands.filter((command) => isTold(command.name())).flatMap(leavesOf)
      .flatMap((command) => command.options.filter(({ hidden }) => !hidden).map(({ long }) => long ?? ""));
    assert.ok(known.length > 0);
    assert.deepEqual(known.filter((option) => !new RegExp(`${option}(?![\\w-])`).test(text)), []);
    const listed = [...text.matchAll(/^- `--.*$/gm)].flatMap(([line]) => {
      const [names = ""] = line.split(": ");
      return names.match(/--[\w-]+/g) ?? [];
    });
    assert.deepEqual(listed.filter((option) => !known.includes(option) && !others.includes(option)), []);
  });
}

for (
  const line of [
    "openclaw heartbeet",
    "deno task start --prot 1",
    "openclaw installer bsh",
    "x | openclaw logs",
  ]
) {
  Deno.test(`a page that types ${line} would be found out`, async () => {
    const [words = []] = commandsIn([line]);
    assert.match(await answerTo(words), /^error: /);
  });
}
