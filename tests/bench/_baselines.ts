import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { databaseName, execute } from "../_support/sql.ts";
import type { TestPostgres } from "../_support/postgres.ts";
import { succeed } from "../_support/run.ts";
import { cpuOf } from "./_accounting.ts";
import { startChild } from "./_child.ts";
import type { Fleet } from "./_fleet.ts";
import { loadSubject, type Subject } from "./_subject.ts";

const part = "baselines";
const rows = 10_000;
const table = `
  create table rows (id integer primary key, seen_at timestamptz, count bigint not null default 0)
    with (fillfactor = 50);
  insert into rows select generate_series(1, ${rows});
`;
const constantServer = `
  const reply = JSON.stringify({
    ok: true, next_heartbeat_in: 60, heartbeat_interval_seconds: 60, server_time: new Date().toISOString(),
  });
  const onListen = ({ port }) => console.log("http://127.0.0.1:" + port);
  Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, () =>
    new Response(reply, { headers: { "content-type": "application/json" } }));
`;

export const names = {
  constant: "Deno.serve, constant (B0)",
  pgbench: "pgbench, 32 clients (B1)",
  pgbenchAlone: "pgbench, 1 client",
  pglite: "PGlite, updates in a loop (B2)",
  peer: "oidc-provider, 32 connections",
};

/** B0: what Deno answers to the same requests when it does nothing. */
export async function constantSubject(fleet: Fleet, opened: AsyncDisposableStack): Promise<Subject> {
  const child = opened.use(await startChild(constantServer));
  const target = { url: `${child.url}/heartbeat`, server: [child.pid], database: [] };
  const load = { kind: "beat", connections: 128, file: fleet.file, agents: 200 } as const;
  return loadSubject({ name: names.constant, part }, target, load);
}

/** B1: one prepared update by primary key, each in a transaction of its own. */
export async function pgbenchSubjects(postgres: TestPostgres, folder: string): Promise<Subject[]> {
  const address = await postgres.createDatabase();
  await execute(address, table);
  await execute(address, "vacuum analyze rows");
  const file = join(folder, "update.sql");
  await Deno.writeTextFile(
    file,
    `\\set id random(1, ${rows})\nupdate rows set seen_at = now(), count = count + 1 where id = :id;\n`,
  );
  const server = ["-h", "127.0.0.1", "-p", String(postgres.port), "-U", "postgres"];
  const pid = await postgres.pid();
  return [[names.pgbench, 32, 3] as const, [names.pgbenchAlone, 1, 3] as const].map((
    [name, clients, times],
  ) => ({
    name,
    part,
    warmSeconds: 1,
    times,
    async run({ seconds, signal }) {
      const before = await cpuOf([pid]);
      const args = ["-n", "-M", "prepared", "-c", String(clients), "-T", String(seconds), "-f", file];
      const { stdout } = await succeed(join(postgres.bin, "pgbench"), [
        ...server,
        ...args,
        databaseName(address),
      ], { signal });
      const { transactions, rate, meanMs } = parsePgbench(stdout);
      return { rate, p50: meanMs, database: (await cpuOf([pid]) - before) / transactions };
    },
  }));
}

export interface Pgbench {
  transactions: number;
  rate: number;
  meanMs: number;
}

export function parsePgbench(output: string): Pgbench {
  const read = (pattern: RegExp): number => {
    const found = pattern.exec(output)?.[1];
    if (found === undefined) throw new Error(`Cannot read what pgbench printed: ${pattern} is not in it`);
    return Number(found);
  };
  return {
    transactions: read(/^number of transactions actually processed: (\d+)$/m),
    rate: read(/^tps = ([\d.]+) /m),
    meanMs: read(/^latency average = ([\d.]+) ms$/m),
  };
}

/** B2: that update on PGlite, in this process. */
export async function pgliteSubject(folder: string, opened: AsyncDisposableStack): Promise<Subject> {
  const database = await PGlite.create({ dataDir: join(folder, "rows") });
  opened.defer(() => database.close());
  await database.exec(table);
  await database.exec("vacuum analyze rows");
  return {
    name: names.pglite,
    part,
    warmSeconds: 1,
    async run({ seconds, signal }) {
      const before = await cpuOf([Deno.pid]);
      const start = performance.now();
      let updates = 0;
      while (performance.now() < start + seconds * 1000) {
        signal.throwIfAborted();
        const id = updates++ * 7919 % rows + 1;
        await database.query("update rows set seen_at = now(), count = count + 1 where id = $1", [id]);
      }
      const took = performance.now() - start;
      return {
        rate: updates * 1000 / took,
        p50: took / updates,
        database: (await cpuOf([Deno.pid]) - before) / updates,
      };
    },
  };
}
