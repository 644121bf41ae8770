import assert from "node:assert/strict";
import { join } from "node:path";
import { type CreatedAgent, FleetClient, send } from "../../_support/client.ts";
import { findPostgres, startPostgres } from "../../_support/postgres.ts";
import { part } from "../../_support/require.ts";
import { type ServerProcess, startServerProcess, temporaryFolder } from "../../_support/server.ts";
import { pause, until } from "../../_support/wait.ts";

// What keeps the server from seeing its agents, by the real thing. A stop of twenty minutes is in incident_show_test.ts.

const intervalSeconds = 5;
/** Longer than an agent that beats each 5 s may be silent before it is offline. */
const awayMs = 45_000;
/** As long as an agent would take to be offline, and to be told of, were the gap not excused. */
const afterMs = 60_000;

const postgres = await part("Postgres 15 or later", findPostgres);

// Over a Postgres: the databases of embedded servers are copies, whose last tick was long ago. That gap would excuse
// whatever comes within five minutes.

postgres.test("a server that was suspended for 45 s, and one whose database was stopped, have that on record, and tell nobody of their agents", async (bin) => {
  await Promise.all([suspend(bin), stopDatabase(bin)]);
});

async function suspend(bin: string): Promise<void> {
  await using database = await startPostgres(bin);
  await using server = await startServer(await database.createDatabase());
  await tellsNobody(server, async () => {
    Deno.kill(server.pid, "SIGSTOP");
    await pause(awayMs);
    Deno.kill(server.pid, "SIGCONT");
  });
}

async function stopDatabase(bin: string): Promise<void> {
  await using database = await startPostgres(bin);
  await using server = await startServer(await database.createDatabase());
  await tellsNobody(server, async () => {
    await database.halt("fast");
    await pause(awayMs);
    await database.start();
  });
}

async function startServer(address: string): Promise<ServerProcess> {
  const folder = await temporaryFolder();
  const server = await startServerProcess({
    data: join(folder.path, "data"),
    env: { DATABASE_URL: address },
  });
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Agents beat before and after it, and not meanwhile. */
async function tellsNobody(server: ServerProcess, away: () => Promise<void>): Promise<void> {
  const received: string[] = [];
  await using receiver = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    async (request) => {
      received.push(await request.text());
      return new Response("ok");
    },
  );
  const client = new FleetClient(server.base, server.operatorKey);
  const url = `http://127.0.0.1:${receiver.addr.port}`;
  const channel = { name: "chat", kind: "slack", settings: { url } };
  assert.equal(
    (await send(`${server.base}/channels`, { headers: client.operator, body: channel })).status,
    201,
  );
  const agents: CreatedAgent[] = [];
  for (let count = 0; count < 3; count++) {
    agents.push(await client.createAgent({ heartbeat_interval_seconds: intervalSeconds }));
  }
  const tokens = await Promise.all(agents.map((agent) => client.session(agent)));
  await beatFor(client, tokens, 15_000);
  assert.equal(gapsIn(server), 0, "there was a gap before");
  await away();
  await until("the gap on record", () => gapsIn(server) > 0);
  await beatFor(client, tokens, afterMs);
  const incidents = await send(`${server.base}/incidents`, { headers: client.operator });
  assert.deepEqual(incidents.body.incidents, []);
  const query = "kind=late,offline,stalled,unhealthy,recovered";
  const events = await send(`${server.base}/events?${query}`, { headers: client.operator });
  assert.deepEqual(events.body.events, []);
  assert.deepEqual(received, []);
}

/** A server that has just come back may not take the first ones, or close a connection: agents try again, too. */
async function isTaken(client: FleetClient, token: string): Promise<boolean> {
  try {
    return (await client.beat(token)).status === 200;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

async function beatFor(client: FleetClient, tokens: string[], milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    for (const token of tokens) {
      await until("a beat that is taken", () => isTaken(client, token), { everyMs: 500 });
    }
    await pause(2000);
  }
}

function gapsIn({ output }: ServerProcess): number {
  return `${output.stdout}${output.stderr}`.split("the server or its database was away").length - 1;
}
