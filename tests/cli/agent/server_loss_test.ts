import assert from "node:assert/strict";
import { type CreatedAgent, FleetClient } from "../../_support/client.ts";
import { type ServerProcess, startServerProcess, withFolder } from "../../_support/server.ts";
import { identify, type Running, start } from "../../_support/program.ts";

const intervalSeconds = 5;
/** There a program cannot be asked from outside to stop, only be ended. */
const windows = Deno.build.os === "windows";

interface Stage {
  client: FleetClient;
  agent: CreatedAgent;
  server: ServerProcess;
  monitor: Running;
  /** Kills the server, and starts another one on its data and its port once something has come. */
  lose: (until: () => Promise<unknown>) => Promise<void>;
}

/** A monitor that has beaten, under the real server. */
async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  await withFolder(async (data) => {
    const server = await startServerProcess({ data });
    const servers = [server];
    try {
      const client = new FleetClient(server.base, server.operatorKey);
      const agent = await client.createAgent({ heartbeat_interval_seconds: intervalSeconds });
      const lose: Stage["lose"] = async (until) => {
        await server.stop("SIGKILL");
        await until();
        servers.push(await startServerProcess({ data, args: ["--port", new URL(server.url).port] }));
      };
      await withFolder(async (home) => {
        const monitor = start(["monitor", "--json"], { home, env: identify(agent, server.url) });
        try {
          await monitor.until("heartbeat");
          await work({ client, agent, server, monitor, lose });
        } finally {
          await monitor.end();
        }
      });
    } finally {
      for (const one of servers) await one.stop();
    }
  });
}

function count(monitor: Running, event: string): number {
  return monitor.events().filter((one) => one.event === event).length;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

Deno.test("a server that is killed and comes back: its loss and its return are told once, and the session goes on", () =>
  onStage(async ({ client, agent, monitor, lose }) => {
    await lose(() => monitor.until("outage", 2));
    await monitor.until("recovered");
    const beats = count(monitor, "heartbeat");
    await monitor.until("heartbeat", beats + 2);
    const told = monitor.events().filter(({ level }) => level !== "debug").map(({ event }) => event);
    assert.deepEqual(told, ["started", "handshake", "outage", "recovered"]);
    assert.equal((await client.agent(agent.id)).liveness, "online");
  }));

Deno.test("an agent that is revoked under its monitor: one handshake, one word about it, and no end", () =>
  onStage(async ({ client, agent, server, monitor }) => {
    const before = handshakesAt(server);
    assert.equal((await client.revoke(agent.id)).status, 200);
    const { level } = await monitor.until("session_revoked");
    assert.equal(level, "info");
    await monitor.until("refused");
    const beats = count(monitor, "heartbeat");
    await pause(3 * intervalSeconds * 1000);
    const told = monitor.events().filter(({ level }) => level !== "debug").map(({ event }) => event);
    assert.deepEqual(told, ["started", "handshake", "session_revoked", "refused"]);
    assert.equal(handshakesAt(server) - before, 1);
    assert.equal(count(monitor, "heartbeat"), beats);
    assert.equal(await Promise.race([monitor.ended, pause(1).then(() => "still there")]), "still there");
    monitor.kill("SIGTERM");
    const { code } = await monitor.ended;
    if (!windows) assert.equal(code, 0);
    assert.equal(handshakesAt(server) - before, 1, "who is not wanted does not ask again in order to leave");
  }));

/** As the server's own log has them. */
function handshakesAt({ output }: ServerProcess): number {
  return output.stdout.split("\n").filter((line) => line.includes("handshake")).length;
}
