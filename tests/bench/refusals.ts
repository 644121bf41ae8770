// deno-lint-ignore-file no-console -- a benchmark prints
import { FleetClient, record, send, text } from "../_support/client.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { median, percentile, row } from "./_numbers.ts";
import { agentSecret as wrongSecret, enrollmentCode as unknownCode } from "../_support/vectors.ts";

// Whether time tells why a handshake was refused: unknown id, wrong secret or revoked; and why an enrollment code
// was: unknown, used up or revoked. One after the other in a random order. Each reply is booked under its own kind, and under the kind of the one before it, whose work
// may still be under way. The control is the first kind under a second name: what differs there is noise.

const refusals = 6000;
type Times = Map<string, number[]>;

await withFolder((data) => measure("PGlite", data, {}));
const bin = await findPostgres();
if (bin === null) console.log("left out: Postgres, because none is installed");
else {
  const postgres = await startPostgres(bin);
  await withFolder(async (data) =>
    await measure("Postgres", data, { DATABASE_URL: await postgres.createDatabase() })
  );
  await postgres.remove();
}

async function measure(database: string, data: string, env: Record<string, string>): Promise<void> {
  const server = await startServerProcess({ data, env: { OPENCLAW_TRUST_PROXY: "1", ...env } });
  const client = new FleetClient(server.base, server.operatorKey);
  const measured = { handshake: await handshakes(client), enroll: await enrollments(client) };
  for (const [path, kinds] of Object.entries(measured)) {
    const { own, next } = await time(`${server.base}/${path}`, kinds);
    console.log(`\n${database}, ${path}: ${refusals} refusals in a random order, milliseconds`);
    print("refused because", own);
    print("the reply after one refused because", next);
  }
  await server.stop();
}

/** The first of the kinds is what the others are compared with. */
type Kinds = Record<string, Record<string, string>>;

async function handshakes(client: FleetClient): Promise<Kinds> {
  const [wrong, revoked] = [await client.createAgent(), await client.createAgent()];
  await client.revoke(revoked.id);
  const unknown = { agent_id: "00000000-0000-4000-8000-000000000000", agent_secret: wrong.secret };
  return {
    "unknown": unknown,
    "unknown (control)": unknown,
    "wrong secret": { agent_id: wrong.id, agent_secret: wrongSecret },
    "revoked": { agent_id: revoked.id, agent_secret: revoked.secret },
  };
}

async function enrollments({ base, operator }: FleetClient): Promise<Kinds> {
  const make = async () =>
    (await send(`${base}/enrollments`, { headers: operator, body: { expires_in: 2_592_000 } })).body;
  const [used, revoked] = [await make(), await make()];
  const { id } = record(revoked.enrollment);
  await send(`${base}/enrollments/${id}/revoke`, { method: "POST", headers: operator });
  const [first, second] = [unknownCode.slice(4, 47), wrongSecret.slice(5, 48)];
  await send(`${base}/enroll`, { body: { code: used.code, enrollment_id: second } });
  const unknown = { code: unknownCode, enrollment_id: first };
  return {
    "unknown": unknown,
    "unknown (control)": unknown,
    "used up": { code: text(used.code), enrollment_id: first },
    "revoked": { code: text(revoked.code), enrollment_id: first },
  };
}

async function time(url: string, kinds: Kinds): Promise<{ own: Times; next: Times }> {
  const own: Times = new Map();
  const next: Times = new Map();
  let before = "";
  for (let count = -200; count < refusals; count++) {
    const [kind, body] = pick(Object.entries(kinds));
    const time = await refused(url, body);
    if (count >= 0) {
      book(own, kind, time);
      book(next, before, time);
    }
    before = kind;
  }
  return { own, next };
}

function book(times: Times, kind: string, time: number): void {
  const list = times.get(kind);
  if (list === undefined) times.set(kind, [time]);
  else list.push(time);
}

function print(title: string, times: Times): void {
  console.log(row(title, "count", "median", "p95", "median / unknown"));
  const base = median(times.get("unknown") ?? []);
  for (const [kind, list] of [...times].sort()) {
    const middle = median(list);
    const cells = [
      String(list.length),
      middle.toFixed(3),
      percentile(list, 95).toFixed(3),
      (middle / base).toFixed(3),
    ];
    console.log(row(`  ${kind}`, ...cells));
  }
}

async function refused(url: string, body: Record<string, string>): Promise<number> {
  const [, b, c, d] = crypto.getRandomValues(new Uint8Array(4));
  // Another address each time, or the rate limit is what is measured.
  const headers = { "x-forwarded-for": `10.${b}.${c}.${d}` };
  const started = performance.now();
  const reply = await send(url, { headers, body });
  const time = performance.now() - started;
  if (reply.body.error !== "invalid_credentials") throw new Error(`refused with ${reply.body.error}`);
  return time;
}

function pick<Item>(items: Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new RangeError("nothing to pick from");
  return item;
}
