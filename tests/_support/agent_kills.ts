import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { accepts, greets, isHandshake, startFaultServer } from "./fault_server.ts";
import { identify, makeAgent, run, sessionPath, start } from "./program.ts";
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
