import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readSettings } from "../supabase/functions/_shared/env.ts";
import { Log } from "../supabase/functions/_shared/log.ts";
import { startServer } from "../cli/serve/server.ts";
import { answer } from "../cli/terminal/output.ts";

/** What one simulated agent does. */
interface Kind {
  interval: number;
  deadline?: number;
  /** Its beat; null: it falls silent after its first one. */
  beat: (seq: number) => object | null;
  /** Whether a copy of it beats, too. */
  hasCopy?: boolean;
}

const sites = ["Graz", "Innsbruck", "Linz", "Salzburg", "Wien", "Zürich"];
const roles = ["api", "db", "edge", "queue", "web"];
const sound: Kind = { interval: 60, beat: (seq) => ({ metrics: metricsAt(seq) }) };
const silent: Kind = { interval: 5, beat: (seq) => seq === 1 ? {} : null };
const stalled: Kind = {
  interval: 15,
  deadline: 10,
  beat: () => ({ work: { busy: true, progress: 8812 }, message: "job 8812, step 3 of 9" }),
};
const unhealthy: Kind = {
  interval: 30,
  beat: (seq) => ({
    status: "unhealthy",
    message: "disk /var is 97 % full",
    metrics: { ...metricsAt(seq), disk_percent: 97 },
  }),
};
const degraded: Kind = {
  interval: 30,
  beat: () => ({ status: "degraded", message: "the replica lags by 40 s" }),
};
const copied: Kind = { interval: 15, beat: () => ({}), hasCopy: true };
const sick = [silent, silent, silent, silent, stalled, stalled, unhealthy, unhealthy, degraded, copied];

/** Serves a thousand simulated agents, ten of them sick, from a temporary folder, until it is told to stop. */
async function main(count = 1000): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stop.abort());
  const data = await Deno.makeTempDir({ prefix: "openclaw-fleet-" });
  answer("Starting a server in a temporary folder (the first start makes its database) ...");
  const server = await startServer(
    { hostname: "127.0.0.1", port: 0, data, databaseUrl: null, tls: null, restore: false },
    { env: () => undefined, settings: readSettings(() => undefined), log: new Log(() => undefined) },
  );
  try {
    const key = (await Deno.readTextFile(server.operatorKeyPath)).trim();
    answer(`The page:  ${server.url}/\nIts key:   ${join(data, "operator-key")}\nAn end:    Ctrl-C`);
    await Promise.all(
      Array.from(
        { length: 20 },
        (_, lane) => live(`${server.url}/functions/v1`, key, { lane, count, signal: stop.signal }),
      ),
    );
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    await server.stop();
    await Deno.remove(data, { recursive: true });
  }
  return 0;
}

interface Agent {
  id: string;
  secret: string;
  kind: Kind;
  tokens: Map<string, { token: string; until: number }>;
  instances: string[];
  seq: number;
  due: number;
}

/** Every twentieth agent, one after the other: made, and then kept beating. */
async function live(
  base: string,
  key: string,
  { lane, count, signal }: { lane: number; count: number; signal: AbortSignal },
): Promise<void> {
  const agents: Agent[] = [];
  for (let number = lane; number < count; number += 20) {
    const agent = await make(base, key, number, signal);
    await beat(base, agent, signal);
    agents.push(agent);
  }
  while (!signal.aborted) {
    const [next] = agents.sort((one, other) => one.due - other.due);
    if (next === undefined) return;
    await sleep(Math.max(0, next.due - performance.now()), undefined, { signal });
    await beat(base, next, signal);
  }
}

async function make(base: string, key: string, number: number, signal: AbortSignal): Promise<Agent> {
  const site = sites[number % sites.length] ?? "";
  const role = roles[number % roles.length] ?? "";
  const kind = number % 97 === 13 ? sick[(number - 13) / 97] ?? sound : sound;
  const { agent, agent_secret } = await call<{ agent: { id: string }; agent_secret: string }>(
    `${base}/create-agent`,
    {
      headers: { apikey: key },
      body: {
        name: `${role}-${site.toLowerCase().slice(0, 3).replace("ü", "u")}-${
          String(number).padStart(3, "0")
        }`,
        labels: { site, role },
        heartbeat_interval_seconds: kind.interval,
        progress_deadline_seconds: kind.deadline ?? null,
      },
      signal,
    },
  );
  const instances = Array.from({ length: kind.hasCopy ? 2 : 1 }, () => crypto.randomUUID());
  return { id: agent.id, secret: agent_secret, kind, tokens: new Map(), instances, seq: 0, due: 0 };
}

async function beat(base: string, agent: Agent, signal: AbortSignal): Promise<void> {
  agent.seq++;
  agent.due = performance.now() + agent.kind.interval * 1000;
  const body = agent.kind.beat(agent.seq);
  if (body === null) {
    agent.due = Infinity;
    return;
  }
  for (const instance_id of agent.instances) {
    const token = await session(base, agent, instance_id, signal);
    const { next_heartbeat_in } = await call<{ next_heartbeat_in: number }>(`${base}/heartbeat`, {
      headers: { authorization: `Bearer ${token}` },
      body: { ...body, seq: agent.seq, instance_id },
      signal,
    });
    agent.due = performance.now() + next_heartbeat_in * 1000;
  }
}

async function session(
  base: string,
  agent: Agent,
  instance_id: string,
  signal: AbortSignal,
): Promise<string> {
  const known = agent.tokens.get(instance_id);
  if (known !== undefined && known.until > performance.now()) return known.token;
  const hostname = agent.instances[0] === instance_id ? `host-${agent.id.slice(0, 4)}` : "build-7";
  const client = { version: "0.1.0", hostname, os: "linux", arch: "x86_64", supports: ["rotate", "adopt"] };
  const { token, refresh_in } = await call<{ token: string; refresh_in: number }>(`${base}/handshake`, {
    body: { agent_id: agent.id, agent_secret: agent.secret, client, instance_id },
    signal,
  });
  agent.tokens.set(instance_id, { token, until: performance.now() + refresh_in * 1000 });
  return token;
}

async function call<Reply>(
  url: string,
  { headers = {}, body, signal }: { headers?: Record<string, string>; body: object; signal: AbortSignal },
): Promise<Reply> {
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return await response.json();
}

function metricsAt(seq: number): Record<string, number> {
  return {
    cpu_percent: 20 + (seq * 7) % 30,
    memory_percent: 41,
    disk_percent: 60,
    load_1m: 0.4 + (seq % 5) / 10,
  };
}

if (import.meta.main) Deno.exit(await main());
