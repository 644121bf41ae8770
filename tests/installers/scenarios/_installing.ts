import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type CreatedAgent, record } from "../../_support/client.ts";
import { assertEnded, type Host } from "../../_support/installers.ts";
import { agentId, agentSecret } from "../../_support/vectors.ts";
import { formatManifest } from "../../../cli/service/manifest.ts";
import { version } from "../../../supabase/functions/_shared/version.ts";
import { agentText } from "../_agents.ts";
import { forward, withFront } from "../_front.ts";
import { credentialsText, digest, type Scenario, type Scene, untouched } from "../_scene.ts";

/** What all installers are held to: what a run leaves, and what another one finds. */
export const installing: Scenario[] = [
  {
    name: "on a fresh home the agent is online, and the files are what they should be",
    work: fresh,
    own: "process",
  },
  { name: "run twice, nothing changes", work: twice },
  { name: "run again without any option, what is missing is repaired", work: repaired },
  { name: "with credentials in the environment the agent is online", work: fromEnvironment },
  { name: "a dry run changes not one file", work: dryRun },
  { name: "a server that does not call it online has it undone, modes of folders included", work: notOnline },
];

async function fresh({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  assertEnded(await host.install(agent, `${url}/functions/v1/`), 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
  const files = await host.tree();
  assert.deepEqual(
    Object.keys(files).sort(),
    [
      `600 ${host.credentials}`,
      `600 ${host.manifest}`,
      `700 ${dirname(host.credentials)}`,
      `700 ${dirname(host.program)}`,
      `700 ${join(host.home, ".config")}`,
      `700 ${join(host.home, ".local")}`,
      `755 ${host.program}`,
    ].sort(),
  );
  assert.equal(files[`600 ${host.credentials}`], credentialsText(agent, url));
  assert.equal(files[`600 ${host.manifest}`], await manifestText(host, agent, url));
  const program = files[`755 ${host.program}`] ?? "";
  assert.match(program, /^#!.*\n# Written by openclaw/);
  // Python's installer names the interpreter that ran it.
  const first = /^.*/;
  assert.equal(program.replace(first, ""), (await agentText(host.language)).replace(first, ""));
}

async function manifestText(host: Host, { id }: CreatedAgent, url: string): Promise<string> {
  const bin = dirname(host.program);
  const state = dirname(host.credentials);
  const folders = [bin, dirname(bin), state, dirname(state)];
  const files = new Map([[host.program, [await digest(host.program)]], [host.credentials, null]]);
  const writtenBy = `install.${host.language.extension}`;
  return formatManifest({
    version,
    writtenBy,
    url,
    agentId: id,
    program: "script",
    service: "none",
    files,
    folders,
  });
}

async function twice({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  assertEnded(await host.install(agent, url), 0);
  const before = await host.tree();
  assertEnded(await host.install(agent, url), 0, /nothing had to be changed/);
  assert.deepEqual(await host.tree(), before);
}

async function repaired({ host, fleet, url }: Scene): Promise<void> {
  assertEnded(await host.install(await fleet.createAgent(), url), 0);
  // A program in the middle of a rotation keeps a second secret there, which is not the installer's to lose.
  const credentials = record(JSON.parse(await Deno.readTextFile(host.credentials)));
  const rotating = { ...credentials, next_agent_id: agentId, next_agent_secret: agentSecret };
  await Deno.writeTextFile(host.credentials, JSON.stringify(rotating, null, 2));
  const before = await host.tree();
  await Deno.remove(host.program);
  await Deno.writeTextFile(`${host.program}.openclaw-new`, "half of a program");
  assertEnded(await host.run([]), 0, /installed already/);
  assert.deepEqual(await host.tree(), before);
}

async function fromEnvironment({ host, fleet, url }: Scene): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  const env = { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: id.toUpperCase(), OPENCLAW_AGENT_SECRET: secret };
  assertEnded(await host.run([], { env }), 0);
  assert.equal((await fleet.agent(id)).liveness, "online");
  assert.equal(await Deno.readTextFile(host.credentials), credentialsText({ id, secret }, url));
}

async function dryRun({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const args = ["--dry-run"];
  await untouched(
    host,
    () => host.install(agent, url, { args }),
    0,
    new RegExp(`would write ${host.credentials}`),
  );
  assertEnded(await host.install(agent, url), 0);
  await untouched(host, () => host.install(agent, url, { args }), 0);
  await untouched(
    host,
    () => host.run(["--uninstall", ...args]),
    0,
    new RegExp(`would remove ${host.program}`),
  );
}

async function notOnline({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  for (const path of [dirname(dirname(host.credentials)), dirname(host.credentials)]) {
    await Deno.mkdir(path);
    await Deno.chmod(path, 0o755);
  }
  const broken = (request: Request): Promise<Response> | Response =>
    request.url.endsWith("/heartbeat")
      ? Response.json({ error: "internal", error_description: "Cannot go on" }, { status: 500 })
      : forward(request, url, JSON.stringify);
  await withFront(broken, async (front) => {
    await untouched(
      host,
      () => host.install(agent, front),
      6,
      /undone\nerror: Cannot .*500 internal: Cannot go on/,
    );
  });
}
