import { arch, cpus, freemem, hostname, loadavg, platform, totalmem, uptime } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { issueSession } from "../supabase/functions/_shared/auth.ts";
import { issuerOf, readSettings } from "../supabase/functions/_shared/env.ts";
import { generateSigningKey, importKeyRing, type KeyRing } from "../supabase/functions/_shared/keys.ts";
import { Log } from "../supabase/functions/_shared/log.ts";
import { version } from "../supabase/functions/_shared/version.ts";
import { everyAgent, timeOf } from "../cli/commands/fleet/_fleet_pages.ts";
import { picture } from "../cli/commands/fleet/_picture.ts";
import { connectTo } from "../cli/identity/setup.ts";
import type { Operator } from "../cli/operator/operator.ts";
import { answer, say } from "../cli/terminal/output.ts";
import { startServer } from "../cli/serve/server.ts";

interface Demo {
  base: string;
  operatorKey: string;
  data: string;
  /** Aborted when the demo is told to stop. */
  signal: AbortSignal;
}

interface Reply {
  status: number;
  body: Record<string, unknown>;
}

/** A step that did not go as it should. */
class DemoError extends Error {
  override readonly name = "DemoError";
}

/**
 * Shows the whole handshake against a real server in a temporary folder. Exit code 0 only if each step was so.
 * `prepare` may put a database there that was made before: making one takes most of the demo's CPU.
 */
export async function main(prepare = (_data: string): Promise<void> => Promise.resolve()): Promise<number> {
  goAroundProxies();
  const stop = stopSignal();
  const data = await Deno.makeTempDir({ prefix: "openclaw-demo-" });
  try {
    await prepare(data);
    answer("Starting a server in a temporary folder (the first start makes its database) ...");
    await serveAndPlay(data, stop.signal);
    answer(farewell);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return stop.exitCode();
    if (!(error instanceof DemoError)) throw error;
    say(`error: ${error.message}`);
    return 1;
  } finally {
    await Deno.remove(data, { recursive: true });
  }
}

/** The demo asks nobody but its own server; to a proxy, 127.0.0.1 is the proxy's own host. */
function goAroundProxies(): void {
  const others = Deno.env.get("NO_PROXY") || Deno.env.get("no_proxy");
  Deno.env.set("NO_PROXY", others ? `${others},127.0.0.1` : "127.0.0.1");
}

/** Takes the signals that would end the process before its folder, which has keys in it, is removed. */
function stopSignal(): { signal: AbortSignal; exitCode: () => number } {
  const windows: [Deno.Signal, number][] = [["SIGINT", 130], ["SIGBREAK", 149]];
  const others: [Deno.Signal, number][] = [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]];
  const controller = new AbortController();
  let exitCode = 0;
  for (const [signal, code] of Deno.build.os === "windows" ? windows : others) {
    Deno.addSignalListener(signal, () => {
      exitCode ||= code;
      controller.abort();
    });
  }
  return { signal: controller.signal, exitCode: () => exitCode };
}

async function serveAndPlay(data: string, signal: AbortSignal): Promise<void> {
  const server = await startServer(
    { hostname: "127.0.0.1", port: 0, data, databaseUrl: null, tls: null, restore: false },
    { env: () => undefined, settings: readSettings(() => undefined), log: new Log(() => undefined) },
  );
  try {
    const operatorKey = (await Deno.readTextFile(server.operatorKeyPath)).trim();
    await play({ base: issuerOf(server.url), operatorKey, data, signal });
  } finally {
    await server.stop();
  }
}

async function play(demo: Demo): Promise<void> {
  show("the server listens", demo.base);
  const { id, secret } = await enrol(demo, `demo on ${hostname()}`);
  await expectLiveness(demo, id, "pending");

  const handshake = await call(demo, "/handshake", { body: { agent_id: id, agent_secret: secret, client } });
  expect(handshake, 200);
  const token = text(handshake.body.token);
  show(
    "shook hands: id and secret for a session",
    `good for ${handshake.body.expires_in} s, a JWT of ${token.length} characters`,
  );
  await expectLiveness(demo, id, "pending");

  const due = await beat(demo, token, 1);
  await expectLiveness(demo, id, "online");
  await showRefusals(demo, id);
  await sleep(Math.max(0, due - performance.now()), undefined, { signal: demo.signal });
  await beat(demo, token, 2);

  expect(
    await call(demo, `/agents/${id}/revoke`, { method: "POST", headers: { apikey: demo.operatorKey } }),
    200,
  );
  show("the operator revokes the agent", "its sessions end with their next beat");
  await expectRefusal(demo, "the session that was good a moment ago", token, "session_revoked");
  const again = await call(demo, "/handshake", { body: { agent_id: id, agent_secret: secret } });
  expect(again, 401, "invalid_credentials");
  show("refused: a new handshake with the right secret", `401 ${again.body.error}`);
  await expectLiveness(demo, id, "revoked");
  await showFleet(demo);
}

/** What `openclaw fleet` shows: one agent that beats, one that never came, and the one that was revoked. */
async function showFleet(demo: Demo): Promise<void> {
  const { id, secret } = await enrol(demo, "a second agent");
  const handshake = await call(demo, "/handshake", { body: { agent_id: id, agent_secret: secret, client } });
  expect(handshake, 200);
  await beat(demo, text(handshake.body.token), 1);
  await enrol(demo, "a third agent");
  show("openclaw fleet", "what an operator sees of them, the worst first\n");
  const fleet = await everyAgent(await operatorOf(demo), {});
  for (const line of picture({ ...fleet, isFiltered: false, now: timeOf(fleet) }, 100)) answer(`    ${line}`);
}

async function operatorOf({ base, operatorKey }: Demo): Promise<Operator> {
  const connection = await connectTo({ url: base, from: "the demo" }, {}, () => undefined);
  const authorize = () => Promise.resolve({ apikey: operatorKey });
  return { ...connection, credential: "data folder", isReader: false, authorize };
}

/** Beats that the server must not take, sent while the next one of the agent itself is not due yet. */
async function showRefusals(demo: Demo, id: string): Promise<void> {
  const stranger = await importKeyRing({ keys: [await generateSigningKey()] });
  const keys = await importKeyRing(JSON.parse(await Deno.readTextFile(join(demo.data, "jwt-keys.json"))));
  const forger = { ...keys, signing: { kid: keys.signing.kid, key: stranger.signing.key } };
  await expectRefusal(
    demo,
    "a token that a stranger signed in our name",
    session(demo, forger, id),
    "token_invalid",
  );
  await expectRefusal(
    demo,
    "a token that expired an hour ago",
    session(demo, keys, id, 2 * 3600),
    "token_expired",
  );
  await expectRefusal(demo, "no token, only the agent's id", null, "token_missing");
}

const client = { version, hostname: hostname(), os: platform(), arch: arch() };

async function enrol(demo: Demo, name: string): Promise<{ id: string; secret: string }> {
  const created = await call(demo, "/create-agent", {
    headers: { apikey: demo.operatorKey },
    body: { name: name.slice(0, 100), heartbeat_interval_seconds: 5 },
  });
  expect(created, 201);
  const id = text(record(created.body.agent).id);
  const secret = text(created.body.agent_secret);
  show(
    "created an agent",
    `${id}, and its secret ${secret.slice(0, 4)}... (${secret.length} characters, shown once)`,
  );
  return { id, secret };
}

/** Sends one heartbeat, and returns when the server expects the next one. */
async function beat(demo: Demo, token: string, seq: number): Promise<number> {
  const metrics = {
    load_1m: Math.round(100 * (loadavg()[0] ?? 0)) / 100,
    memory_percent: Math.round(1000 * (1 - freemem() / totalmem())) / 10,
    uptime_seconds: Math.round(uptime()),
  };
  const reply = await call(demo, "/heartbeat", {
    headers: { authorization: `Bearer ${token}` },
    body: { metrics, seq, message: `${cpus().length} cores` },
  });
  expect(reply, 200);
  const seconds = Number(reply.body.next_heartbeat_in);
  show(`heartbeat ${seq}`, `${JSON.stringify(metrics)}, the server expects the next one in ${seconds} s`);
  return performance.now() + seconds * 1000;
}

function session(demo: Demo, keys: KeyRing, agentId: string, ageSeconds = 0): string {
  const now = new Date(Date.now() - ageSeconds * 1000);
  return issueSession(keys, { agentId, epoch: 1, issuer: demo.base, lifetimeSeconds: 3600, now });
}

async function expectRefusal(
  demo: Demo,
  what: string,
  token: string | null,
  code: string,
): Promise<void> {
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  const reply = await call(demo, "/heartbeat", { headers, body: {} });
  expect(reply, 401, code);
  show(`refused: ${what}`, `401 ${reply.body.error}: ${reply.body.error_description}`);
}

async function expectLiveness(demo: Demo, id: string, wanted: string): Promise<void> {
  const reply = await call(demo, `/agents/${id}`, { headers: { apikey: demo.operatorKey } });
  expect(reply, 200);
  const { name, liveness, last_seen_at } = reply.body;
  if (liveness !== wanted) throw new DemoError(`The agent's row says ${liveness}, not ${wanted}`);
  answer(`    the row: ${JSON.stringify({ name, liveness, last_seen_at })}`);
}

async function call(
  { base, signal }: Demo,
  path: string,
  { body, ...init }: { method?: string; headers?: Record<string, string>; body?: unknown },
): Promise<Reply> {
  const sent: RequestInit = body === undefined
    ? init
    : { method: "POST", ...init, body: JSON.stringify(body) };
  const response = await fetch(`${base}${path}`, { ...sent, signal });
  return { status: response.status, body: record(await response.json()) };
}

function expect({ status, body }: Reply, wanted: number, code?: string): void {
  if (status === wanted && (code === undefined || body.error === code)) return;
  throw new DemoError(
    `The server answered ${status} ${JSON.stringify(body.error)}, not ${wanted} ${code ?? ""}`,
  );
}

function show(step: string, what: string): void {
  answer(`  * ${step}\n    ${what}`);
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value));
  throw new DemoError("The server answered with something that is not an object");
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  throw new DemoError("The server left a string out of its answer");
}

const farewell = `
Every step was as it should be. To do it for real ("deno" is "npx -y deno@2.9.6" where there is no Deno):
  deno task start        starts the server, keeps its data in ./openclaw-data, and prints how to create an agent
  deno task test         proves the rest`;

if (import.meta.main) Deno.exit(await main());
