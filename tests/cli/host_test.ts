import assert from "node:assert/strict";
import { join } from "node:path";
import { openContainerMemory } from "../../cli/agent/container_memory.ts";
import { HostMetrics } from "../../cli/agent/host_metrics.ts";
import { parseCommand, runProgram } from "../../cli/agent/program.ts";
import { proxyFor } from "../../cli/agent/proxy.ts";
import { parseUrl } from "../../cli/config.ts";
import { CliError } from "../../cli/errors.ts";
import { placesOf } from "../../cli/places.ts";
import { withFolder } from "../_support/server.ts";

const never = new AbortController().signal;
const unix = Deno.build.os !== "windows";

function variables(all: Record<string, string>): (name: string) => string | undefined {
  return (name) => all[name];
}

Deno.test("the host's metrics are within their bounds, and the CPU's comes with the second sample", async () => {
  const metrics = new HostMetrics(null);
  await new Promise((resolve) => setTimeout(resolve, 300));
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
