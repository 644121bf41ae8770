import assert from "node:assert/strict";
import { uptime } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { type CreatedAgent, FleetClient, record, text } from "../_support/client.ts";
import { identify, type Running, start } from "../_support/program.ts";
import { temporaryFolder } from "../_support/server.ts";
import { type ServerHere, startServerHere } from "../_support/server_here.ts";
import { startSwallowingRelay } from "../_support/swallowing_relay.ts";
import { until } from "../_support/wait.ts";

// Each reason of a gap by the real thing that it names, of one agent's real program, as the history tells it over HTTP.
// Only time is not waited for: while nothing of the agent arrives, the database is told that its last beat was so much
// longer ago.

/** The agent's interval of 5 s passes in one. */
const time = { clock: 5 };
/** In seconds: more than counts as online (20.5), and less than this host is up. */
const silence = Math.min(600, Math.floor(uptime() / 2));

interface Gap {
  reason: unknown;
  detail: Record<string, unknown>;
  seconds: number;
}

Deno.test(
  {
    name: "silences of an agent, each with its reason",
    ignore: Deno.build.os === "windows",
  },
  async (context) => {
    await using folder = await temporaryFolder();
    const data = join(folder.path, "data");
    await using made = new AsyncDisposableStack();
    let server = await startServerHere({ data });
    made.defer(() => server[Symbol.asyncDispose]());
    // The database is a copy of one that was made before: of the time until now there is a gap on record.
    await server.sql("select public.tick()");
    await server.sql("delete from public.server_gaps");

    const client = new FleetClient(server.base, server.operatorKey);
    const agent = await client.createAgent({ heartbeat_interval_seconds: 5 });
    const begin = (args: string[] = [], url = server.url): Running =>
      made.use(start(["monitor", "--json", ...args], {
        home: folder.path,
        env: identify(agent, url),
        time,
      }));
    const pass = (seconds = silence) => passSilently({ server, client, agent }, seconds);
    const relay = startRelay(server);
    made.use(relay);
    let monitor = begin([], relay.url);

    await context.step("a process that is stopped by SIGSTOP → suspended", async () => {
      await monitor.until("heartbeat");
      monitor.kill("SIGSTOP");
      await pass();
      const beats = seqsOf(monitor).length;
      monitor.kill("SIGCONT");
      await monitor.until("heartbeat", beats + 2);
      assertGap(await lastGap(client, agent, 1), { reason: "suspended", detail: {} });
    });

    await context.step("a network that is cut for three tries → network", async () => {
      relay.cut();
      await monitor.until("outage", 3);
      await pass();
      const beats = seqsOf(monitor).length;
      relay.mend();
      await monitor.until("heartbeat", beats + 1);
      const seqs = seqsOf(monitor);
      const unanswered = Number(seqs[beats]) - Number(seqs[beats - 1]) - 1;
      assert.ok(unanswered >= 3, `${seqs}`);
      const detail = { unanswered_count: unanswered };
      assertGap(await lastGap(client, agent, 2), { reason: "network", detail });
    });

    await context.step("an agent that is killed, and started again → agent", async () => {
      await monitor.end();
      await pass();
      monitor = begin();
      await monitor.until("heartbeat");
      assertUptime(await lastGap(client, agent, 3), "agent");
    });

    await context.step("a host that was started since the last beat → host", async () => {
      await monitor.end();
      await pass(Math.ceil(uptime()) + 3600);
      monitor = begin(["--back-in", "120"]);
      await monitor.until("heartbeat");
      assertUptime(await lastGap(client, agent, 4), "host");
    });

    await context.step("an agent that is asked to stop, and says when it is back → planned", async () => {
      monitor.kill("SIGTERM");
      assert.equal((await monitor.ended).code, 0);
      await pass();
      monitor = begin();
      await monitor.until("heartbeat");
      assertGap(await lastGap(client, agent, 5), { reason: "planned", detail: { back_in_seconds: 120 } });
    });

    await context.step("a server that was stopped → server", async () => {
      const port = Number(new URL(server.url).port);
      await server[Symbol.asyncDispose]();
      await monitor.until("outage");
      await passWhileStopped(data);
      server = await startServerHere({ data, port });
      await monitor.until("recovered");
      assertGap(await lastGap(client, agent, 6), { reason: "server", detail: {} });
    });
  },
);

/** A way to the server that is cut and mended, at one address. */
function startRelay({ url }: ServerHere): Disposable & { url: string; cut: () => void; mend: () => void } {
  const { port } = new URL(url);
  let relay = startSwallowingRelay(Number(port));
  const near = relay.port;
  let isCut = false;
  return {
    url: `http://127.0.0.1:${near}`,
    cut() {
      relay[Symbol.dispose]();
      isCut = true;
    },
    mend() {
      relay = startSwallowingRelay(Number(port), near);
      isCut = false;
    },
    [Symbol.dispose]() {
      if (!isCut) relay[Symbol.dispose]();
    },
  };
}

/** The agent's last beat was so many seconds before it was. */
async function passSilently(
  { server, client, agent }: { server: ServerHere; client: FleetClient; agent: CreatedAgent },
  seconds: number,
): Promise<void> {
  // A beat that was under way when the agent fell silent may arrive after the first time.
  await until("the silence of the agent", async () => {
    await server.sql(beatsLongAgo(seconds));
    const { last_seen_at: at } = await client.agent(agent.id);
    return Date.now() - Date.parse(text(at)) >= seconds * 1000;
  });
}

/** The same while the server is stopped, of all that it has stamped. */
async function passWhileStopped(data: string): Promise<void> {
  await using database = await PGlite.create({ dataDir: join(data, "postgres") });
  await database.exec(`${beatsLongAgo(silence)};
    update public.ticks set ticked_at = ticked_at - interval '${silence} s';
    update public.server_gaps set began_at = began_at - interval '${silence} s',
      ended_at = ended_at - interval '${silence} s', excused_until = excused_until - interval '${silence} s'`);
}

function beatsLongAgo(seconds: number): string {
  return `update public.agent_beats set last_seen_at = last_seen_at - interval '${seconds} s',
    online_since = online_since - interval '${seconds} s', back_at = back_at - interval '${seconds} s'`;
}

/** The newest of so many gaps, as an operator reads them. */
async function lastGap(client: FleetClient, { id }: CreatedAgent, count: number): Promise<Gap> {
  const { status, body } = await client.operate(`agents/${id}/history`);
  assert.equal(status, 200, JSON.stringify(body));
  assert.ok(Array.isArray(body.gaps), JSON.stringify(body));
  const gaps = body.gaps.map(record).map(({ from, to, reason, detail }): Gap => {
    const seconds = (Date.parse(text(to)) - Date.parse(text(from))) / 1000;
    return { reason, detail: record(detail), seconds };
  });
  // On a machine that stands still for a while, the agent falls silent by itself, too.
  const long = gaps.filter(({ seconds }) => seconds >= silence);
  assert.equal(long.length, count, JSON.stringify(gaps));
  return long.at(-1) ?? assert.fail("there is no gap");
}

function assertGap({ seconds: _, ...told }: Gap, expected: Omit<Gap, "seconds">): void {
  assert.deepEqual(told, expected);
}

/** It is told from the uptime that the agent's own beat has. */
function assertUptime(gap: Gap, reason: string): void {
  const said = Number(gap.detail.uptime_seconds);
  assert.ok(Math.abs(said - uptime()) < 300, `${said} s`);
  assertGap(gap, { reason, detail: { uptime_seconds: said } });
}

function seqsOf(monitor: Running): unknown[] {
  return monitor.events().filter(({ event }) => event === "heartbeat").map(({ seq }) => seq);
}
