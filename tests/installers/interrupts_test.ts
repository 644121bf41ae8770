import assert from "node:assert/strict";
import { join } from "node:path";
import { assertEnded, Host, languages, sh } from "../_support/installers.ts";
import { pretendOlder } from "./_scene.ts";
import { which } from "./_tools.ts";
import { type Fleet, type Step, testSteps } from "./_steps.ts";

// The moments between what a tool has done and the next line: here, each of them is met under one shell. How a shell
// hears a signal is the same at all of them, so the others meet those of one tool.
const steps = languages.filter(({ extension }) => extension === "sh").flatMap((language) =>
  (language === sh ? ["mkdir", "chmod", "mv", "ln"] : ["mv"]).map((tool): Step => ({
    name: `${language.name}, told to stop by ${tool}`,
    tools: language.tools,
    work: ({ folder, ...given }) => toldToStop(new Host(language, folder), tool, given),
  }))
);

testSteps("an installer that is told to stop by each tool that changes something undoes what it did", steps);

const kills = ["mkdir", "chmod", "mv"].map((tool): Step => ({
  name: `killed at ${tool}`,
  tools: sh.tools,
  work: ({ folder, ...given }) => killedAt(new Host(sh, folder), tool, given),
}));

testSteps("install.sh that is killed at each tool that changes something knows what it left", kills);

async function killedAt(host: Host, tool: string, { fleet, url }: Fleet): Promise<void> {
  await Deno.mkdir(host.home);
  const agent = await fleet.createAgent();
  let killed = 0;
  for (let time = 1; time <= 5; time++) {
    const env = await traitor(host, { tool, time, signal: "KILL" });
    const { code } = await host.install(agent, url, { env });
    if (code !== 0) killed++;
    assertEnded(await host.install(agent, url), 0);
    assertEnded(await host.run(["--uninstall"]), 0);
    // What was made for the manifest, before it could say so, is nobody's.
    const left = Object.keys(await host.tree()).filter((path) => !path.endsWith("/.config"));
    assert.deepEqual(left, [], `time ${time}`);
    // It calls the tool less often than that.
    if (code === 0) break;
    for (const path of Object.keys(await host.tree())) await Deno.remove(path.replace(/^\d+ /, ""));
  }
  assert.ok(killed > 0, "it was not killed");
}

async function toldToStop(host: Host, tool: string, { fleet, url }: Fleet): Promise<void> {
  await Deno.mkdir(host.home);
  const agent = await fleet.createAgent();
  if (tool === "ln") {
    // Only a file that is there is kept aside.
    assertEnded(await host.install(agent, url), 0);
    await pretendOlder(host);
  }
  const before = await host.tree();
  const times = tool === "ln" ? 1 : 4;
  let interrupted = 0;
  for (let time = 1; time <= times; time++) {
    const env = await traitor(host, { tool, time });
    const { code, stderr } = await host.install(agent, url, { env });
    // It calls the tool less often than that.
    if (code === 0) break;
    interrupted++;
    assert.match(stderr, /error: Cannot go on: it was interrupted/, `time ${time}`);
    assert.deepEqual(await host.tree(), before, `time ${time}`);
  }
  assert.ok(interrupted > 0, "it was not told to stop");
}

/** A PATH with a tool that does what is asked and, at one time, sends a signal to the program that asked. */
async function traitor(
  host: Host,
  { tool, time, signal = "TERM" }: { tool: string; time: number; signal?: "TERM" | "KILL" },
): Promise<Record<string, string>> {
  const bin = join(host.home, "../bin");
  await Deno.mkdir(bin, { recursive: true });
  const count = join(bin, "count");
  await Deno.writeTextFile(count, "");
  const script = `#!/bin/sh
${await which(tool)} "$@" || exit
echo >>'${count}'
[ "$(wc -l <'${count}')" -ne ${time} ] || kill -${signal} "$PPID"
`;
  await Deno.writeTextFile(join(bin, tool), script, { mode: 0o755 });
  const rest = host.language.applets === undefined ? "" : `${await appletsOf(host)}:`;
  return { PATH: `${bin}:${rest}${Deno.env.get("PATH")}` };
}

/** Where the host's tools are, when all of them are busybox's. */
async function appletsOf(host: Host): Promise<string> {
  await host.run(["--version"]);
  return join(host.home, "../applets");
}
