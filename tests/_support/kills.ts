import assert from "node:assert/strict";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import postgres from "postgres";
import { type CreatedAgent, FleetClient } from "./client.ts";
import { withPostgres } from "./postgres.ts";
import { type Random, seededRandom } from "./seed.ts";
import { folderInMemory, type ServerProcess, startServerProcess } from "./server.ts";
import { pause } from "./wait.ts";

/** What the server acknowledged, kept outside it. */
interface Ledger {
  handshakes: Map<string, number>;
  revoked: Set<string>;
}

/** A server that is killed and started again over the same data. */
interface Killed {
  kills: number;
  random: Random;
  data: string;
  env?: Record<string, string>;
  /** Runs SQL on the rows while no server has them open. */
  rows: (statement: string) => Promise<Record<string, unknown>[]>;
}

/** What the tests that kill a server promise. */
export function storyOf(kills: number, database: string): string {
  return `killed with SIGKILL ${kills} times under load → every acknowledged agent, handshake and revocation is there, over ${database}`;
}

export async function killOverPglite(kills: number): Promise<void> {
  await using folder = await folderInMemory();
  await killAgainAndAgain({
    kills,
    random: seededRandom(storyOf(kills, "PGlite")),
    data: folder.path,
    rows: async (statement) => {
      await using database = await PGlite.create({ dataDir: join(folder.path, "postgres") });
      return (await database.query<Record<string, unknown>>(statement)).rows;
    },
  });
}

export async function killOverPostgres(bin: string, kills: number): Promise<void> {
  await using folder = await folderInMemory();
  await withPostgres(bin, async (server) => {
    const url = await server.createDatabase();
    await killAgainAndAgain({
      kills,
      random: seededRandom(storyOf(kills, "a real Postgres")),
      data: folder.path,
      env: { DATABASE_URL: url },
      rows: async (statement) => {
        const database = postgres(url, { max: 1, onnotice: () => undefined });
        try {
          return [...await database.unsafe(statement)];
        } finally {
          await database.end();
        }
      },
    });
  });
}

async function killAgainAndAgain(killed: Killed): Promise<void> {
  const { kills, random, data, env = {} } = killed;
  const ledger: Ledger = { handshakes: new Map(), revoked: new Set() };
  for (let kill = 1; kill <= kills; kill++) {
    await loadAndKill(await startServerProcess({ data, env }), ledger, random);
    // Looked at after every tenth kill, and in the end: each look opens the database by itself.
    if (kill % 10 === 0 || kill === kills) await compare(ledger, killed, kill);
  }
  const last = await startServerProcess({ data, env });
  assert.equal(await last.stop(), 0);
}

/** Kills the server a moment after it has acknowledged an agent, its handshake included. */
async function loadAndKill(server: ServerProcess, ledger: Ledger, random: Random): Promise<void> {
  const client = new FleetClient(server.base, server.operatorKey);
  const acknowledged = Promise.withResolvers<void>();
  let isKilled = false;
  const load = Array.from({ length: 6 }, async () => {
    while (!isKilled) {
      try {
        await live(client, ledger, { random, acknowledged: acknowledged.resolve });
      } catch (error) {
        // The connection died with the server; what was not answered was not acknowledged.
        if (!(error instanceof TypeError && isKilled)) throw error;
      }
    }
  });
  const over = Promise.all(load);
  try {
    await Promise.race([acknowledged.promise, over]);
    await pause(350 * random.next());
  } finally {
    isKilled = true;
    await server.stop("SIGKILL");
  }
  await over;
}

/** One agent's life; each acknowledgement goes into the ledger as soon as it is there. */
async function live(
  client: FleetClient,
  { handshakes, revoked }: Ledger,
  { random, acknowledged }: { random: Random; acknowledged: () => void },
): Promise<void> {
  const agent: CreatedAgent = await client.createAgent();
  handshakes.set(agent.id, 0);
  const token = await client.session(agent);
  handshakes.set(agent.id, 1);
  acknowledged();
  await client.beat(token);
  if (random.next() < 0.3) {
    assert.equal((await client.revoke(agent.id)).status, 200);
    revoked.add(agent.id);
  }
}

async function compare({ handshakes, revoked }: Ledger, { rows }: Killed, kill: number): Promise<void> {
  const found = await rows(
    "select id::text, handshakes_count::integer as opened, revoked_at from public.agents",
  );
  const kept = new Map(found.map((row) => [String(row.id), row]));
  for (const [id, opened] of handshakes) {
    const row = kept.get(id);
    assert.ok(row !== undefined, `agent ${id} was lost by kill ${kill}`);
    assert.ok(Number(row.opened) >= opened, `a handshake of ${id} was lost by kill ${kill}`);
    assert.ok(
      !revoked.has(id) || row.revoked_at !== null,
      `the revocation of ${id} was lost by kill ${kill}`,
    );
  }
}
