import assert from "node:assert/strict";
import { type Job, Schedule } from "../../../cli/serve/schedule.ts";
import { Log } from "../../../supabase/functions/_shared/log.ts";

/** A schedule whose intervals pass when the test says so. */
interface Bench {
  schedule: Schedule;
  /** Passes one interval of a job, by its place in the list. */
  pass: (job: number) => void;
  intervals: number[];
  /** The jobs whose timers are still set, by their places. */
  timers: Set<number>;
  lines: string[];
}

Deno.test("each job has a timer of its own interval, and runs when that has passed, not before", () => {
  const runs: string[] = [];
  const { pass, intervals } = bench([job(() => runs.push("a"), 10), job(() => runs.push("b"), 20)]);
  assert.deepEqual(intervals, [10, 20]);
  assert.deepEqual(runs, []);
  pass(1);
  pass(0);
  pass(0);
  assert.deepEqual(runs, ["b", "a"], "the second turn came while the first was under way");
});

Deno.test("a job that is for the start, too, runs once before its interval has passed", async () => {
  const runs: string[] = [];
  const { pass } = bench([{ ...job(() => runs.push("a")), atStart: true }, job(() => runs.push("b"))]);
  assert.deepEqual(runs, ["a"]);
  await turn();
  pass(0);
  assert.deepEqual(runs, ["a", "a"]);
});

Deno.test("a job whose last run is under way skips its turn, and takes the next one", async () => {
  const ends: (() => void)[] = [];
  const { pass } = bench([{ ...job(), run: () => new Promise((resolve) => ends.push(resolve)) }]);
  pass(0);
  pass(0);
  assert.equal(ends.length, 1);
  ends[0]?.();
  await turn();
  pass(0);
  assert.equal(ends.length, 2);
});

Deno.test("a job that fails runs again, and the first failure of a row is a line in the log, as is its end", async () => {
  let runs = 0;
  const fails = () => {
    runs += 1;
    if (runs <= 2 || runs === 5) throw new Error("disk full");
  };
  const { pass, lines } = bench([job(fails)]);
  const isWarning = /"warn".*periodic work failed.*"job":"a job".*disk full/;
  for (const expected of [1, 1, 2, 2, 3]) {
    pass(0);
    await turn();
    assert.equal(lines.length, expected, lines.join("\n"));
  }
  assert.equal(runs, 5);
  assert.match(lines[0] ?? "", isWarning);
  assert.match(lines[1] ?? "", /"info".*periodic work succeeds again.*"job":"a job","failures":2/);
  assert.match(lines[2] ?? "", isWarning);
});

Deno.test("a stop clears every timer and waits for the run that is under way", async () => {
  const ended = Promise.withResolvers<void>();
  const { schedule, pass, timers } = bench([{ ...job(), run: () => ended.promise }, job()]);
  pass(0);
  let stopped = false;
  const stop = schedule.stop().then(() => stopped = true);
  assert.deepEqual([...timers], []);
  await turn();
  assert.ok(!stopped, "it did not wait");
  ended.resolve();
  await stop;
});

function job(work: () => unknown = () => undefined, everyMs = 1000): Job {
  return { name: "a job", everyMs, run: async () => void await work() };
}

function bench(jobs: Job[]): Bench {
  const { setInterval, clearInterval } = globalThis;
  const passed: (() => void)[] = [];
  const intervals: number[] = [];
  const timers = new Set<number>();
  const lines: string[] = [];
  Reflect.set(globalThis, "setInterval", (callback: () => void, milliseconds: number) => {
    timers.add(passed.push(callback) - 1);
    intervals.push(milliseconds);
    return passed.length - 1;
  });
  const schedule = new Schedule(jobs, new Log((line) => lines.push(line)));
  Reflect.set(globalThis, "setInterval", setInterval);
  const stop = schedule.stop.bind(schedule);
  schedule.stop = () => {
    Reflect.set(globalThis, "clearInterval", (timer: number) => timers.delete(timer));
    const stopping = stop();
    Reflect.set(globalThis, "clearInterval", clearInterval);
    return stopping;
  };
  return { schedule, pass: (index) => passed[index]?.(), intervals, timers, lines };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
