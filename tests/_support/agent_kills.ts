import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { accepts, greets, isHandshake, startFaultServer } from "./fault_server.ts";
import { configureHome, credentialsPath, identify, makeAgent, run, sessionPath, start } from "./program.ts";
import { type Asked, startRotatingServer } from "./rotating_server.ts";
import { temporaryFolder } from "./server.ts";
import { agentId, agentSecret } from "./vectors.ts";
import { pause } from "./wait.ts";

interface Kills {
  kills: number;
  /** 0 to 1, 1 excluded. */
  random: () => number;
}

/** Kills monitors that renew their session all the time: its file is always whole, and the next start goes on. */
export async function killWhileSessionsAreKept({ kills, random }: Kills): Promise<void> {
  using server = startFaultServer((caught) => isHandshake(caught) ? greets({ refresh_in: 1 }) : accepts(1));
  await using home = await temporaryFolder();
  const env = identify(makeAgent(), server.url);
  for (let kill = 0; kill < kills; kill++) {
    await using monitor = start(["monitor", "--json"], { home: home.path, env, time: { clock: 20 } });
    await monitor.until("heartbeat");
    await pause(150 * random());
    await monitor.end();
    const parsed: unknown = JSON.parse(await Deno.readTextFile(sessionPath(home.path)));
    assert.ok(typeof parsed === "object" && parsed !== null && "token" in parsed, "it holds no session");
  }
  assert.equal((await run(["heartbeat"], { home: home.path, env })).code, 0);
}

/** Kills processes that write credentials until so many kills came in the middle of writing: the file is whole. */
export async function killWhileCredentialsAreWritten({ kills, random }: Kills): Promise<void> {
  await using home = await temporaryFolder();
  const path = join(home.path, "folder", "credentials.json");
  const ids = [agentId, "1c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11"];
  let cut = 0;
  for (let kill = 0; cut < kills; kill++) {
    assert.ok(kill < 20 * kills + 20, `only ${cut} of ${kill} kills came in the middle of writing`);
    await killWriter([path, agentSecret, ...ids], random);
    const stored = JSON.parse(await Deno.readTextFile(path));
    assert.ok(ids.includes(stored.agent_id) && stored.agent_secret === agentSecret);
    for await (const { name } of Deno.readDir(dirname(path))) {
      if (name === "credentials.json") continue;
      cut += 1;
      await Deno.remove(join(dirname(path), name));
    }
  }
}

/** Where a process that takes another identity is killed: at a request, before its reply or after it. */
export interface IdentityKill {
  name: string;
  asked: Asked;
  index: number;
  isAnswered: boolean;
  /** The other identity is one of its own, in the reply to its first handshake; else it is another secret. */
  adopts?: boolean;
}

export const identityKills: readonly IdentityKill[] = [
  { name: "before the reply with the new secret", asked: "rotate", index: 0, isAnswered: false },
  { name: "after the reply with the new secret", asked: "rotate", index: 0, isAnswered: true },
  { name: "before the reply to the handshake with it", asked: "handshake", index: 1, isAnswered: false },
  { name: "after the reply to the handshake with it", asked: "handshake", index: 1, isAnswered: true },
  {
    name: "after the reply with its own identity",
    asked: "handshake",
    index: 0,
    isAnswered: true,
    adopts: true,
  },
  { name: "before the first reply to it", asked: "handshake", index: 1, isAnswered: false, adopts: true },
  { name: "after the first reply to it", asked: "handshake", index: 1, isAnswered: true, adopts: true },
];

/**
 * Kills a process that takes another identity, some milliseconds after the reply where there is one. The next one gets in,
 * and the one after it leaves one secret in the file: the server's.
 */
export async function killAtChange(
  { asked, index, isAnswered, adopts = false }: IdentityKill,
  milliseconds: number,
): Promise<void> {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  const killed = Promise.withResolvers<void>();
  let seen = 0;
  using server = startRotatingServer(agent, {
    directives: adopts ? [] : ["rotate"],
    adopts,
    spoil(what) {
      if (what !== asked || seen++ !== index) return null;
      if (!isAnswered) killed.resolve();
      else setTimeout(killed.resolve, milliseconds);
      return isAnswered ? null : "hang";
    },
  });
  await configureHome(home.path, agent, server.url);
  await using rotating = start(["heartbeat"], { home: home.path });
  await Promise.race([killed.promise, rotating.ended]);
  await rotating.end();
  assert.ok(seen > index, "it was killed too early");
  for (let next = 0; next < 2; next++) {
    const { code, stderr } = await run(["heartbeat"], { home: home.path });
    assert.equal(code, 0, stderr);
  }
  const text = await Deno.readTextFile(credentialsPath(home.path));
  const { agent_id, agent_secret, next_agent_secret } = JSON.parse(text);
  assert.equal(agent_id, adopts ? agentId : agent.id);
  assert.deepEqual([agent_secret, next_agent_secret], [server.world.rows.get(agent_id)?.current, undefined]);
  assert.notEqual(agent_secret, agent.secret);
}

async function killWriter(args: string[], random: () => number): Promise<void> {
  const writer = fileURLToPath(new URL("write_credentials.ts", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-config", "--allow-all", writer, ...args],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  assert.equal((await reader.read()).done, false, "it has begun");
  await pause(10 * random());
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
}
