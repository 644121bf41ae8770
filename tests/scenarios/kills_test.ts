import assert from "node:assert/strict";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import postgres from "postgres";
import { type CreatedAgent, FleetClient } from "../_support/client.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { type ServerProcess, startServerProcess, withFolder } from "../_support/server.ts";

/** What the server acknowledged, kept outside it. */
interface Ledger {
  handshakes: Map<string, number>;
  revoked: Set<string>;
}

type Rows = (statement: string) => Promise<Record<string, unknown>[]>;

const kills = Number(Deno.env.get("OPENCLAW_TEST_KILLS") ?? 8);
const slowestStartMilliseconds = 5000;
const realPostgres = await part("Postgres 15 or later", findPostgres);
const story =
  `killed with SIGKILL ${kills} times under load → every acknowledged agent, handshake and revocation is there`;

Deno.test(`${story}, over PGlite`, async () => {
  await withFolder(async (data) => {
    await (await startServerProcess({ data })).stop();
    await killAgainAndAgain({ data, env: {} }, async (statement) => {
      const database = await PGlite.create({ dataDir: join(data, "postgres") });
      try {
        return (await database.query<Record<string, unknown>>(statement)).rows;
      } finally {
        await database.close();
      }
    });
  });
});

realPostgres.test(`${story}, over a real Postgres`, async (bin) => {
  const server = await startPostgres(bin);
  const url = await server.createDatabase();
  try {
    await withFolder(async (data) => {
      await killAgainAndAgain({ data, env: { DATABASE_URL: url } }, async (statement) => {
        const database = postgres(url, { max: 1, onnotice: () => undefined });
        try {
          return [...await database.unsafe(statement)];
        } finally {
          await database.end();
        }
      });
    });
  } finally {
    await server.remove();
  }
});

async function killAgainAndAgain(
  start: { data: string; env: Record<string, string> },
  rows: Rows,
): Promise<void> {
  const ledger: Ledger = { handshakes: new Map(), revoked: new Set() };
  let slowest = 0;
  for (let kill = 1; kill <= kills; kill++) {
    const began = performance.now();
    const server = await startServerProcess(start);
    slowest = Math.max(slowest, performance.now() - began);
    await loadAndKill(server, ledger);
    // Looked at after every tenth kill, and in the end: each look opens the database by itself.
    if (kill % 10 === 0 || kill === kills) await compare(ledger, rows, kill);
  }
  assert.ok(slowest < slowestStartMilliseconds, `the slowest start took ${slowest} ms`);
  assert.equal(await (await startServerProcess(start)).stop(), 0);
}

async function loadAndKill(server: ServerProcess, ledger: Ledger): Promise<void> {
  const client = new FleetClient(server.base, server.operatorKey);
  let killed = false;
  const load = Array.from({ length: 6 }, async () => {
    while (!killed) {
      try {
        await live(client, ledger);
      } catch (error) {
        // The connection died with the server; what was not answered was not acknowledged.
        if (!(error instanceof TypeError)) throw error;
      }
    }
  });
  await new Promise((resolve) => setTimeout(resolve, 50 + 350 * Math.random()));
  const ended = server.stop("SIGKILL");
  killed = true;
  await Promise.all([...load, ended]);
}

/** One agent's life; each acknowledgement goes into the ledger as soon as it is there. */
async function live(client: FleetClient, { handshakes, revoked }: Ledger): Promise<void> {
  const agent: CreatedAgent = await client.createAgent();
  handshakes.set(agent.id, 0);
  const token = await client.session(agent);
  handshakes.set(agent.id, 1);
  await client.beat(token);
  if (Math.random() < 0.3) {
    assert.equal((await client.revoke(agent.id)).status, 200);
    revoked.add(agent.id);
  }
}

async function compare({ handshakes, revoked }: Ledger, rows: Rows, kill: number): Promise<void> {
  const kept = new Map(
    (await rows("select id::text, handshakes_count::integer as opened, revoked_at from public.agents"))
      .map((row) => [String(row.id), row]),
  );
  for (const [id, opened] of handshakes) {
    const row = kept.get(id);
    assert.ok(row !== undefined, `agent ${id} was lost by kill ${kill}`);
    assert.ok(Number(row.opened) >= opened, `a handshake of ${id} was lost by kill ${kill}`);
    assert.ok(
      !revoked.has(id) || row.revoked_at !== null,
      `the revocation of ${id} was lost by kill ${kill}`,
    );
  }
  assert.ok(handshakes.size > kill, `only ${handshakes.size} agents were acknowledged in ${kill} runs`);
}
