import assert from "node:assert/strict";
import { join } from "node:path";
import { openContainerMemory } from "../../../cli/agent/observe/container_memory.ts";
import { HostMetrics, type Readings } from "../../../cli/agent/observe/host_metrics.ts";
import { parseCommand, runProgram } from "../../../cli/host/child.ts";
import { proxyFor } from "../../../cli/api/proxy.ts";
import { parseProbeUrl, parseUrl } from "../../../cli/api/url.ts";
import { printable } from "../../../cli/terminal/printable.ts";
import { CliError } from "../../../cli/terminal/errors.ts";
import { placesOf } from "../../../cli/host/paths.ts";
import { withFolder } from "../../_support/server.ts";

const never = new AbortController().signal;
/** The control group's files stay open for as long as the process lives. */
const open = { sanitizeResources: false };
const unix = Deno.build.os !== "windows";

function variables(all: Record<string, string>): (name: string) => string | undefined {
  return (name) => all[name];
}

Deno.test("the host's metrics are within their bounds, and the CPU's comes after a second", async () => {
  const metrics = new HostMetrics(null);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal("cpu_percent" in await metrics.sample(), false, "this program's own start is most of it");
  await new Promise((resolve) => setTimeout(resolve, 800));
  const sample = await metrics.sample();
  for (const name of ["cpu_percent", "memory_percent", "disk_percent"]) {
    const value = sample[name] ?? NaN;
    assert.ok(value >= 0 && value <= 100, `${name}: ${value}`);
  }
  assert.ok((sample.memory_percent ?? 0) > 0);
  assert.ok((sample.uptime_seconds ?? 0) > 1);
  if (unix) assert.ok((sample.load_1m ?? -1) >= 0);
});

const memory = { total: 0, available: 0, free: 0, buffers: 0, cached: 0, swapTotal: 0, swapFree: 0 };

/** A host that tells what is wanted of it. */
function host(more: Partial<Readings> = {}): Readings {
  return {
    cpus: () => [],
    memory: () => ({ ...memory, total: 1000, available: 250, free: 100 }),
    load: () => [0.5, 3, 4],
    uptime: () => 4392,
    ...more,
  };
}

/** One processor, and how it spent its time since the boot. */
function processor(user: number, idle: number): ReturnType<Readings["cpus"]>[number] {
  return { times: { user, nice: 0, sys: 0, irq: 0, idle } };
}

Deno.test("the CPU is that of the time since the last sample, over all processors, and not since the boot", async () => {
  let cpus = [processor(9000, 1000), processor(9000, 1000)];
  const metrics = new HostMetrics(null, host({ cpus: () => cpus }));
  cpus = [processor(9080, 1020), processor(9000, 1100)];
  await new Promise((resolve) => setTimeout(resolve, 1050));
  assert.equal((await metrics.sample()).cpu_percent, 40);
  cpus = [processor(9080, 1120), processor(9010, 1190)];
  await new Promise((resolve) => setTimeout(resolve, 1050));
  assert.equal((await metrics.sample()).cpu_percent, 5);
});

Deno.test("all that a processor does but idling is work", async () => {
  let cpus = [processor(0, 0)];
  const metrics = new HostMetrics(null, host({ cpus: () => cpus }));
  cpus = [{ times: { user: 1, nice: 2, sys: 4, irq: 8, idle: 15 } }];
  await new Promise((resolve) => setTimeout(resolve, 1050));
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
  const silent = new HostMetrics(null, host());
  const failing = new HostMetrics(null, host({ cpus: fail }));
  await new Promise((resolve) => setTimeout(resolve, 1050));
  assert.equal("cpu_percent" in await silent.sample(), false);
  assert.deepEqual(await failing.sample(), await silent.sample());
});

function fail(): never {
  throw new Deno.errors.PermissionDenied("no access to it");
}

Deno.test({
  name: "the memory that is used is what MemAvailable of /proc/meminfo leaves",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { memory_percent = NaN } = await new HostMetrics(null).sample();
    const text = await Deno.readTextFile("/proc/meminfo");
    const read = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(text)?.[1]);
    const used = 100 * (1 - read("MemAvailable") / read("MemTotal"));
    // Others on this host take and give back memory meanwhile.
    assert.ok(Math.abs(memory_percent - used) < 3, `${memory_percent} % and ${used} %`);
  },
});

for (
  const [name, files, expected] of [
    ["version 2", {
      "memory.max": "1000000\n",
      "memory.current": "600000\n",
      "memory.stat": "anon 1\ninactive_file 100000\n",
    }, 50],
    [
      "version 2 without a limit",
      { "memory.max": "max\n", "memory.current": "1\n", "memory.stat": "" },
      null,
    ],
    [
      "version 1",
      {
        "memory/memory.limit_in_bytes": "1000\n",
        "memory/memory.usage_in_bytes": "300\n",
        "memory/memory.stat": "total_inactive_file 50\n",
      },
      25,
    ],
    [
      "version 1 without a limit",
      {
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
        "memory/memory.usage_in_bytes": "300\n",
        "memory/memory.stat": "",
      },
      null,
    ],
  ] as const
) {
  Deno.test({
    ...open,
    name: `a container's memory under control groups ${name} is ${expected ?? "left to the host"}`,
    ignore: Deno.build.os !== "linux",
    fn: () =>
      withFolder(async (folder) => {
        await Deno.mkdir(join(folder, "memory"));
        for (const [path, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, path), text);
        const memory = openContainerMemory(folder);
        assert.equal(memory?.percent() ?? null, expected);
        const [usage] = Object.keys(files).filter((path) => /current|usage/.test(path));
        await Deno.writeTextFile(join(folder, usage ?? ""), "0\n");
        assert.equal(memory?.percent() ?? null, expected === null ? null : 0, "it is read anew");
      }),
  });
}

Deno.test({
  ...open,
  name: "a container's limit above the host's memory is the host's memory",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      const files = { "memory.max": "4000", "memory.current": "500", "memory.stat": "" };
      for (const [path, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, path), text);
      assert.equal(openContainerMemory(folder, () => 1000)?.percent(), 50);
    }),
});

Deno.test("a host without control groups has no container's memory", () =>
  withFolder((folder) => {
    assert.equal(openContainerMemory(folder), null);
    return Promise.resolve();
  }));

Deno.test("a command is words at spaces or a JSON array; quotes are refused, for there is no shell", () => {
  assert.deepEqual(parseCommand(" /bin/check  -w 10%  ", "--status-command"), ["/bin/check", "-w", "10%"]);
  assert.deepEqual(parseCommand('["/bin/check", "two words"]', "--status-command"), [
    "/bin/check",
    "two words",
  ]);
  for (const text of ["", "  ", "check 'two words'", '["check"', "[]", "[1]", 'check "x"']) {
    assert.throws(() => parseCommand(text, "--status-command"), CliError, text);
  }
});

Deno.test({
  name: "a program that does not end is killed in time, though its children keep its output open",
  ignore: !unix,
  async fn() {
    const started = performance.now();
    const ending = await runProgram(["/bin/sh", "-c", "sleep 4 & echo one; sleep 4"], {
      seconds: 1,
      signal: never,
    });
    assert.ok(performance.now() - started < 2000);
    assert.deepEqual([ending.code, ending.stdout, ending.fault], [
      null,
      "one\n",
      "it was not done within 1 s",
    ]);
  },
});

Deno.test({
  name: "a program that prints without end is killed, and one that is not there is no failure of ours",
  ignore: !unix,
  async fn() {
    const flood = await runProgram(["/usr/bin/yes"], { seconds: 5, signal: never });
    assert.match(flood.fault ?? "", /more than 65536 bytes/);
    const none = await runProgram(["/nowhere/program"], { seconds: 5, signal: never });
    assert.deepEqual([none.code, none.fault], [null, "there is no such program"]);
  },
});

/** How many files this process has open, of those that stay open. */
function openFiles(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

Deno.test({
  name: "a program that leaves another one running is done when it ends, and leaves no file open",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const before = openFiles();
    const started = performance.now();
    for (let run = 0; run < 5; run++) {
      const ending = await runProgram(["/bin/sh", "-c", "sleep 7.5 & echo all is well; exit 1"], {
        seconds: 10,
        signal: never,
      });
      assert.deepEqual(ending, { code: 1, stdout: "all is well\n", fault: null });
    }
    assert.ok(performance.now() - started < 5 * 1000, `${performance.now() - started} ms`);
    await until(() => openFiles() <= before);
  },
});

Deno.test({
  name: "a program that is killed takes with it all that it started, and leaves no file open",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      const before = openFiles();
      const pids = join(folder, "pids");
      const script = `(sleep 300 & echo $! > '${pids}'; wait) & wait`;
      const ending = await runProgram(["/bin/sh", "-c", script], { seconds: 1, signal: never });
      assert.equal(ending.fault, "it was not done within 1 s");
      const pid = (await Deno.readTextFile(pids)).trim();
      assert.match(pid, /^\d+$/);
      await until(() => !isRunning(pid));
      const stopped = new AbortController();
      const running = runProgram(["/bin/sh", "-c", script], { seconds: 10, signal: stopped.signal });
      await new Promise((resolve) => setTimeout(resolve, 300));
      stopped.abort();
      assert.equal((await running).code, null);
      await until(() => openFiles() <= before);
    }),
});

/** Whether there is such a process, other than one that only waits to be counted. */
function isRunning(pid: string): boolean {
  try {
    return !/^State:\tZ/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function until(isSo: () => boolean): Promise<void> {
  for (let wait = 0; wait < 100; wait++) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`never: ${isSo}`);
}

const urls: [string, string][] = [
  ["https://fleet.example", "https://fleet.example"],
  ["https://fleet.example/", "https://fleet.example"],
  ["https://fleet.example/functions/v1", "https://fleet.example"],
  ["https://fleet.example/functions/v1/", "https://fleet.example"],
  ["https://fleet.example:8443/base/functions/v1", "https://fleet.example:8443/base"],
  ["http://127.0.0.1:54321", "http://127.0.0.1:54321"],
  ["http://127.9.9.9", "http://127.9.9.9"],
  ["http://localhost:1", "http://localhost:1"],
  ["http://[::1]:54321/", "http://[::1]:54321"],
  ["https://[2001:db8::1]/", "https://[2001:db8::1]"],
];

for (const [given, read] of urls) {
  Deno.test(`${given} is read as ${read}`, () =>
    assert.equal(parseUrl(given, { insecureHttp: false }), read));
}

for (
  const given of [
    "http://fleet.example",
    "http://127.0.0.1.fleet.example",
    "http://localhost.fleet.example",
    "http://[2001:db8::1]",
    "ftp://fleet.example",
    "https://user:word@fleet.example",
    "https://fleet.example/?a=b",
    "fleet.example",
    "",
  ]
) {
  Deno.test(`"${given}" is refused as a server`, () =>
    assert.throws(() => parseUrl(given, { insecureHttp: false }), CliError));
}

const probes: [string, string | null][] = [
  ["http://127.0.0.1:8080/health?full=1", "http://127.0.0.1:8080/health?full=1"],
  ["https://fleet.example/functions/v1/", "https://fleet.example/functions/v1/"],
  ["http://fleet.example#part", "http://fleet.example/"],
  ["http://user:word@fleet.example", null],
  ["ftp://fleet.example", null],
  ["fleet.example", null],
];

for (const [given, read] of probes) {
  Deno.test(`${given} as a page to probe is ${read === null ? "refused" : `read as ${read}`}`, () => {
    if (read !== null) return assert.equal(parseProbeUrl(given), read);
    assert.throws(
      () => parseProbeUrl(given),
      (error) => error instanceof CliError && !error.message.includes("word@"),
    );
  });
}

Deno.test("a URL that is refused is named with where it was found, and without its password", () => {
  assert.throws(
    () => parseUrl("https://me:hush@fleet.example", { insecureHttp: false, from: "OPENCLAW_URL" }),
    (error) =>
      error instanceof CliError && /of OPENCLAW_URL/.test(error.message) && !/hush/.test(error.message),
  );
});

Deno.test("a stranger's text is cut between characters, at 500 of them", () => {
  const text = printable(`${"x".repeat(499)}🦞🦞`);
  assert.equal([...text].length, 500);
  assert.ok(text.endsWith("🦞") && text.isWellFormed());
  assert.ok(printable("\ud83e").isWellFormed());
});

Deno.test("http to another host is allowed where --insecure-http is said", () =>
  assert.equal(parseUrl("http://fleet.example", { insecureHttp: true }), "http://fleet.example"));

const places: [string, typeof Deno.build.os, Record<string, string>, string, string][] = [
  [
    "Linux",
    "linux",
    { HOME: "/home/a" },
    "/home/a/.config/openclaw/credentials.json",
    "/home/a/.local/state/openclaw",
  ],
  [
    "Linux with XDG folders",
    "linux",
    { HOME: "/home/a", XDG_CONFIG_HOME: "/c", XDG_STATE_HOME: "/s" },
    "/c/openclaw/credentials.json",
    "/s/openclaw",
  ],
  [
    "Linux with XDG folders that are relative, and so are none",
    "linux",
    { HOME: "/home/a", XDG_CONFIG_HOME: "c", XDG_STATE_HOME: "./s" },
    "/home/a/.config/openclaw/credentials.json",
    "/home/a/.local/state/openclaw",
  ],
  [
    "a systemd service",
    "linux",
    { HOME: "/", STATE_DIRECTORY: "/var/lib/openclaw:/var/lib/other" },
    "/var/lib/openclaw/credentials.json",
    "/var/lib/openclaw",
  ],
  [
    "macOS",
    "darwin",
    { HOME: "/Users/a" },
    "/Users/a/Library/Application Support/openclaw/credentials.json",
    "/Users/a/Library/Application Support/openclaw",
  ],
  [
    "Windows",
    "windows",
    { USERPROFILE: "C:\\Users\\a", APPDATA: "C:\\Users\\a\\AppData\\Roaming" },
    "C:\\Users\\a\\AppData\\Roaming\\openclaw\\credentials.json",
    "C:\\Users\\a\\AppData\\Roaming\\openclaw",
  ],
];

for (const [name, os, environment, credentials, state] of places) {
  Deno.test(`${name} keeps credentials and session where it should`, () =>
    assert.deepEqual(placesOf(variables(environment), os), { credentials, state }));
}

Deno.test("the doctor names the proxy that the runtime uses, and none where there is none", () => {
  const given = variables({
    HTTPS_PROXY: "http://proxy.example:3128",
    NO_PROXY: "localhost,.inside.example",
  });
  assert.equal(proxyFor(new URL("https://fleet.example"), given)?.host, "proxy.example:3128");
  assert.equal(proxyFor(new URL("https://a.inside.example"), given), null);
  assert.equal(proxyFor(new URL("https://inside.example"), given), null);
  assert.equal(proxyFor(new URL("http://fleet.example"), given), null);
  assert.equal(proxyFor(new URL("https://fleet.example"), variables({})), null);
});
