import assert from "node:assert/strict";
import { parseMemory, parseStat, parseUse } from "../bench/_accounting.ts";
import { parsePgbench } from "../bench/_baselines.ts";
import { goals, isMet } from "../bench/_goals.ts";
import { merge, type Results, resultsOf } from "../bench/_results.ts";
import type { Figures, Subject } from "../bench/_subject.ts";
import { fillPage } from "../bench/_table.ts";
import { parseSeen } from "../bench/_wrk.ts";

const page = "# Page\n\n<!-- deno task bench writes from here -->\n\nold\n\n<!-- to here -->\n\nthe rest\n";
const seen =
  '{"requests":100,"microseconds":2000000,"refused":1,"bad":1,"failed":0,"p50":900,"p99":1800,"p999":2000,"worst":2100}';

Deno.test("the CPU of a process is its own and that of its ended children, whatever the program is called", () => {
  const stat = "42 (a) b (c)) S 7 42 42 0 -1 4194560 900 0 5 0 100 20 3 4 20 0 1 0 999 0 0";
  assert.deepEqual(parseStat(stat), { parent: 7, ticks: 127 });
});

Deno.test("memory is read in MB of a million bytes", () => {
  const status = "Name:\tdeno\nVmPeak:\t 9 kB\nVmHWM:\t  2000000 kB\nVmRSS:\t  1000000 kB\n";
  assert.deepEqual(parseMemory(status), { now: 1024, peak: 2048 });
});

Deno.test("the time of guests does not count twice", () => {
  assert.deepEqual(parseUse("cpu  10 1 5 100 20 1 2 3 9 1\ncpu0 1 1 1 1\n"), {
    all: 142,
    idle: 120,
    stolen: 3,
  });
});

Deno.test("what wrk's script prints last is read, whatever wrk prints before", () => {
  const { requests, p999 } = parseSeen(`Running 2s test\n  1.2% {"requests":1}\n${seen}\n`);
  assert.deepEqual([requests, p999], [100, 2000]);
});

Deno.test("a run with a failed connection, or without a figure, is no measurement", () => {
  assert.throws(
    () => parseSeen(seen.replace('"failed":0', '"failed":3')),
    /Cannot measure: 3 connections failed/,
  );
  assert.throws(() => parseSeen(seen.replace('"p99":', '"p98":')), /it has no "p99"/);
});

Deno.test("pgbench's rate is read without its connection time", () => {
  const output =
    "number of transactions actually processed: 300/300\nnumber of failed transactions: 0 (0.000%)\n" +
    "latency average = 0.415 ms\ninitial connection time = 2.1 ms\ntps = 2411.85 (without initial connection time)\n";
  assert.deepEqual(parsePgbench(output.replace("300/300", "300")), {
    transactions: 300,
    rate: 2411.85,
    meanMs: 0.415,
  });
  assert.throws(() => parsePgbench("pgbench: error"), /Cannot read what pgbench printed/);
});

Deno.test("a result has the medians of its runs, and the worst of what is the worst of something", () => {
  const runs: Figures[] = [{ rate: 10, worst: 5 }, { rate: 30, worst: 1 }, { rate: 20, worst: 2 }];
  const [base, row] = resultsOf(
    [subject("Deno.serve, constant (B0)"), subject("row")],
    new Map<string, Figures[]>([["Deno.serve, constant (B0)", [{ rate: 40 }]], ["row", runs]]),
    new Date(0),
  );
  assert.equal(base?.toB0, 1);
  assert.deepEqual(row?.figures, { rate: 20, worst: 5 });
  assert.equal(row?.toB0, 0.5);
});

Deno.test("a run of some parts keeps the rows of the others", () => {
  const merged = merge(results("a", "b"), results("b", "c"));
  assert.deepEqual(merged.results.map(({ name }) => name), ["a", "b", "c"]);
  assert.equal(merge(null, results("c")).results.length, 1);
});

Deno.test("a goal compares a row with the baseline of its own run, whatever a later run measured of that", () => {
  const [b1, row] = ["pgbench, 32 clients (B1)", "beats, Postgres, 128 connections"];
  const measured = (rates: Record<string, number>): Results => ({
    ...results(),
    results: resultsOf(
      Object.keys(rates).map(subject),
      new Map(Object.entries(rates).map(([name, rate]) => [name, [{ rate }]])),
      new Date(0),
    ),
  });
  const merged = merge(measured({ [b1]: 100, [row]: 80 }), measured({ [b1]: 1000 }));
  assert.match(
    fillPage(page, merged),
    /\| beats, Postgres, 128 connections \| × B1 \| ≥ 0.75 \| 0.80 \| met \| {2}\|\n/,
  );
});

Deno.test("a goal for a time has what was measured, scaled to the machine of the goals; no verdict is about that", () => {
  const [b1, row] = ["pgbench, 32 clients (B1)", "beats, Postgres, 128 connections"];
  const measured = resultsOf(
    [b1, row].map(subject),
    new Map([[b1, [{ rate: 15_500 }]], [row, [{ rate: 1000, server: 50, database: 40, p99: 11 }]]]),
    new Date(0),
  );
  const filled = fillPage(page, { ...results(), results: measured });
  assert.match(
    filled,
    /\| beats, Postgres, 128 connections \| CPU \| ≤ 50 µs \| 90.0 µs \| \*\*not met\*\* \| 45.0 µs \|\n/,
  );
  assert.match(
    filled,
    /\| beats, Postgres, 128 connections \| p99 \| ≤ 12 ms \| 11.0 ms \| met \| 5.50 ms \|\n/,
  );
});

Deno.test("the tables take the place of those of the last run, and nothing else of the page changes", () => {
  const filled = fillPage(page, results("a row"));
  assert.match(filled, /^# Page\n[^]*\| a row \|[^]*<!-- to here -->\n\nthe rest\n$/);
  assert.doesNotMatch(filled, /old/);
  assert.equal(fillPage(filled, results("a row")), filled);
  assert.throws(() => fillPage("# Page", results("a row")), /Cannot write the table/);
});

Deno.test("a goal is met at its limit, missed beyond it, and not met by what was not measured", () => {
  const [most] = goals.filter((goal) => goal.most !== undefined);
  const [least] = goals.filter((goal) => goal.least !== undefined);
  assert.ok(most?.most !== undefined && least?.least !== undefined);
  assert.deepEqual([most.most, most.most + 0.01, NaN].map((value) => isMet(most, value)), [
    true,
    false,
    false,
  ]);
  assert.deepEqual([least.least, least.least - 0.01, NaN].map((value) => isMet(least, value)), [
    true,
    false,
    false,
  ]);
});

function subject(name: string): Subject {
  return { name, part: "postgres", warmSeconds: 0, run: () => Promise.resolve({}) };
}

function results(...names: string[]): Results {
  return {
    machine: { processors: 2, processor: "x", kernel: "6", deno: "2", postgres: "15" },
    busyPercent: { postgres: 1 },
    stolenPercent: { postgres: 2 },
    memory: {},
    results: names.map((name) => ({
      name,
      part: "postgres",
      figures: { rate: 10, server: 20, database: 30 },
      toB0: 0.5,
      toB1: null,
      toB1Alone: null,
      runs: [],
      measuredAt: new Date(0).toISOString(),
    })),
  };
}
