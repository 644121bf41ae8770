import assert from "node:assert/strict";
import { HostMetrics, hostReadings, type Readings } from "../../../../cli/agent/observe/host_metrics.ts";
import { pause, until } from "../../../_support/wait.ts";

const unix = Deno.build.os !== "windows";

Deno.test("the host's metrics are within their bounds, and the CPU's comes after a second", async () => {
  let seconds = 0;
  const metrics = new HostMetrics(null, { ...hostReadings, now: () => seconds });
  seconds = 0.9;
  assert.equal("cpu_percent" in await metrics.sample(), false, "this program's own start is most of it");
  // The system counts the processors' time in hundredths of a second.
  const sample = await until("a sample with the CPU in it", async () => {
    seconds++;
    const found = await metrics.sample();
    return "cpu_percent" in found ? found : null;
  });
  for (const name of ["cpu_percent", "memory_percent", "disk_percent"]) {
    const value = sample[name] ?? NaN;
    assert.ok(value >= 0 && value <= 100, `${name}: ${value}`);
  }
  assert.ok((sample.memory_percent ?? 0) > 0);
  assert.ok((sample.uptime_seconds ?? 0) > 1);
  if (unix) assert.ok((sample.load_1m ?? -1) >= 0);
});

Deno.test("this host's clock goes on, in seconds", async () => {
  const began = performance.now();
  const before = hostReadings.now();
  await pause(20);
  const passed = hostReadings.now() - before;
  const most = (performance.now() - began) / 1000 + 0.1;
  assert.ok(passed > 0.01 && passed < most, `${passed} s`);
});

const memory = { total: 0, available: 0, free: 0, buffers: 0, cached: 0, swapTotal: 0, swapFree: 0 };

/** A host that tells what it is told to. */
function host(more: Partial<Readings> = {}): Readings {
  return {
    cpus: () => [],
    memory: () => ({ ...memory, total: 1000, available: 250, free: 100 }),
    load: () => [0.5, 3, 4],
    uptime: () => 4392,
    now: () => 0,
    ...more,
  };
}

/** One processor, and how it spent its time since the boot. */
function processor(user: number, idle: number): ReturnType<Readings["cpus"]>[number] {
  return { times: { user, nice: 0, sys: 0, irq: 0, idle } };
}

Deno.test("the CPU is that of the time since the last sample, over all processors, and not since the boot", async () => {
  let cpus = [processor(9000, 1000), processor(9000, 1000)];
  let seconds = 0;
  const metrics = new HostMetrics(null, host({ cpus: () => cpus, now: () => seconds }));
  cpus = [processor(9080, 1020), processor(9000, 1100)];
  seconds += 1.05;
  assert.equal((await metrics.sample()).cpu_percent, 40);
  cpus = [processor(9080, 1120), processor(9010, 1190)];
  seconds += 1.05;
  assert.equal((await metrics.sample()).cpu_percent, 5);
});

Deno.test("all that a processor does but idling is work", async () => {
  let cpus = [processor(0, 0)];
  let seconds = 0;
  const metrics = new HostMetrics(null, host({ cpus: () => cpus, now: () => seconds }));
  cpus = [{ times: { user: 1, nice: 2, sys: 4, irq: 8, idle: 15 } }];
  seconds += 1.05;
  assert.equal((await metrics.sample()).cpu_percent, 50);
});

Deno.test("what a host tells is in its metrics: memory by what is available, the load of the last minute", async () => {
  const { disk_percent, ...sample } = await new HostMetrics(null, host()).sample();
  assert.deepEqual(sample, { memory_percent: 75, load_1m: 0.5, uptime_seconds: 4392 });
  assert.ok(disk_percent !== undefined);
});

for (const [name, percent, expected] of [["tells 0", 0, 0], ["tells nothing", null, 75]] as const) {
  Deno.test(`the memory of a container that ${name} is ${percent === null ? "the host's" : "0"}`, async () => {
    const container = { percent: () => percent };
    assert.equal((await new HostMetrics(container, host()).sample()).memory_percent, expected);
  });
}

Deno.test("the load of a host that has nothing to do is 0", async () => {
  assert.equal((await new HostMetrics(null, host({ load: () => [0, 0, 0] })).sample()).load_1m, 0);
});

const silences: [string, string, Partial<Readings>][] = [
  ["no uptime", "uptime_seconds", { uptime: () => 0 }],
  ["an uptime that is no number", "uptime_seconds", { uptime: () => NaN }],
  ["no load", "load_1m", { load: () => [] }],
  ["a load that is no number", "load_1m", { load: () => [NaN, NaN, NaN] }],
  ["no memory", "memory_percent", { memory: () => memory }],
  ["no available memory", "memory_percent", { memory: () => ({ ...memory, total: 1000, free: 100 }) }],
  ["an error instead of its uptime", "uptime_seconds", { uptime: fail }],
  ["an error instead of its load", "load_1m", { load: fail }],
  ["an error instead of its memory", "memory_percent", { memory: fail }],
];

for (const [name, metric, told] of silences) {
  Deno.test(`of a host that tells ${name}, ${metric} alone is left out`, async () => {
    const whole = Object.keys(await new HostMetrics(null, host()).sample());
    const sample = await new HostMetrics(null, host(told)).sample();
    assert.deepEqual(Object.keys(sample), whole.filter((one) => one !== metric));
  });
}

Deno.test("of a host that tells nothing of its processors the CPU is left out", async () => {
  let seconds = 0;
  const now = (): number => seconds;
  const silent = new HostMetrics(null, host({ now }));
  const failing = new HostMetrics(null, host({ cpus: fail, now }));
  seconds = 2;
  assert.equal("cpu_percent" in await silent.sample(), false);
  assert.deepEqual(await failing.sample(), await silent.sample());
});

function fail(): never {
  throw new Deno.errors.PermissionDenied("no access to it");
}

Deno.test({
  name: "the memory that is used is what MemAvailable of /proc/meminfo leaves",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    // Others on this host take and give back memory meanwhile.
    until("the metric to be as the file says", async () => {
      const { memory_percent = NaN } = await new HostMetrics(null).sample();
      const text = await Deno.readTextFile("/proc/meminfo");
      const read = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(text)?.[1]);
      return Math.abs(memory_percent - 100 * (1 - read("MemAvailable") / read("MemTotal"))) < 1;
    }).then(() => undefined),
});
