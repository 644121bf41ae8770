// deno-lint-ignore-file no-console -- a benchmark prints
import { startPostgres } from "../_support/postgres.ts";
import { temporaryFolder } from "../_support/server.ts";
import { pause } from "../_support/wait.ts";
import { memoryOf } from "./_accounting.ts";
import { allEnded, ending, endWith } from "./_ending.ts";
import { makeFleet } from "./_fleet.ts";
import { median, row } from "./_numbers.ts";
import { findMachine } from "./_plan.ts";
import { type Measured, startMeasured } from "./_servers.ts";
import { drive, type Load } from "./_wrk.ts";

// Whether the memory of the server stays flat: over Postgres and over PGlite, at once, under beats, handshakes and
// garbage as fast as they are answered. It does when the last third of the time has at most a tenth more than the
// second one; in the first one, all caches fill.
//
//   deno task bench:soak [900]     the seconds

const mostGrowth = 1.1;
const agents = 200;
const seconds = Number(Deno.args[0] ?? 900);
if (!Number.isInteger(seconds) || seconds < 3) {
  console.error(`Cannot run for "${Deno.args[0]}": expected a whole number of seconds, at least 3`);
  Deno.exit(2);
}

const ended = ending();

try {
  if (!await soak()) throw new Error(`Memory grew by more than a tenth in the last third of ${seconds} s`);
} catch (error) {
  endWith(error);
}

/** Whether the memory of both stayed flat. */
async function soak(): Promise<boolean> {
  const { bin } = await findMachine([]);
  await using folder = await temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const postgres = opened.use(await startPostgres(bin));
  const fleet = await makeFleet(folder.path, agents);
  const common = { opened, folder: folder.path, fleet, agents };
  const servers = [
    await startMeasured("Postgres", { ...common, postgres }),
    await startMeasured("PGlite", { ...common, postgres: null }),
  ];
  const load = { kind: "beat", connections: 32, file: fleet.file, agents, secret: fleet.secret } as const;
  console.log(row(`MB, ${seconds} s`, "second third", "last third", "at most", "requests"));
  const lives = await allEnded(servers.map((server) => live(server, load)));
  for (const { server } of servers) await server.stop();
  return lives.every((isFlat) => isFlat);
}

/** Whether its memory stayed flat. */
async function live({ name, server, target }: Measured, load: Load): Promise<boolean> {
  const samples: number[] = [];
  const driven = drive(target.url, { ...load, bad: 5, mix: 5 }, { seconds, signal: ended });
  while (await isUnderWay(driven)) samples.push((await memoryOf(server.pid)).now);
  const { requests } = await driven;
  const third = Math.floor(samples.length / 3);
  const [before, after] = [median(samples.slice(third, 2 * third)), median(samples.slice(2 * third))];
  const cells = [before, after, Math.max(...samples)].map((mb) => mb.toFixed(1));
  console.log(row(name, ...cells, String(requests)));
  return after <= mostGrowth * before;
}

/** Whether the work goes on for another second. */
async function isUnderWay(work: Promise<unknown>): Promise<boolean> {
  return await Promise.race([work.then(() => false), pause(1000).then(() => true)]);
}
