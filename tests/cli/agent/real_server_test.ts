import assert from "node:assert/strict";
import { Monitor, type News } from "../../../cli/agent/monitor.ts";
import { describeProcess } from "../../../cli/agent/agent.ts";
import { Inbox } from "../../../cli/agent/inbox.ts";
import { beat, handshake } from "../../../cli/api/agent.ts";
import { makeCertificate } from "../../_support/certificate.ts";
import { type CreatedAgent, FleetClient, record, text } from "../../_support/client.ts";
import {
  folderInMemory,
  type ServerProcess,
  startServerProcess,
  temporaryFolder,
} from "../../_support/server.ts";
import { startConnectProxy } from "../../_support/connect_proxy.ts";
import { jumpingClock } from "../../_support/jumping_clock.ts";
import { testWith } from "../../_support/tools.ts";
import { identify, run, type Running, start } from "../../_support/program.ts";

/** On Windows a program cannot be asked from outside to stop, only be ended. */
const ignore = Deno.build.os === "windows";
/** An agent's interval of 5 s passes in one. */
const time = { clock: 5 };

Deno.test("monitors under the real server", { ignore }, async (context) => {
  await using data = await folderInMemory();
  await using server = await startServerProcess({ data: data.path });
  const client = new FleetClient(server.base, server.operatorKey);
  const stories = [
    { name: "killed, restarted without a handshake, stopped", fn: () => isKilled(client, server) },
    { name: "revoked: one handshake, one word about it, and no end", fn: () => isRevoked(client, server) },
    {
      name: "twelve of them: their next handshakes are spread, as the server set them",
      fn: () => areSpread(client, server),
    },
  ];
  const together = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  await Promise.all(stories.map((story) => context.step({ ...story, ...together })));
  await context.step(
    "a server that is killed and comes back: its loss and its return are told once, and the session goes on",
    () => losesServer(client, server),
  );
});

testWith(
  ignore ? ["the signals of Unix"] : ["openssl"],
  "a monitor under the real server, over TLS through a proxy, with an authority of its own",
  async () => {
    await using data = await folderInMemory();
    await goesThroughProxy(data.path);
  },
);

async function isKilled(client: FleetClient, server: ServerProcess): Promise<void> {
  await using home = await temporaryFolder();
  const agent = await client.createAgent({ heartbeat_interval_seconds: 5 });
  const options = { home: home.path, env: identify(agent, server.url), time };
  await using first = start(["monitor", "--json"], options);
  await first.until("heartbeat", 2);
  assert.deepEqual(eventsOf(first).slice(0, 3), ["started", "handshake", "heartbeat"]);
  assert.equal((await client.agent(agent.id)).liveness, "online");
  await first.end();
  await using second = start(["monitor", "--json"], options);
  await second.until("heartbeat");
  assert.deepEqual(eventsOf(second).slice(0, 2), ["started", "heartbeat"]);
  second.kill("SIGTERM");
  const { code, stdout } = await second.ended;
  assert.equal(code, 0);
  assert.match(stdout, /stopped; the server was told/);
  assert.equal((await client.agent(agent.id)).liveness, "stopped");
}

async function isRevoked(client: FleetClient, server: ServerProcess): Promise<void> {
  await using home = await temporaryFolder();
  const agent = await client.createAgent({ heartbeat_interval_seconds: 5 });
  const env = identify(agent, server.url);
  await using monitor = start(["monitor", "--json"], { home: home.path, env, time });
  await monitor.until("heartbeat");
  assert.equal((await client.revoke(agent.id)).status, 200);
  const { level } = await monitor.until("session_revoked");
  assert.equal(level, "info");
  const refused = await monitor.until("refused");
  const wait = Number(/asking again in (\d+) s$/.exec(String(refused.message))?.[1]);
  assert.ok(wait >= 47 && wait <= 72, String(refused.message));
  monitor.kill("SIGTERM");
  const { code } = await monitor.ended;
  assert.equal(code, 0);
  // What is told is what was done: it did not ask again in order to leave.
  assert.deepEqual(changesOf(monitor), ["started", "handshake", "session_revoked", "refused", "stopped"]);
  assert.match(String(monitor.events().at(-1)?.message), /stopped; the server was not told/);
}

interface Member {
  refreshIn: number;
  /** On the monitor's own clock, in seconds since its start. */
  nextHandshakeAt: number;
  intervalSeconds: number;
}

/** In this process, on clocks that skip every wait. Two hundred real processes: tests/long/agent/fleet_test.ts. */
async function areSpread(client: FleetClient, server: ServerProcess): Promise<void> {
  const agents = await Promise.all(Array.from({ length: 12 }, async (_, index) => {
    const intervalSeconds = 20 + 3 * index;
    return { ...await client.createAgent({ heartbeat_interval_seconds: intervalSeconds }), intervalSeconds };
  }));
  const fleet = await Promise.all(agents.map((agent) => untilSecondHandshake(agent, server.url)));
  const rows = await Promise.all(agents.map(({ id }) => client.agent(id)));
  assert.deepEqual(rows.filter(({ liveness }) => liveness !== "stopped"), [], "they have said goodbye");
  for (const { refreshIn, nextHandshakeAt, intervalSeconds } of fleet) {
    const late = nextHandshakeAt - refreshIn;
    assert.ok(late >= 0 && late <= 1.2 * intervalSeconds, `${nextHandshakeAt} s, not ${refreshIn} s`);
  }
  const times = fleet.map(({ nextHandshakeAt }) => nextHandshakeAt);
  assert.ok(Math.max(...times) - Math.min(...times) > 45, times.join(" "));
  const perSecond = Map.groupBy(times, Math.floor);
  assert.ok(Math.max(...Array.from(perSecond.values(), ({ length }) => length)) < 5, times.join(" "));
}

async function untilSecondHandshake(
  { id: agentId, secret, intervalSeconds }: CreatedAgent & { intervalSeconds: number },
  url: string,
): Promise<Member> {
  const process = describeProcess();
  const clock = jumpingClock();
  const inbox = new Inbox();
  const handshakes: { at: number; refreshIn: number }[] = [];
  const tell = ({ event, details }: News): void => {
    if (event !== "handshake") return;
    handshakes.push({ at: clock.monotonic(), refreshIn: Number(details?.refresh_in) });
    if (handshakes.length > 1) inbox.put("stop");
  };
  const monitor = new Monitor({
    server: {
      handshake: (signal) => handshake({ url }, { agentId, secret }, { ...process, signal }),
      beat: (token, report, signal) => beat({ url }, token, { report, signal }),
      rotate: () => assert.fail("nobody asked for it"),
      adopt: () => assert.fail("nobody asked for it"),
      hangUp: () => undefined,
    },
    clock,
    inbox,
    random: Math.random,
    instanceId: process.instanceId,
    observe: () => Promise.resolve({ status: "healthy", metrics: {} }),
    keep: () => Promise.resolve(),
    touch: () => Promise.resolve(),
    reload: () => Promise.resolve("same"),
    reread: () => Promise.resolve("same"),
    rotateEverySeconds: null,
    tell,
  }, null);
  assert.deepEqual(await monitor.run(), { type: "stopped" });
  const [first, second] = handshakes;
  return { intervalSeconds, refreshIn: first?.refreshIn ?? NaN, nextHandshakeAt: second?.at ?? NaN };
}

/** Kills the server, and starts another one on its data and its port once the loss was told. */
async function losesServer(client: FleetClient, server: ServerProcess): Promise<void> {
  await using home = await temporaryFolder();
  const agent = await client.createAgent({ heartbeat_interval_seconds: 5 });
  const env = identify(agent, server.url);
  await using monitor = start(["monitor", "--json"], { home: home.path, env, time });
  await monitor.until("heartbeat");
  await server.stop("SIGKILL");
  await monitor.until("outage", 2);
  const args = ["--port", new URL(server.url).port];
  await using _another = await startServerProcess({ data: server.data, args });
  await monitor.until("recovered");
  const beats = eventsOf(monitor).filter((event) => event === "heartbeat").length;
  await monitor.until("heartbeat", beats + 2);
  assert.deepEqual(changesOf(monitor), ["started", "handshake", "outage", "recovered"]);
  assert.equal((await client.agent(agent.id)).liveness, "online");
}

async function goesThroughProxy(data: string): Promise<void> {
  await using folder = await temporaryFolder();
  const home = folder.path;
  const { paths, authority } = await makeCertificate(home);
  const args = ["--tls-cert", paths.cert, "--tls-key", paths.key];
  await using server = await startServerProcess({ data, args });
  const { port } = new URL(server.url);
  const identity = await createOverTls(server, authority);
  const proxy = startConnectProxy({ port: Number(port) });
  try {
    // Only the proxy knows this name.
    const env = { ...identify(identity, `https://fleet.invalid:${port}`), HTTPS_PROXY: proxy.url };
    await using monitor = start(["monitor", "--json", "--ca-file", authority], { home, env });
    await monitor.until("heartbeat");
    monitor.kill("SIGTERM");
    const { code, stdout } = await monitor.ended;
    assert.equal(code, 0);
    assert.match(stdout, /stopped; the server was told/);
    assert.equal(proxy.asked[0], `CONNECT fleet.invalid:${port} HTTP/1.1`);
    const doctor = await run(["doctor", "--ca-file", authority], { home, env });
    assert.equal(doctor.code, 0, doctor.stdout);
    assert.match(doctor.stdout, /pass {2}proxy/);
    const stranger = await run(["handshake"], { home, env });
    assert.equal(stranger.code, 6);
    assert.match(stranger.stderr, /certificate|UnknownIssuer/i);
  } finally {
    proxy.close();
  }
}

async function createOverTls({ url, operatorKey }: ServerProcess, authority: string): Promise<CreatedAgent> {
  const client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(authority)] });
  try {
    const reply = await fetch(`https://localhost:${new URL(url).port}/functions/v1/create-agent`, {
      client,
      method: "POST",
      headers: { apikey: operatorKey },
      body: JSON.stringify({ name: "behind a proxy" }),
    });
    const created = record(await reply.json());
    return { id: text(record(created.agent).id), secret: text(created.agent_secret) };
  } finally {
    client.close();
  }
}

function eventsOf(monitor: Running): unknown[] {
  return monitor.events().map(({ event }) => event);
}

/** The events, but for single beats. */
function changesOf(monitor: Running): unknown[] {
  return monitor.events().filter(({ level }) => level !== "debug").map(({ event }) => event);
}
