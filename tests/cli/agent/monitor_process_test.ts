import assert from "node:assert/strict";
import { join } from "node:path";
import { makeSecret } from "../../../supabase/functions/_shared/secret.ts";
import { FleetClient } from "../../_support/client.ts";
import { testUnless } from "../../_support/require.ts";
import { openclaw, startServerProcess, withFolder } from "../../_support/server.ts";
import { accepts, type Fault, greets, ours, refuses, startFaultServer } from "../../_support/fault_server.ts";
import {
  credentialsPath,
  identify,
  linesOf,
  makeAgent,
  ownEnvironment,
  run,
  type Running,
  sessionPath,
  start,
} from "../../_support/program.ts";

const agent = makeAgent();
const { id: agentId, secret } = agent;
const windows = Deno.build.os === "windows";
const root = new URL("../../../", import.meta.url).href;

/** A monitor in a home of its own, ended when the work is done. */
async function withMonitor(
  args: string[],
  env: Record<string, string>,
  work: (monitor: Running, home: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (home) => {
    const monitor = start(["monitor", "--json", ...args], { home, env });
    try {
      await work(monitor, home);
    } finally {
      await monitor.end();
    }
  });
}

function beats({ caught }: { caught: { path: string; body: string }[] }): Record<string, unknown>[] {
  return caught.filter(({ path }) => path.endsWith("/heartbeat")).map(({ body }) => ({
    ...JSON.parse(body),
  }));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

Deno.test("a monitor against the real server: killed, restarted without a handshake, kept single, stopped", {
  ignore: windows,
}, () =>
  withFolder(async (data) => {
    const server = await startServerProcess({ data });
    try {
      const client = new FleetClient(server.base, server.operatorKey);
      const created = await client.createAgent({ heartbeat_interval_seconds: 5 });
      const env = identify(created, server.url);
      await withFolder(async (home) => {
        const first = start(["monitor", "--json"], { home, env });
        await first.until("heartbeat", 2);
        assert.deepEqual(
          first.events().slice(0, 3).map(({ event }) => event),
          ["started", "handshake", "heartbeat"],
        );
        assert.equal((await client.agent(created.id)).liveness, "online");

        const second = await run(["monitor"], { home, env });
        assert.equal(second.code, 5);
        assert.match(second.stderr, /another process on this host does so already/);

        first.kill("SIGKILL");
        await first.ended;
        const third = start(["monitor", "--json"], { home, env });
        await third.until("heartbeat");
        assert.deepEqual(third.events().map(({ event }) => event), ["started", "heartbeat"]);

        const asked = performance.now();
        third.kill("SIGTERM");
        assert.equal((await third.ended).code, 0);
        assert.ok(performance.now() - asked < 3000);
        assert.equal((await client.agent(created.id)).liveness, "stopped");
      });
    } finally {
      await server.stop();
    }
  }));

Deno.test("a monitor does not end because its server is down at its start, only when it is told to", {
  ignore: windows,
}, async () => {
  const reserved = startFaultServer(() => "cut");
  const { url } = reserved;
  reserved.close();
  await withMonitor([], identify(agent, url), async (monitor) => {
    await monitor.until("outage");
    assert.match(String(monitor.events().at(-1)?.message), /refused/);
    monitor.kill("SIGINT");
    const { code } = await monitor.ended;
    assert.equal(code, 0);
  });
});

const faults: { name: string; fault: Fault; says: RegExp }[] = [
  { name: "500 of ours", fault: refuses("internal", 500), says: /internal/ },
  { name: "503 of a proxy", fault: { status: 503, body: "<html>Bad gateway</html>" }, says: /HTTP 503/ },
  {
    name: "HTML with 200",
    fault: { status: 200, body: "<html>Sign in</html>" },
    says: /not the service's JSON/,
  },
  { name: "somebody else's JSON", fault: ours({ hello: "world" }), says: /not this service's/ },
  {
    name: "a redirect",
    fault: { status: 302, body: "", headers: { location: "/" } },
    says: /redirects \(302\)/,
  },
  { name: "a cut reply", fault: "cut", says: /cannot be had/ },
  { name: "no HTTP", fault: "garbage", says: /cannot be had/ },
  { name: "65 KiB", fault: ours({ ok: true, more: "x".repeat(70_000) }), says: /not the service's JSON/ },
  { name: "404 of ours", fault: refuses("not_found", 404), says: /not_found/ },
];

for (const { name, fault, says } of faults) {
  Deno.test(`a beat that is answered with ${name} is an outage, and the next one goes out within the interval`, async () => {
    let faulty = true;
    const server = startFaultServer(({ path }) => {
      if (path.endsWith("/handshake")) return greets();
      if (!faulty) return accepts();
      faulty = false;
      return fault;
    });
    try {
      await withMonitor([], identify(agent, server.url), async (monitor) => {
        const outage = await monitor.until("outage");
        assert.match(String(outage.message), says);
        await monitor.until("recovered");
        const [lost, next] = server.caught.filter(({ path }) => path.endsWith("/heartbeat"));
        assert.ok((next?.at ?? 0) - (lost?.at ?? 0) < 2.5);
        assert.equal(server.caught.filter(({ path }) => path.endsWith("/handshake")).length, 1);
      });
    } finally {
      server.close();
    }
  });
}

Deno.test("a reply that hangs or drips is given up after 15 s; an order to stop does not wait for it", {
  ignore: windows,
}, async () => {
  const results = (["hang", "slow bytes"] as const).map(async (fault) => {
    const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : fault);
    try {
      await withMonitor([], identify(makeAgent(), server.url), async (monitor) => {
        await server.until(2);
        const asked = performance.now();
        await monitor.until("outage");
        const waited = (performance.now() - asked) / 1000;
        assert.ok(waited > 13 && waited < 17, `${fault}: ${waited} s`);
        await server.until(3);
        const told = performance.now();
        monitor.kill("SIGTERM");
        assert.equal((await monitor.ended).code, 0);
        assert.ok(performance.now() - told < 4000, `${fault}: ${performance.now() - told} ms`);
        assert.equal(beats(server).at(-1)?.status, "stopping");
      });
    } finally {
      server.close();
    }
  });
  await Promise.all(results);
});

Deno.test("a session that is revoked is followed by one handshake; a refused one by silence, not by an end", {
  ignore: windows,
}, async () => {
  let revoked = false;
  const server = startFaultServer(({ path }) => {
    if (path.endsWith("/handshake")) return revoked ? refuses("invalid_credentials") : greets();
    if (revoked || server.caught.length < 4) return revoked ? refuses("session_revoked") : accepts();
    revoked = true;
    return refuses("session_revoked");
  });
  try {
    await withMonitor([], identify(agent, server.url), async (monitor) => {
      await monitor.until("refused");
      const asked = server.caught.length;
      await pause(5000);
      assert.equal(server.caught.length, asked, "it asks again after a minute only");
      assert.equal(monitor.events().filter(({ level }) => level === "error").length, 1);
      monitor.kill("SIGTERM");
      assert.equal((await monitor.ended).code, 0);
    });
  } finally {
    server.close();
  }
});

Deno.test("retry-after is obeyed by the process as by the rules", async () => {
  const server = startFaultServer(({ path }, index) => {
    if (path.endsWith("/handshake")) return greets();
    if (index > 1) return accepts();
    return {
      status: 429,
      body: JSON.stringify({ error: "rate_limited", error_description: "Cannot answer: too many" }),
      headers: { "retry-after": "4" },
    };
  });
  try {
    await withMonitor([], identify(agent, server.url), async (monitor) => {
      await monitor.until("recovered");
      const [first, second] = server.caught.slice(1);
      const waited = (second?.at ?? 0) - (first?.at ?? 0);
      assert.ok(waited >= 3.9 && waited < 6, `${waited} s`);
    });
  } finally {
    server.close();
  }
});

Deno.test("over real minutes, the pace is the server's, and without its answers the contract's", async (context) => {
  // They wait rather than work, so both are told at once.
  const stories = [
    { name: "over two minutes, beats keep the pace that the server set", fn: keepsPace },
    {
      name: "over a minute of 500s, a beat is tried again within the interval, and then ever more slowly",
      fn: tires,
    },
  ];
  const sanitize = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  await Promise.all(stories.map((story) => context.step({ ...story, ...sanitize })));
});

async function keepsPace(): Promise<void> {
  const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts(3));
  try {
    await withMonitor([], identify(agent, server.url), async () => {
      await server.until(2);
      await pause(120_000);
      const times = server.caught.slice(1).map(({ at }) => at);
      assert.ok(times.length >= 38 && times.length <= 42, `${times.length} beats`);
      const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
      assert.ok(gaps.every((gap) => gap > 2.9 && gap < 4), gaps.join(" "));
    });
  } finally {
    server.close();
  }
}

async function tires(): Promise<void> {
  const server = startFaultServer(({ path }) =>
    path.endsWith("/handshake") ? greets() : refuses("internal", 500)
  );
  try {
    // Another agent: a host has one monitor of each.
    await withMonitor([], identify(makeAgent(), server.url), async (monitor) => {
      await server.until(2);
      await pause(60_000);
      const times = server.caught.slice(1).map(({ at }) => at);
      const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
      // The interval, and 5 × 2ⁿ s, of which at least one half is waited for.
      const most = [2, 5, 10, 20, 40];
      assert.ok(gaps.length === 4 || gaps.length === 5, gaps.join(" "));
      for (const [index, gap] of gaps.entries()) {
        const longest = most[index] ?? 0;
        assert.ok(gap < longest + 1.5 && (index === 0 || gap > longest / 2 - 0.1), gaps.join(" "));
      }
      assert.equal(server.caught.filter(({ path }) => path.endsWith("/handshake")).length, 1);
      const told = monitor.events().filter(({ level }) => level !== "debug").map(({ event }) => event);
      assert.deepEqual(told, ["started", "handshake", "outage"]);
    });
  } finally {
    server.close();
  }
}

Deno.test({
  name: "SIGHUP reads the credentials again; a file that is broken changes nothing",
  ignore: windows,
  async fn() {
    const { id: other } = makeAgent();
    const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
    try {
      await withFolder(async (home) => {
        const configure = (id: string) =>
          run(["configure", "--url", server.url, "--agent-id", id, "--agent-secret-file", "-"], {
            home,
            stdin: secret,
          });
        await configure(agentId);
        const monitor = start(["monitor", "--json"], { home });
        try {
          await monitor.until("heartbeat");
          const good = await Deno.readTextFile(credentialsPath(home));
          await Deno.writeTextFile(credentialsPath(home), "{");
          monitor.kill("SIGHUP");
          const warning = await monitor.until("warning");
          assert.match(String(warning.message), /were not read again: .*no JSON object/);
          await monitor.until("heartbeat", 3);
          await Deno.writeTextFile(credentialsPath(home), good);
          await configure(other);
          monitor.kill("SIGHUP");
          await monitor.until("reloaded");
          await monitor.until("handshake", 2);
          const asked = server.caught.filter(({ path }) => path.endsWith("/handshake"))
            .map(({ body }) => JSON.parse(body).agent_id);
          assert.deepEqual(asked, [agentId, other]);
        } finally {
          await monitor.end();
        }
      });
    } finally {
      server.close();
    }
  },
});

Deno.test("the status, metrics and probe of the administrator's own go out with the beat", {
  ignore: windows,
}, async () => {
  const page = startFaultServer(() => ({ status: 500, body: "sick" }));
  const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
  try {
    await withFolder(async (folder) => {
      const seen = join(folder, "environment");
      const status = join(folder, "status");
      await Deno.writeTextFile(status, `#!/bin/sh\nenv > '${seen}'\necho "$1 are low"\nexit 2\n`, {
        mode: 0o755,
      });
      const metrics = join(folder, "metrics");
      await Deno.writeTextFile(
        metrics,
        `#!/bin/sh\necho '{"queue_length": 7, "Bad Name": 1, "words": "x"}'\n`,
        {
          mode: 0o755,
        },
      );
      const args = [
        "--once",
        "--status-command",
        JSON.stringify([status, "disks; $(id)"]),
        "--metrics-command",
        metrics,
        "--probe-url",
        page.url,
      ];
      await withMonitor(args, identify(agent, server.url), async (monitor) => {
        const { code, stderr } = await monitor.ended;
        assert.equal(code, 0, stderr);
        const [beat] = beats(server);
        assert.equal(beat?.status, "unhealthy");
        assert.equal(beat?.message, "the probe answered 500; disks; $(id) are low");
        const sent = JSON.stringify(beat?.metrics);
        assert.match(sent, /"queue_length":7/);
        assert.match(sent, /"latency_ms":\d/);
        assert.match(sent, /"memory_percent":\d/);
        assert.doesNotMatch(sent, /Bad Name|words/);
        assert.doesNotMatch(await Deno.readTextFile(seen), /OPENCLAW_/);
      });
    });
  } finally {
    page.close();
    server.close();
  }
});

Deno.test("a wall clock that is hours off, here or at the server, changes nothing", async () => {
  for (const hours of [-7, 7]) {
    const elsewhere = new Date(Date.now() + hours * 3_600_000);
    const shifted = (fault: Fault): Fault => {
      assert.ok(typeof fault === "object");
      const body = { ...JSON.parse(fault.body), server_time: elsewhere.toISOString() };
      return { ...fault, body: JSON.stringify(body), headers: { date: elsewhere.toUTCString() } };
    };
    const server = startFaultServer(({ path }) =>
      shifted(path.endsWith("/handshake") ? greets() : accepts(1))
    );
    try {
      await withMonitor([], identify(agent, server.url), async (monitor) => {
        await monitor.until("heartbeat", 4);
        assert.deepEqual(monitor.events().map(({ event }) => event).slice(0, 3), [
          "started",
          "handshake",
          "heartbeat",
        ]);
        assert.equal(server.caught.filter(({ path }) => path.endsWith("/handshake")).length, 1);
        const times = server.caught.slice(1).map(({ at }) => at);
        assert.ok(times.slice(1).every((at, index) => at - (times[index] ?? 0) > 0.9), times.join(" "));
      });
    } finally {
      server.close();
    }
  }
});

const mayMount = await canMount();

testUnless(
  mayMount ? null : "root who may mount",
  "a disk that is full costs the kept session, not the beats, and one line",
  () =>
    withFolder(async (home) => {
      const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts(1));
      const state = join(home, "state");
      await Deno.mkdir(state);
      assert.ok(await mount(state));
      try {
        await fill(join(state, "ballast"));
        const env = { ...identify(agent, server.url), XDG_STATE_HOME: state };
        await Deno.mkdir(join(state, "openclaw"), { mode: 0o700 });
        const monitor = start(["monitor", "--json"], { home, env });
        try {
          await monitor.until("heartbeat", 3);
          const warnings = monitor.events().filter(({ event }) => event === "warning");
          assert.equal(warnings.length, 1, JSON.stringify(warnings));
          assert.match(String(warnings[0]?.message), /the session cannot be kept .*No space left/);
        } finally {
          await monitor.end();
        }
      } finally {
        server.close();
        await new Deno.Command("umount", { args: [state] }).output();
      }
    }),
);

/** A file system of 64 KiB, for who may mount one. */
async function mount(folder: string): Promise<boolean> {
  const args = ["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", folder];
  return (await new Deno.Command("mount", { args, stdout: "null", stderr: "null" }).output()).success;
}

async function canMount(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  return await withFolder(async (folder) => {
    if (!await mount(folder)) return false;
    await new Deno.Command("umount", { args: [folder] }).output();
    return true;
  });
}

async function fill(path: string): Promise<void> {
  const file = await Deno.open(path, { write: true, create: true });
  try {
    for (const size of [4096, 1]) {
      try {
        while (true) await file.write(new Uint8Array(size));
      } catch (error) {
        if (!(error instanceof Error) || !/No space left/.test(error.message)) throw error;
      }
    }
  } finally {
    file.close();
  }
}

Deno.test("a monitor whose lines nobody reads any more goes on beating", { ignore: windows }, async () => {
  const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
  try {
    await withFolder(async (home) => {
      const { program, args } = openclaw(["monitor", "--json"]);
      const child = new Deno.Command(program, {
        args,
        env: { ...ownEnvironment(home), ...identify(agent, server.url) },
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      await child.stdout.cancel();
      await server.until(5);
      child.kill("SIGTERM");
      assert.equal((await child.status).code, 0);
      assert.equal(beats(server).at(-1)?.status, "stopping");
    });
  } finally {
    server.close();
  }
});

Deno.test("the log file is rotated, private, and has the lines that --quiet keeps from the terminal", {
  ignore: windows,
}, async () => {
  const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
  try {
    await withFolder(async (folder) => {
      const log = join(folder, "openclaw.log");
      const args = ["--quiet", "--log-file", log, "--log-max-bytes", "400"];
      await withMonitor(args, identify(agent, server.url), async (monitor) => {
        await server.until(9);
        monitor.kill("SIGTERM");
        const { stdout, stderr } = await monitor.ended;
        assert.equal(stdout + stderr, "");
        for (const path of [log, `${log}.1`, `${log}.2`]) {
          const { size, mode } = await Deno.stat(path);
          assert.ok(size <= 400, `${path}: ${size}`);
          if (!windows) assert.equal((mode ?? 0) & 0o777, 0o600);
          linesOf(await Deno.readTextFile(path));
        }
      });
    });
  } finally {
    server.close();
  }
});

Deno.test({
  name: "a secret from a file is in no argument, environment, output, log or session file of the process",
  ignore: Deno.build.os !== "linux",
  async fn() {
    // One that no other process on this host has.
    const secret = await makeSecret(crypto.getRandomValues(new Uint8Array(32)));
    const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
    try {
      await withFolder(async (home) => {
        const log = join(home, "log");
        const flags = ["--url", server.url, "--agent-id", agentId, "--agent-secret-file", "-"];
        await run(["configure", ...flags], { home, stdin: secret });
        const monitor = start(["monitor", "--json", "--log-file", log], { home });
        try {
          await monitor.until("heartbeat", 2);
          // Its own line alone: what else runs on this host is none of this test's business.
          const ps = await new Deno.Command("ps", { args: ["eww", "-p", String(monitor.pid)] }).output();
          const places: Record<string, string> = {
            cmdline: await Deno.readTextFile(`/proc/${monitor.pid}/cmdline`),
            environ: await Deno.readTextFile(`/proc/${monitor.pid}/environ`),
            ps: new TextDecoder().decode(ps.stdout),
            stdout: monitor.output.stdout,
            log: await Deno.readTextFile(log),
            "session.json": await Deno.readTextFile(sessionPath(home)),
          };
          for (const [place, text] of Object.entries(places)) {
            assert.ok(text.length > 0, `${place} is empty`);
            assert.ok(!text.includes(secret.slice(4, 47)), `the secret is in ${place}`);
          }
          assert.ok(!monitor.output.stderr.includes(secret.slice(4, 47)), "the secret is in stderr");
          assert.ok(server.caught[0]?.body.includes(secret), "it did go out, once");
        } finally {
          await monitor.end();
        }
      });
    } finally {
      server.close();
    }
  },
});

/** Writes one credentials file after the other, and says when it has begun. */
const writing = `
import { formatCredentials } from "${root}cli/identity/credentials.ts";
import { writePrivateFile } from "${root}cli/host/private_file.ts";
const [path, secret, ...ids] = Deno.args;
for (let round = 0; ; round++) {
  const text = formatCredentials({ url: "https://a.example", agentId: ids[round % 2], secret });
  await writePrivateFile(path, text);
  if (round === 1) console.log("begun");
}
`;

Deno.test("kill -9 in a loop while the credentials are written: there is always a whole file", () =>
  withFolder(async (home) => {
    const ids = [agentId, "1c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11"];
    const script = join(home, "writing.ts");
    await Deno.writeTextFile(script, writing);
    const path = join(home, "folder", "credentials.json");
    let cut = 0;
    for (let round = 0; round < 25; round++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", "--no-config", "--allow-all", script, path, secret, ...ids],
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      const reader = child.stdout.getReader();
      assert.equal((await reader.read()).done, false, "it has begun");
      await pause(10 * Math.random());
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
      const stored = JSON.parse(await Deno.readTextFile(path));
      assert.ok(ids.includes(stored.agent_id) && stored.agent_secret === secret);
      for await (const { name } of Deno.readDir(join(path, ".."))) {
        if (name === "credentials.json") continue;
        cut += 1;
        await Deno.remove(join(path, "..", name));
      }
    }
    assert.ok(cut > 3, `${cut} of 25 were killed in the middle of writing`);
  }));

Deno.test("killed again and again while it keeps its sessions → never a broken session file, and the next start goes on", async () => {
  const server = startFaultServer(({ path }) =>
    path.endsWith("/handshake") ? greets({ refresh_in: 1 }) : accepts(1)
  );
  try {
    await withFolder(async (home) => {
      const env = identify(agent, server.url);
      for (let kill = 0; kill < 20; kill++) {
        const monitor = start(["monitor", "--json"], { home, env });
        await monitor.until("heartbeat");
        await pause(1500 * Math.random());
        await monitor.end();
        const parsed: unknown = JSON.parse(await Deno.readTextFile(sessionPath(home)));
        assert.ok(typeof parsed === "object" && parsed !== null && "token" in parsed, "it holds no session");
      }
      const { code } = await run(["heartbeat"], { home, env });
      assert.equal(code, 0);
    });
  } finally {
    server.close();
  }
});
