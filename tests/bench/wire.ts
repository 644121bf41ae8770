// deno-lint-ignore-file no-console -- a benchmark prints
import { join } from "node:path";
import { beat, handshake } from "../../cli/api/agent.ts";
import { Pool } from "../../cli/api/pool.ts";
import { issueSession } from "../../supabase/functions/_shared/auth.ts";
import { generateSigningKey, importKeyRing } from "../../supabase/functions/_shared/keys.ts";
import { digestSecret, makeSecret } from "../../supabase/functions/_shared/secret.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { succeed } from "../_support/run.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { execute, withSql } from "../_support/sql.ts";
import { makeChain } from "./_chain.ts";
import { row } from "./_numbers.ts";
import { cpuOf } from "./_accounting.ts";

// What a beat and a handshake cost over https: the bytes of the IP packets each way, between two network namespaces;
// the microseconds of CPU of the server and of Postgres for each, with 100,000 agents; and the bytes that Postgres
// sends. Linux, and root. What the operator's command "cost" reckons with comes from here.
//
//   deno task bench:wire

const agents = 100_000;
const addresses = ["10.83.7.1", "10.83.7.2"] as const;
const link = "openclaw-wire";
const ethernet = 14;
const hosts = ["openclaw-bench-a", "openclaw-bench-b"] as const;
const loadSeconds = 12;

/** The same connection, a new one for each, and one that the server has ended, whose TLS session may be taken up. */
const kinds = [
  "a beat, kept connection",
  "a handshake, kept connection",
  "a beat, new connection",
  "a beat, taken up again",
];

interface Work {
  what: string;
  path: "heartbeat" | "handshake";
  connection: "close" | "keep-alive";
  /** The first of the agents that do it. */
  from: number;
}

const works: Work[] = [
  { what: "a beat, new connection", path: "heartbeat", connection: "close", from: 0 },
  { what: "a beat, kept connection", path: "heartbeat", connection: "keep-alive", from: agents / 2 },
  { what: "a handshake, kept connection", path: "handshake", connection: "keep-alive", from: 0 },
];

const client = {
  version: "0.1.0",
  hostname: "web-1",
  os: "linux",
  arch: "x86_64",
  supports: ["rotate", "adopt"],
};
const metrics = {
  cpu_percent: 12.5,
  memory_percent: 41.5,
  disk_percent: 70.1,
  load_1m: 0.52,
  uptime_seconds: 1234567,
};

const [role, ...given] = Deno.args;
if (role === "server") await measure();
else if (role === "client") await countBytes(given);
else await between();

/** Makes two namespaces with one cable between them, and starts the rest in the first one. */
async function between(): Promise<void> {
  const ip = async (...args: string[]): Promise<void> => void await succeed("ip", args);
  try {
    for (const name of hosts) await ip("netns", "add", name);
    await ip("link", "add", link, "netns", hosts[0], "type", "veth", "peer", "name", link, "netns", hosts[1]);
    for (const [index, name] of hosts.entries()) {
      const inside = (...args: string[]): Promise<void> => ip("-n", name, ...args);
      await inside("addr", "add", `${addresses[index]}/24`, "dev", link);
      // Each packet by itself, as on a wire.
      await inside("link", "set", link, "gso_max_segs", "1");
      await inside("link", "set", link, "up");
      await inside("link", "set", "lo", "up");
    }
    const { success } = await within(hosts[0], ["server"]).spawn().status;
    if (!success) Deno.exitCode = 1;
  } finally {
    for (const name of hosts) await ip("netns", "del", name);
  }
}

function within(namespace: string, args: string[]): Deno.Command {
  const program = [Deno.execPath(), "run", "--quiet", "--allow-all", import.meta.filename ?? ""];
  return new Deno.Command("ip", { args: ["netns", "exec", namespace, ...program, ...args] });
}

async function measure(): Promise<void> {
  const bin = await findPostgres();
  if (bin === null) throw new Error("It takes a Postgres");
  await using postgres = await startPostgres(bin);
  const databaseUrl = await postgres.createDatabase();
  await withFolder(async (folder) => {
    const chain = await makeChain(folder, addresses[0]);
    const key = await generateSigningKey();
    using relay = countingRelay(postgres.port);
    await using server = await startServerProcess({
      data: join(folder, "data"),
      args: ["--host", addresses[0], "--tls-cert", chain.cert, "--tls-key", chain.key],
      env: {
        DATABASE_URL: databaseUrl.replace(`:${postgres.port}/`, `:${relay.port}/`),
        AGENT_JWT_KEYS: JSON.stringify({ keys: [key] }),
      },
    });
    const secret = makeSecret(crypto.getRandomValues(new Uint8Array(32)));
    const ids = await makeAgents(databaseUrl, digestSecret(secret));
    console.log(row("bytes of IP packets", "sent by the agent", "sent by the server", "packets"));
    for (const kind of kinds) {
      await within(hosts[1], ["client", kind, server.url, chain.root, ids[0] ?? "", secret]).spawn().status;
    }
    const ring = await importKeyRing({ keys: [key] });
    const issued = ids.map((agentId) =>
      issueSession(ring, { issuer: server.base, agentId, epoch: 1, lifetimeSeconds: 3600, now: new Date() })
    );
    const lines = issued.map((token, index) => `${ids[index]} ${token}`);
    await Deno.writeTextFile(join(folder, "sessions"), lines.join("\n"));
    const pids = [server.pid, await postgres.pid()] as const;
    const spent = async (): Promise<
      number[]
    > => [await cpuOf([pids[0]]), await cpuOf([pids[1]]), relay.bytes()];
    console.log(row("microseconds of CPU", "a second", "server", "Postgres", "bytes of Postgres"));
    for (const work of works) {
      const before = await spent();
      const done = await load(folder, { work, secret, url: server.url });
      const each = (await spent()).map((all, index) => ((all - (before[index] ?? 0)) / done).toFixed(0));
      console.log(row(work.what, (done / loadSeconds).toFixed(0), ...each));
    }
  });
}

/** Hands all bytes on to and from a port, and counts those that come from it. */
function countingRelay(port: number): { port: number; bytes: () => number } & Disposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let bytes = 0;
  const count = (): TransformStream<Uint8Array, Uint8Array> =>
    new TransformStream({
      transform(chunk, controller) {
        bytes += chunk.length;
        controller.enqueue(chunk);
      },
    });
  const join = async (near: Deno.Conn): Promise<void> => {
    const far = await Deno.connect({ hostname: "127.0.0.1", port });
    await Promise.allSettled([
      near.readable.pipeTo(far.writable),
      far.readable.pipeThrough(count()).pipeTo(near.writable),
    ]);
  };
  (async () => {
    for await (const near of listener) void join(near);
  })();
  return { port: listener.addr.port, bytes: () => bytes, [Symbol.dispose]: () => listener.close() };
}

/** Sends what 64 connections take; returns how many were answered. */
async function load(
  folder: string,
  { work, secret, url }: { work: Work; secret: string; url: string },
): Promise<number> {
  const script = join(folder, "requests.lua");
  await Deno.writeTextFile(script, luaFor(folder, work, secret));
  const wrk = ["wrk", "-t1", "-c64", `-d${loadSeconds}`, "-s", script, url];
  const { stdout } = await succeed("ip", ["netns", "exec", hosts[1], ...wrk]);
  const [, done] = /(\d+) requests in/.exec(stdout) ?? [];
  if (done === undefined || /Non-2xx/.test(stdout)) throw new Error(stdout);
  return Number(done);
}

async function makeAgents(databaseUrl: string, digest: string): Promise<string[]> {
  await execute(
    databaseUrl,
    `insert into public.agents (name, agent_secret, secret_created_at, labels)
     select 'web-' || i, '${digest}', now(), '{"site": "Linz", "rack": "7"}' from generate_series(1, ${agents}) as i`,
  );
  for (const table of ["agents", "agent_beats"]) await execute(databaseUrl, `vacuum analyze public.${table}`);
  const rows = await withSql(databaseUrl, (sql) => sql`select id::text from public.agents order by random()`);
  return rows.map(({ id }) => String(id));
}

/** Each request is another agent's: a beat with a token that is verified for the first time, or a handshake. */
function luaFor(folder: string, { path, connection, from }: Work, secret: string): string {
  const beats = path === "heartbeat";
  const body = beats
    ? `'{"status":"healthy","metrics":${
      JSON.stringify(metrics)
    },"seq":' .. i .. ',"instance_id":"' .. id .. '","sent_at":"' .. os.date("!%Y-%m-%dT%H:%M:%SZ") .. '"}'`
    : `'{"agent_id":"' .. id .. '","agent_secret":"${secret}","client":${
      JSON.stringify(client)
    },"instance_id":"' .. id .. '"}'`;
  return `
    local sessions = {}
    for line in io.lines("${join(folder, "sessions")}") do sessions[#sessions + 1] = line end
    local i = ${from}
    request = function()
      i = i + 1
      local id, token = string.match(sessions[i % #sessions + 1], "(%S+) (%S+)")
      local headers = { connection = "${connection}", ["content-type"] = "application/json" }
      ${beats ? 'headers["authorization"] = "Bearer " .. token' : ""}
      return wrk.format("POST", "/functions/v1/${path}", headers, ${body})
    end
  `;
}

/** The bytes of what our own client sends and gets, from the counters of its end of the cable. */
async function countBytes(
  [kind = "", url = "", root = "", agentId = "", secret = ""]: string[],
): Promise<void> {
  const pem = await Deno.readTextFile(root);
  const isAgain = kind.endsWith("again");
  const pools = Array.from({ length: isAgain ? 400 : 1 }, () => new Pool([pem]));
  const rounds = isAgain ? 1 : 50;
  const hello = { client, instanceId: agentId };
  const opened = await handshake({ url, pool: new Pool([pem]) }, { agentId, secret }, hello);
  if (opened.kind !== "ok") throw new Error(JSON.stringify(opened));
  let seq = 0;
  const one = async (pool: Pool): Promise<void> => {
    if (kind.endsWith("new connection")) pool.renew();
    const report = { status: "healthy", metrics, seq: ++seq, instanceId: agentId } as const;
    const outcome = kind.startsWith("a handshake")
      ? await handshake({ url, pool }, { agentId, secret }, hello)
      : await beat({ url, pool }, opened.value.token, { report });
    if (outcome.kind !== "ok") throw new Error(JSON.stringify(outcome));
  };
  /** Until the server has ended what was idle. */
  const wait = (): Promise<void> => new Promise((done) => setTimeout(done, isAgain ? 17_000 : 500));
  for (const pool of pools) await one(pool);
  await wait();
  const before = await counters();
  for (let round = 0; round < rounds; round++) for (const pool of pools) await one(pool);
  await wait();
  const after = await counters();
  const each = (name: keyof typeof after): number => (after[name] - before[name]) / rounds / pools.length;
  console.log(row(kind, each("sent").toFixed(0), each("received").toFixed(0), each("packets").toFixed(1)));
  Deno.exit();
}

/** The bytes of the IP packets so far, without Ethernet's frames. */
async function counters(): Promise<{ sent: number; received: number; packets: number }> {
  const read = async (name: string): Promise<number> =>
    Number(await Deno.readTextFile(`/sys/class/net/${link}/statistics/${name}`));
  const [out, outPackets, into, intoPackets] = await Promise.all(
    ["tx_bytes", "tx_packets", "rx_bytes", "rx_packets"].map(read),
  );
  return {
    sent: (out ?? 0) - ethernet * (outPackets ?? 0),
    received: (into ?? 0) - ethernet * (intoPackets ?? 0),
    packets: (outPackets ?? 0) + (intoPackets ?? 0),
  };
}
