import assert from "node:assert/strict";
import { join } from "node:path";
import { openContainerMemory } from "../../cli/agent/container_memory.ts";
import { HostMetrics } from "../../cli/agent/host_metrics.ts";
import { parseCommand, runProgram } from "../../cli/agent/program.ts";
import { proxyFor } from "../../cli/agent/proxy.ts";
import { printable } from "../../cli/api.ts";
import { parseProbeUrl, parseUrl } from "../../cli/config.ts";
import { CliError } from "../../cli/errors.ts";
import { placesOf } from "../../cli/places.ts";
import { withFolder } from "../_support/server.ts";

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
