import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { assertEnded, type Host } from "../../_support/installers.ts";
import { foreignProgram, pretendOlder, type Scenario, type Scene, untouched } from "../_scene.ts";

/** What all installers are held to: what other programs have. */
export const neighbors: Scenario[] = [
  { name: "somebody else's openclaw stays where it is", work: foreign },
  {
    name: "beside npm's openclaw it is installed, repeated and removed, and nothing of the other changes",
    work: beside,
  },
  {
    name: "what npm puts in our places later stays when ours is removed",
    work: replaced,
  },
  { name: "a folder in our place with another program's files is not taken", work: foreignFolder },
  { name: "a second name is made where nobody has it, and taken away again", work: secondName },
  { name: "another name stands in every place", work: otherName },
  { name: "a name that cannot be one is refused", work: badNames },
  { name: "somebody else's openclaw.new and openclaw.old stay where they are", work: foreignVersions },
];

async function foreignVersions({ host, fleet, url }: Scene): Promise<void> {
  await Deno.mkdir(dirname(host.program), { recursive: true });
  const own = ["new", "old"].map((suffix) => `${host.program}.${suffix}`);
  for (const path of own) await Deno.writeTextFile(path, "somebody's own");
  const before = await host.tree();
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  await pretendOlder(host);
  assertEnded(await host.run([]), 0);
  for (const path of own) assert.equal(await Deno.readTextFile(path), "somebody's own");
  assertEnded(await host.run(["--uninstall"]), 0);
  assert.deepEqual(await host.tree(), before);
}

async function foreign({ host, fleet, url }: Scene): Promise<void> {
  await Deno.mkdir(dirname(host.program), { recursive: true });
  await Deno.writeTextFile(host.program, "#!/bin/sh\necho somebody else\n");
  const agent = await fleet.createAgent();
  await untouched(host, () => host.install(agent, url), 5, foreignProgram);
}

/** What npm installs, and what its program keeps, in a user's home. */
async function pretendNpms({ home }: Host): Promise<void> {
  const files: Record<string, string> = {
    ".local/lib/node_modules/openclaw/openclaw.mjs": "#!/usr/bin/env node\n",
    ".config/openclaw/gateway.env": "OPENCLAW_GATEWAY_TOKEN=theirs\n",
    ".config/systemd/user/openclaw.service": "[Service]\nExecStart=/usr/bin/openclaw gateway run\n",
    ".openclaw/openclaw.json": "{}\n",
  };
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(dirname(join(home, path)), { recursive: true });
    await Deno.writeTextFile(join(home, path), text, { mode: 0o640 });
  }
  await Deno.mkdir(join(home, ".local/bin"));
  await Deno.symlink(npmsLink, join(home, ".local/bin/openclaw"));
}

const npmsLink = "../lib/node_modules/openclaw/openclaw.mjs";

function onPath({ home }: Host): { PATH: string } {
  return { PATH: `${join(home, ".local/bin")}:${Deno.env.get("PATH") ?? ""}` };
}

async function beside({ host, fleet, url }: Scene): Promise<void> {
  await pretendNpms(host);
  const before = await host.tree();
  const agent = await fleet.createAgent();
  const env = onPath(host);
  const said = new RegExp(
    `"${host.home}/.local/bin/openclaw" is another program's \\(npm's openclaw\\): it stays`,
  );
  for (const args of [["--second-name"], ["--no-second-name"]]) {
    assertEnded(await host.install(agent, url, { args, env }), 0, said);
    const { [`755 ${host.program}`]: program, ...rest } = await host.tree();
    assert.match(program ?? "", /^#!/);
    for (const [path, text] of Object.entries(before)) assert.equal(rest[path], text, path);
    assert.equal(await Deno.readLink(join(host.home, ".local/bin/openclaw")), npmsLink);
  }
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
  assertEnded(await host.run(["--uninstall"], { env }), 0);
  assert.deepEqual(await host.tree(), before);
  assert.equal(await Deno.readLink(join(host.home, ".local/bin/openclaw")), npmsLink);
}

/** As "npm install --global --force" does: our second name, then even our program, become its links. */
async function replaced({ host, fleet, url }: Scene): Promise<void> {
  const short = join(host.home, ".local/bin/openclaw");
  assertEnded(await host.install(await fleet.createAgent(), url, { args: ["--second-name"] }), 0);
  for (const path of [short, host.program]) {
    await Deno.remove(path);
    await Deno.symlink(npmsLink, path);
  }
  const ended = await host.run(["--uninstall"]);
  assertEnded(ended, 0);
  assert.ok(ended.stdout.includes(`kept, because it was changed: ${host.program}\n`), ended.stdout);
  for (const path of [short, host.program]) assert.equal(await Deno.readLink(path), npmsLink);
}

async function foreignFolder({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  for (const folder of [dirname(host.credentials), join(host.home, ".local/state", host.word)]) {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(join(folder, ".theirs"), "{}");
    const said = new RegExp(`"${folder}" has files of another program: .theirs, user \\d+'s`);
    await untouched(host, () => host.install(agent, url), 5, said);
    await Deno.remove(folder, { recursive: true });
  }
}

async function secondName({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const short = join(host.home, ".local/bin/openclaw");
  const is = async (): Promise<string | null> => await Deno.readLink(short).catch(() => null);
  assertEnded(await host.install(agent, url, { args: ["--second-name"] }), 0);
  assert.equal(await is(), host.word);
  assertEnded(await host.install(agent, url, { args: ["--no-second-name"] }), 0);
  assert.equal(await is(), null);
  assertEnded(await host.install(agent, url, { args: ["--second-name"], env: onPath(host) }), 0);
  assert.equal(await is(), host.word);
  assertEnded(await host.run(["--uninstall"]), 0);
  assert.deepEqual(await host.tree(), {});
}

async function otherName({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  assertEnded(await host.install(agent, url, { args: ["--name", "fleetd"] }), 0);
  const files = [".config/fleetd/credentials.json", ".config/fleetd/install.json", ".local/bin/fleetd"];
  const paths = Object.keys(await host.tree()).map((path) => path.replace(/^\d+ /, ""));
  for (const path of files) assert.ok(paths.includes(join(host.home, path)), path);
  assert.ok(!paths.some((path) => path.includes(host.word)), "a file has our own name");
  assertEnded(await host.run(["--uninstall"]), 4);
  assertEnded(await host.run(["--uninstall"], { env: { OPENCLAW_NAME: "fleetd" } }), 0);
  assert.deepEqual(await host.tree(), {});
}

async function badNames({ host, fleet, url, some }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  for (const name of some(["openclaw", "", "a/b", "a".repeat(32)])) {
    await untouched(
      host,
      () => host.install(agent, url, { args: [`--name=${name}`] }),
      2,
      /Cannot use the name/,
    );
  }
  const env = { OPENCLAW_NAME: "openclaw" };
  await untouched(host, () => host.install(agent, url, { env }), 2, /Cannot use the name/);
}
