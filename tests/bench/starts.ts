// deno-lint-ignore-file no-console -- a benchmark prints
import { FleetClient } from "../_support/client.ts";
import { findPostgres, withPostgres } from "../_support/postgres.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { median, row } from "./_numbers.ts";

// How long a server takes to start after it was killed with SIGKILL under load, in milliseconds. On a machine that
// does nothing else, the slowest start is to take 5 s at most.

const starts = 20;
const mostMs = 5000;
const slowest: number[] = [];

console.log(row("start after SIGKILL, milliseconds", "median", "slowest"));
await withFolder((data) => measure("PGlite", data));
const bin = await findPostgres();
if (bin === null) console.log("left out: Postgres, because none is installed");
else {
  await withPostgres(
    bin,
    (postgres) =>
      withFolder(async (data) =>
        await measure("Postgres", data, { DATABASE_URL: await postgres.createDatabase() })
      ),
  );
}
if (slowest.some((ms) => ms > mostMs)) {
  console.error(`A start took longer than ${mostMs} ms`);
  Deno.exit(1);
}

async function measure(database: string, data: string, env: Record<string, string> = {}): Promise<void> {
  const times: number[] = [];
  for (let start = 0; start <= starts; start++) {
    const began = performance.now();
    const server = await startServerProcess({ data, env });
    // The first start makes the database.
    if (start > 0) times.push(performance.now() - began);
    const client = new FleetClient(server.base, server.operatorKey);
    await client.createAgent();
    const load = Promise.allSettled(Array.from({ length: 50 }, () => client.createAgent()));
    await server.stop("SIGKILL");
    await load;
  }
  slowest.push(Math.max(...times));
  console.log(row(database, median(times).toFixed(0), Math.max(...times).toFixed(0)));
}
