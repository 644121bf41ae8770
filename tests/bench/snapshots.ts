// deno-lint-ignore-file no-console -- a benchmark prints
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { copyInUse } from "../../cli/serve/store/base_backup.ts";
import { Snapshots } from "../../cli/serve/store/snapshots.ts";
import { Log } from "../../supabase/functions/_shared/log.ts";
import { copyDatabaseTemplate } from "../_support/database_template.ts";
import { withFolder } from "../_support/server.ts";
import { percentile, row } from "./_numbers.ts";

// What a snapshot of the embedded Postgres costs the calls beside it, and in memory, with an hour's history of 10,000 agents
// (or of as many as it is told): how long the call that waited longest took, beside PGlite's own `dumpDataDir`, which reads and
// packs everything in one go. It is the last, because what it takes is not given back.

const agents = Number(Deno.args[0] ?? 10_000);
const beatsOfEach = 60;
const megabyte = 1_000_000;
const beat = "update public.agent_beats set status = status where agent_id = $1";

interface Filled {
  database: PGlite;
  /** One agent's. */
  id: string;
}

await withFolder(async (data) => {
  await copyDatabaseTemplate(data);
  const folder = join(data, "postgres");
  await using database = await PGlite.create({ dataDir: folder });
  const filled = await fill(database);
  const snapshots = new Snapshots(join(data, "snapshots"), {
    copy: (to) => copyInUse(database, folder, to),
    log: new Log(console.error),
    changed: true,
  });
  console.log(`${agents} agents, ${beatsOfEach} heartbeats of each`);
  console.log(row("", "seconds", "calls", "median ms", "longest ms", "memory MB more", "MB on disk"));
  await measure(filled, "nothing", () => new Promise((resolve) => setTimeout(resolve, 2000, 0)));
  await measure(filled, "a snapshot", async () => {
    await snapshots.takeIfChanged();
    return await sizeIn(join(data, "snapshots"));
  });
  await measure(filled, "dumpDataDir", async () => (await database.dumpDataDir("gzip")).size);
});

/** @param work returns how many bytes it made */
async function measure({ database, id }: Filled, what: string, work: () => Promise<number>): Promise<void> {
  const calls: number[] = [];
  let ended = false;
  const before = Deno.memoryUsage().rss;
  let most = before;
  const began = performance.now();
  const made = work().finally(() => ended = true);
  while (!ended) {
    const start = performance.now();
    await database.query(beat, [id]);
    // A caller's own time: the turn in which its reply is sent.
    await new Promise((resolve) => setTimeout(resolve));
    calls.push(performance.now() - start);
    most = Math.max(most, Deno.memoryUsage().rss);
  }
  const bytes = await made;
  const seconds = (performance.now() - began) / 1000;
  most = Math.max(most, Deno.memoryUsage().rss);
  const [median, longest] = [percentile(calls, 50), Math.max(...calls)].map((ms) => ms.toFixed(1));
  const figures = [
    seconds.toFixed(1),
    calls.length,
    median,
    longest,
    ((most - before) / megabyte).toFixed(0),
  ];
  console.log(row(what, ...figures.map(String), (bytes / megabyte).toFixed(0)));
}

async function fill(database: PGlite): Promise<Filled> {
  await database.exec(
    `insert into public.agents (name) select 'web-' || i from generate_series(1, ${agents}) as i`,
  );
  for (let beats = 0; beats < beatsOfEach; beats++) {
    await database.exec(`
      insert into public.history_beats (agent_id, status, metrics)
      select agent_id, 0, '{"cpu_percent": 12.5, "memory_percent": 40, "disk_percent": 70, "load_1m": 0.5}'
      from public.agent_beats
    `);
  }
  await database.exec("checkpoint");
  const { rows } = await database.query<{ id: string }>(
    "select agent_id as id from public.agent_beats limit 1",
  );
  return { database, id: rows[0]?.id ?? "" };
}

async function sizeIn(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name } of Deno.readDir(folder)) bytes += (await Deno.stat(join(folder, name))).size;
  return bytes;
}
