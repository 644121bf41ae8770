import assert from "node:assert/strict";
import { assertError, type CreatedAgent, FleetClient, record, send, text } from "../_support/client.ts";
import { configureHome, credentialsPath, type Running, start } from "../_support/program.ts";
import {
  folderInMemory,
  type ServerProcess,
  startServerProcess,
  temporaryFolder,
} from "../_support/server.ts";
import { until } from "../_support/wait.ts";

/** An agent's interval of 5 s passes in one. */
const time = { clock: 5 };
/** On Windows a program cannot be asked from outside to stop, only be ended. */
const ignore = Deno.build.os === "windows";

Deno.test("an agent's host and the real server change its identity together", { ignore }, async (context) => {
  await using data = await folderInMemory();
  await using server = await startServerProcess({ data: data.path });
  const client = new FleetClient(server.base, server.operatorKey);
  await context.step(
    "asked to rotate, the host does so: the old secret is refused, and the beats go on",
    () => rotates(client, server),
  );
  await context.step(
    "a secret that leaked is replaced on the host: its monitor finds the new one by itself",
    () => findsNewSecret(client, server),
  );
  await context.step(
    "a copy is adopted: it goes on as an agent of its own, and the original rotates",
    () => isAdopted(client, server),
  );
});

async function rotates(client: FleetClient, server: ServerProcess): Promise<void> {
  await using home = await temporaryFolder();
  const agent = await client.createAgent({ heartbeat_interval_seconds: 5 });
  await using monitor = await watch(home.path, agent, server);
  await act(client, agent, "request-rotation");
  await monitor.until("rotated");
  await monitor.until("heartbeat", beatsOf(monitor) + 1);
  const { rotation, last_secret } = await client.agent(agent.id);
  assert.deepEqual([rotation, last_secret], ["none", "current"]);
  assertError(await client.handshake(agent), "invalid_credentials", 401);
  const { agent_secret: secret, next_agent_secret } = await stored(home.path);
  assert.equal(next_agent_secret, undefined);
  assert.equal((await client.handshake({ id: agent.id, secret: text(secret) })).status, 200);
  assert.equal(beatsOf(monitor) > 1 && monitor.events().every(({ event }) => event !== "refused"), true);
}

async function findsNewSecret(client: FleetClient, server: ServerProcess): Promise<void> {
  await using home = await temporaryFolder();
  const agent = await client.createAgent({ heartbeat_interval_seconds: 5 });
  // A verdict's first wait, of a minute, passes in two seconds.
  await using monitor = await watch(home.path, agent, server, { clock: 30 });
  const reply = await act(client, agent, "rotate-secret", { overlap_seconds: 0 });
  await monitor.until("refused");
  await configureHome(home.path, { id: agent.id, secret: text(reply.agent_secret) }, server.url);
  await monitor.until("heartbeat", beatsOf(monitor) + 1);
  assert.equal((await client.agent(agent.id)).liveness, "online");
}

async function isAdopted(client: FleetClient, server: ServerProcess): Promise<void> {
  await using home = await temporaryFolder();
  const agent = await client.createAgent({ heartbeat_interval_seconds: 5, name: "disk" });
  const original = await openOriginal(client, agent);
  await original();
  await using copy = await watch(home.path, agent, server);
  const copies = await until("the copy", async () => {
    await original();
    await copy.until("heartbeat", beatsOf(copy) + 1);
    const { copies } = await client.agent(agent.id);
    return Array.isArray(copies) && copies.length > 0 ? copies : null;
  });
  await act(client, agent, "adopt", { instance_id: record(copies[0]).instance_id });
  await copy.until("adopted");
  await copy.until("heartbeat", beatsOf(copy) + 1);
  const { agent_id: id } = await stored(home.path);
  assert.notEqual(id, agent.id);
  const adopted = await client.agent(text(id));
  assert.match(text(adopted.name), /^disk \(copy on /);
  assert.equal(adopted.liveness, "online");
  // Both hosts knew its secret. The server asks for another one some time after its reply.
  await until("a rotation", async () => (await client.agent(agent.id)).rotation === "requested");
  assert.deepEqual(record((await original()).body).directives, ["rotate"]);
}

/** The host that was there first, which beats whenever it is called. */
async function openOriginal(client: FleetClient, agent: CreatedAgent) {
  const instance_id = crypto.randomUUID();
  const supports = { version: "1", hostname: "first", os: "linux", arch: "x86_64", supports: ["rotate"] };
  const { body: { token } } = await client.handshake(agent, { instance_id, client: supports });
  let seq = 0;
  return () => client.beat(text(token), { instance_id, seq: ++seq });
}

async function watch(
  home: string,
  agent: CreatedAgent,
  { url }: ServerProcess,
  faster: { clock: number } = time,
): Promise<Running> {
  await configureHome(home, agent, url);
  const monitor = start(["monitor", "--json"], { home, time: faster });
  await monitor.until("heartbeat");
  return monitor;
}

async function act(
  client: FleetClient,
  { id }: CreatedAgent,
  what: string,
  body: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  const reply = await send(`${client.base}/agents/${id}/${what}`, { headers: client.operator, body });
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  return reply.body;
}

async function stored(home: string): Promise<Record<string, unknown>> {
  return record(JSON.parse(await Deno.readTextFile(credentialsPath(home))));
}

function beatsOf(monitor: Running): number {
  return monitor.events().filter(({ event }) => event === "heartbeat").length;
}
