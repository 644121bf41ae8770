// deno-lint-ignore-file no-console -- a benchmark prints
import { type CreatedAgent, FleetClient, send } from "../_support/client.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { median, percentile, row } from "./_numbers.ts";

// Whether the time of a refused handshake tells why it was refused: unknown id, wrong secret and revoked,
// in turn, on one connection. The control is the first kind measured twice: what differs there is noise.

const rounds = 1500;
const wrongSecret = "ocs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_OS0B5A";

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
  const [wrong, revoked] = [await client.createAgent(), await client.createAgent()];
  await client.revoke(revoked.id);
  const unknown = { ...wrong, id: "00000000-0000-4000-8000-000000000000" };
  const kinds: Record<string, CreatedAgent> = {
    "unknown id": unknown,
    "unknown id (control)": unknown,
    "wrong secret": { ...wrong, secret: wrongSecret },
    revoked,
  };
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
  for (let round = -50; round < rounds; round++) {
    // In another order every time: what comes after what must not be what is measured.
    for (const [kind, agent] of shuffled(Object.entries(kinds))) {
      const time = await refused(server.base, agent);
      if (round >= 0) times[kind]?.push(time);
    }
  }
  await server.stop();
  console.log(`\n${database}, ${rounds} refusals of each kind, milliseconds`);
  console.log(row("", "median", "p95", "median / unknown id"));
  const base = median(times["unknown id"] ?? []);
  for (const [kind, list] of Object.entries(times)) {
    const middle = median(list);
    console.log(row(kind, middle.toFixed(3), percentile(list, 95).toFixed(3), (middle / base).toFixed(3)));
  }
}

async function refused(base: string, { id, secret }: CreatedAgent): Promise<number> {
  const [, b, c, d] = crypto.getRandomValues(new Uint8Array(4));
  // Another address each time, or the rate limit is what is measured.
  const headers = { "x-forwarded-for": `10.${b}.${c}.${d}` };
  const started = performance.now();
  const reply = await send(`${base}/handshake`, { headers, body: { agent_id: id, agent_secret: secret } });
  const time = performance.now() - started;
  if (reply.body.error !== "invalid_credentials") throw new Error(`refused with ${reply.body.error}`);
  return time;
}

function shuffled<Item>(items: Item[]): Item[] {
  return items.map((item) => ({ item, at: Math.random() })).sort((a, b) => a.at - b.at).map(({ item }) =>
    item
  );
}
