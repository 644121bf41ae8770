import assert from "node:assert/strict";
import type { Command, CommandUnknownOpts } from "@commander-js/extra-typings";
import { agentEntries } from "../../cli/commands/agent/entries.ts";
import { addCost } from "../../cli/commands/cost/cost.ts";
import { addDashboard } from "../../cli/commands/dashboard.ts";
import { addAgents } from "../../cli/commands/fleet/agents.ts";
import { addChannels } from "../../cli/commands/fleet/channels.ts";
import { addEnrollments } from "../../cli/commands/fleet/enrollments.ts";
import { addFleet } from "../../cli/commands/fleet/fleet.ts";
import { addIncidents } from "../../cli/commands/fleet/incidents.ts";
import { addLogin } from "../../cli/commands/fleet/login.ts";
import { addLogout } from "../../cli/commands/fleet/logout.ts";
import { addReaderKeys } from "../../cli/commands/fleet/reader_keys.ts";
import { addTop } from "../../cli/commands/fleet/top.ts";
import { addInstaller } from "../../cli/commands/installer.ts";
import { addKeys } from "../../cli/commands/keys.ts";
import { type Add, type Entry, makeProgram } from "../../cli/commands/program.ts";
import { addServe } from "../../cli/commands/serve.ts";
import { blocksOf, type Page, proseOf, readPages } from "./_pages.ts";

/** A program that a page types, and what stands behind it. */
interface Typed {
  program: "openclaw-agent" | "openclaw-server";
  words: string[];
}

/** What only `openclaw-server` has. */
const serverCommands: Record<string, Add> = {
  serve: addServe,
  keys: addKeys,
  installer: addInstaller,
  agents: addAgents,
  channels: addChannels,
  cost: addCost,
  dashboard: addDashboard,
  enrollments: addEnrollments,
  fleet: addFleet,
  incidents: addIncidents,
  login: addLogin,
  logout: addLogout,
  "reader-keys": addReaderKeys,
  top: addTop,
};
const agentCommands = agentEntries.filter(({ name }) => !(name in serverCommands));
const serverEntries: Entry[] = Object.entries(serverCommands)
  .map(([name, add]) => ({ name, summary: name, load: () => Promise.resolve(add) }));

/** All commands, of which none does anything but note that it was asked. */
async function idle(asked: string[]): Promise<Command> {
  const program = await makeProgram([...agentCommands, ...serverEntries], {
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

/** The programs in the lines, and in the tasks that stand for one, as a shell would split them. */
function typedIn(lines: readonly string[]): Typed[] {
  const text = lines.join("\n").replaceAll("\\\n", " ")
    .replaceAll(/\bdeno task start\b/g, "openclaw-server serve")
    .replaceAll(/\bdeno task openclaw\b/g, "openclaw-server");
  return text.split("\n").flatMap(typedInLine);
}

function typedInLine(line: string): Typed[] {
  const found: Typed[] = [];
  let words: string[] | null = null;
  let isFirst = true;
  const code = line.replace(/(^|\s)#.*/, "");
  for (const [token] of code.matchAll(/'[^']*'|"[^"]*"|[|&;<>()]+|[^\s'"|&;<>()]+/g)) {
    if (/^[|&;<>()]/.test(token)) words = null;
    else if (words !== null) words.push(token.replace(/^'(.*)'$|^"(.*)"$/, "$1$2"));
    else if (isFirst && /^([\w.\/-]+\/)?openclaw-(agent|server)$/.test(token)) {
      words = [];
      found.push({ program: token.endsWith("-server") ? "openclaw-server" : "openclaw-agent", words });
    }
    // What stands before a program: another program that runs it, or a variable for it.
    isFirst = /^[|&;(]/.test(token) || token === "sudo" || /^\w+=/.test(token);
  }
  return found;
}

/** What a page has typed in its blocks, and what it names within a sentence. */
function typedOn(page: Page): { typed: Typed; isSentence: boolean }[] {
  const blocks = blocksOf(page).filter(({ language }) => language === "sh" || language === "powershell");
  const named = [...proseOf(page).matchAll(/`(openclaw-(?:agent|server) [^`<…]*)`/g)].map(([, text = ""]) =>
    text
  );
  return [
    ...typedIn(blocks.flatMap(({ lines }) => lines)).map((typed) => ({ typed, isSentence: false })),
    ...typedIn(named).map((typed) => ({ typed, isSentence: true })),
  ];
}

const pages = await readPages();
/** Of `deno task compile`. */
const others = ["--all"];
let examples = 0;

for (const page of pages) {
  const seen = new Set<string>();
  for (const { typed: { program, words }, isSentence } of typedOn(page)) {
    const line = `${program} ${words.join(" ")}`;
    if (seen.has(line)) continue;
    seen.add(line);
    examples += 1;
    Deno.test(`the program understands what ${page.path} ${isSentence ? "names" : "types"}: ${line}`, async () => {
      const answer = await answerTo(words);
      assert.ok(answer !== "" && words.join(" ").startsWith(answer), `it answers: ${answer}`);
      // A sentence may say what "openclaw serve" answers.
      if (!isSentence && program === "openclaw-agent") assert.ok(!((words[0] ?? "") in serverCommands), line);
    });
  }
}

Deno.test("the pages type at least ten commands of the program", () => {
  assert.ok(examples >= 10, `${examples}`);
});

const options: [string, (name: string) => boolean][] = [
  ["docs/agent.md", (name) => !(name in serverCommands)],
  ["docs/operating.md", (name) => name in serverCommands && !["keys", "installer"].includes(name)],
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
    "openclaw-agent heartbeet",
    "deno task start --prot 1",
    "openclaw-server installer bsh",
    "x | openclaw-agent logs",
  ]
) {
  Deno.test(`a page that types ${line} would be found out`, async () => {
    const [typed] = typedIn([line]);
    assert.match(await answerTo(typed?.words ?? []), /^error: /);
  });
}
