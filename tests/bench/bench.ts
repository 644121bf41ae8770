// deno-lint-ignore-file no-console -- a benchmark prints
import { cpus, release } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { unlessAborted } from "../../cli/host/unless_aborted.ts";
import { succeed } from "../_support/run.ts";
import { temporaryFolder } from "../_support/server.ts";
import { pause } from "../_support/wait.ts";
import { readUse, usedPercent } from "./_accounting.ts";
import { ending, endWith } from "./_ending.ts";
import { shuffled } from "./_numbers.ts";
import { findMachine, type Machine, makePlan, makeQuickPlan, type Place, type Plan } from "./_plan.ts";
import { merge, type Results, resultsOf } from "./_results.ts";
import { type Figures, type Part, parts } from "./_subject.ts";
import { fillPage, tables } from "./_table.ts";

// What a beat and a handshake cost, beside what Deno and Postgres do at best on the same machine, in one run: writes
// tests/bench/results.json, and the tables in docs/benchmarks.md. Linux only, for /proc.
//
//   deno task bench [--only postgres,hostile]   these parts, beside what earlier runs measured of the others
//   deno task bench --quick                     a second each, over PGlite; prints the tables and writes nothing

const rounds = 3;
const secondsOfRun = 2;
/** A server that was idle takes a second to be as quick again. */
const rewarmSeconds = 1;
const resultsFile = fileURLToPath(new URL("results.json", import.meta.url));
const page = fileURLToPath(new URL("../../docs/benchmarks.md", import.meta.url));

const ended = ending();

try {
  const { values: { only, quick } } = parseArgs({
    options: { only: { type: "string" }, quick: { type: "boolean" } },
  });
  if (quick) console.log(tables(await measureQuickly()));
  else await save(merge(only === undefined ? null : await earlier(), await measure(parseParts(only))));
} catch (error) {
  endWith(error);
}

function parseParts(only: string | undefined): Part[] {
  const chosen = parts.filter((part) => only === undefined || only.split(",").includes(part));
  if (only === undefined || only.split(",").length === chosen.length) return chosen;
  throw new Error(`Cannot measure "${only}": expected some of ${parts.join(",")}`);
}

async function measure(chosen: Part[]): Promise<Results> {
  const machine = await findMachine(chosen);
  return await runIn((place) => makePlan(chosen, machine, place), { rounds, seconds: secondsOfRun, machine });
}

async function measureQuickly(): Promise<Results> {
  const machine = await findMachine([]);
  return await runIn(makeQuickPlan, { rounds: 1, seconds: 1, machine });
}

interface Runs {
  rounds: number;
  /** Of a row in a round. */
  seconds: number;
  machine: Machine;
}

/**
 * Makes a plan in a new folder, and runs it. After a signal, nothing more is started, and what was started is ended and
 * waited for: loads by the signal, and what else waits by the end of its server.
 */
async function runIn(make: (place: Place) => Promise<Plan>, runs: Runs): Promise<Results> {
  await using folder = await temporaryFolder();
  await using underWay = new AsyncDisposableStack();
  await using opened = new AsyncDisposableStack();
  const plan = await make({ folder: folder.path, opened, signal: ended });
  const results = runPlan(plan, runs);
  underWay.defer(() => results.then(() => undefined, () => undefined));
  await unlessAborted(results, ended);
  ended.throwIfAborted();
  return await results;
}

/**
 * Each row in each round, so that what else the machine does falls on all of them, and in another order each time: what
 * a row leaves behind, in the database or of the time that a host gives its guests, falls on another one.
 */
async function runPlan(
  { subjects, servers }: Plan,
  { rounds, seconds, machine }: Runs,
): Promise<Results> {
  const runs = new Map<string, Figures[]>(subjects.map(({ name }) => [name, []]));
  for (const subject of subjects) {
    if (subject.warmSeconds > rewarmSeconds) {
      await subject.run({ seconds: subject.warmSeconds, signal: ended });
    }
  }
  const busy: number[] = [];
  const before = await readUse();
  for (let round = 1; round <= rounds; round++) {
    const idle = await readUse();
    await pause(500);
    busy.push(usedPercent(idle, await readUse()));
    const turns = subjects.flatMap((subject) => Array.from({ length: subject.times ?? 1 }, () => subject));
    for (const { name, warmSeconds, run } of shuffled(turns)) {
      if (warmSeconds > 0) await run({ seconds: rewarmSeconds, signal: ended });
      const figures = await run({ seconds, signal: ended });
      runs.get(name)?.push(figures);
      console.error(`round ${round}, ${name}: ${JSON.stringify(figures)}`);
    }
  }
  const after = await readUse();
  const stolen = 100 * (after.stolen - before.stolen) / (after.all - before.all);
  const memory: Results["memory"] = {};
  for (const server of servers) memory[server.name] = await server.memory();
  for (const server of servers) await server.finish();
  const results = resultsOf(subjects, runs, new Date());
  const measured = [...new Set(subjects.map(({ part }) => part))];
  const byPart = (percent: number) => Object.fromEntries(measured.map((part) => [part, percent]));
  return {
    machine: await describe(machine),
    busyPercent: byPart(Math.max(...busy)),
    stolenPercent: byPart(stolen),
    memory,
    results,
  };
}

async function describe({ bin }: Machine): Promise<Results["machine"]> {
  const [processor] = cpus();
  const version = (await succeed(`${bin}/postgres`, ["--version"])).stdout;
  return {
    processors: navigator.hardwareConcurrency,
    processor: processor?.model ?? "",
    kernel: release(),
    deno: Deno.version.deno,
    postgres: /[\d.]+/.exec(version)?.[0] ?? "",
  };
}

async function earlier(): Promise<Results | null> {
  try {
    return JSON.parse(await Deno.readTextFile(resultsFile));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function save(results: Results): Promise<void> {
  await Deno.writeTextFile(resultsFile, `${JSON.stringify(results, null, 2)}\n`);
  await Deno.writeTextFile(page, fillPage(await Deno.readTextFile(page), results));
  console.log(tables(results));
}
