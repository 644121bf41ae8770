import assert from "node:assert/strict";
import { join } from "node:path";
import { makeSecret } from "../../../supabase/functions/_shared/secret.ts";
import { lookCases, startStage } from "../../_support/gateway_cases.ts";
import { killWhileSessionsAreKept } from "../../_support/agent_kills.ts";
import { testUnless } from "../../_support/require.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { isInstalled, testWith } from "../../_support/tools.ts";
import {
  beatsOf,
  type FaultServer,
  handshakesAndBeats,
  startFaultServer,
} from "../../_support/fault_server.ts";
import {
  commandOf,
  configureHome,
  identify,
  linesOf,
  makeAgent,
  ownEnvironment,
  run,
  sessionPath,
  start,
} from "../../_support/program.ts";

const windows = Deno.build.os === "windows";
/** What waits for some beats need not wait for their seconds. */
const time = { clock: 20 };

function lastBeat(server: FaultServer): Record<string, unknown> {
  return { ...JSON.parse(beatsOf(server).at(-1)?.body ?? "{}") };
}

Deno.test("a monitor does not end because its server is down at its start, only when it is told to", {
  ignore: windows,
}, async () => {
  const { url } = closedServer();
  await using home = await temporaryFolder();
  await using monitor = start(["monitor", "--json"], { home: home.path, env: identify(makeAgent(), url) });
  const { message } = await monitor.until("outage");
  assert.match(String(message), /refused/);
  monitor.kill("SIGINT");
  assert.equal((await monitor.ended).code, 0);
});

function closedServer(): FaultServer {
  using server = startFaultServer(() => "cut");
  return server;
}

Deno.test("the status, metrics and probe of the administrator's own go out with the beat", {
  ignore: windows,
}, async () => {
  using page = startFaultServer(() => ({ status: 500, body: "sick" }));
  using server = startFaultServer(handshakesAndBeats());
  const unready = lookCases.find(({ name }) => name.startsWith("a gateway of which parts fail"));
  assert.ok(unready);
  using gateway = startStage(unready);
  await using folder = await temporaryFolder();
  const seen = join(folder.path, "environment");
  const status = join(folder.path, "status");
  const metrics = join(folder.path, "metrics");
  const mode = 0o755;
  await Deno.writeTextFile(status, `#!/bin/sh\nenv > '${seen}'\necho "$1 are low"\nexit 2\n`, { mode });
  const numbers = '{"queue_length": 7, "Bad Name": 1, "words": "x"}';
  await Deno.writeTextFile(metrics, `#!/bin/sh\necho '${numbers}'\n`, { mode });
  const { code, stderr } = await run([
    "monitor",
    "--once",
    "--status-command",
    JSON.stringify([status, "disks; $(id)"]),
    "--metrics-command",
    metrics,
    "--probe-url",
    page.url,
    "--watch",
    `openclaw:${gateway.port}`,
  ], { home: folder.path, env: identify(makeAgent(), server.url) });
  assert.equal(code, 0, stderr);
  const beat = lastBeat(server);
  assert.equal(beat.status, "unhealthy");
  assert.equal(beat.message, `${unready.message}; the probe answered 500; disks; $(id) are low`);
  const sent = JSON.stringify(beat.metrics);
  assert.match(sent, /"queue_length":7/);
  assert.match(sent, /"latency_ms":\d/);
  assert.match(sent, /"gateway_uptime_seconds":5[,}]/);
  assert.match(sent, /"memory_percent":\d/);
  assert.doesNotMatch(sent, /Bad Name|words/);
  assert.doesNotMatch(await Deno.readTextFile(seen), /OPENCLAW_AGENT_SECRET|ocs_/);
});

testUnless(
  await canMount() ? null : "root who may mount",
  "a disk that is full costs the kept session, not the beats, and one line",
  async () => {
    using server = startFaultServer(handshakesAndBeats());
    await using home = await temporaryFolder();
    const state = join(home.path, "state");
    await Deno.mkdir(state);
    await using _mounted = await mounted(state);
    await fill(join(state, "ballast"));
    await Deno.mkdir(join(state, "openclaw"), { mode: 0o700 });
    const env = { ...identify(makeAgent(), server.url), XDG_STATE_HOME: state };
    await using monitor = start(["monitor", "--json"], { home: home.path, env, time });
    await monitor.until("heartbeat", 3);
    const warnings = monitor.events().filter(({ event }) => event === "warning");
    assert.equal(warnings.length, 1, JSON.stringify(warnings));
    assert.match(String(warnings[0]?.message), /the session cannot be kept .*No space left/);
  },
);

/** A file system of 64 KiB that is there until the end of the block. */
async function mounted(folder: string): Promise<AsyncDisposable> {
  assert.ok(await mount(folder));
  return {
    async [Symbol.asyncDispose]() {
      await new Deno.Command("umount", { args: [folder] }).output();
    },
  };
}

async function mount(folder: string): Promise<boolean> {
  const args = ["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", folder];
  return (await new Deno.Command("mount", { args, stdout: "null", stderr: "null" }).output()).success;
}

async function canMount(): Promise<boolean> {
  if (Deno.build.os !== "linux" || !["root", "mount", "umount"].every(isInstalled)) return false;
  await using folder = await temporaryFolder();
  if (!await mount(folder.path)) return false;
  await new Deno.Command("umount", { args: [folder.path] }).output();
  return true;
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
  using server = startFaultServer(handshakesAndBeats());
  await using home = await temporaryFolder();
  const { program, args } = commandOf(["monitor", "--json"], time);
  const child = new Deno.Command(program, {
    args,
    env: { ...ownEnvironment(home.path), ...identify(makeAgent(), server.url) },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  await child.stdout.cancel();
  await server.until(5);
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
  assert.equal(lastBeat(server).status, "stopping");
});

Deno.test("the log file is rotated, private, and has the lines that --quiet keeps from the terminal", {
  ignore: windows,
}, async () => {
  using server = startFaultServer(handshakesAndBeats());
  await using home = await temporaryFolder();
  const log = join(home.path, "openclaw.log");
  const args = ["monitor", "--json", "--quiet", "--log-file", log, "--log-max-bytes", "400"];
  const env = identify(makeAgent(), server.url);
  await using monitor = start(args, { home: home.path, env, time });
  await server.until(9);
  monitor.kill("SIGTERM");
  const { stdout, stderr } = await monitor.ended;
  assert.equal(stdout + stderr, "");
  for (const path of [log, `${log}.1`, `${log}.2`]) {
    const { size, mode } = await Deno.stat(path);
    assert.ok(size <= 400, `${path}: ${size}`);
    assert.equal((mode ?? 0) & 0o777, 0o600);
    linesOf(await Deno.readTextFile(path));
  }
});

const needsOfSecret = Deno.build.os === "linux" ? ["ps"] : ["Linux's /proc"];

testWith(
  needsOfSecret,
  "a secret from a file is in no argument, environment, output, log or session file of the process",
  async () => {
    // One that no other process on this host has.
    const secret = makeSecret(crypto.getRandomValues(new Uint8Array(32)));
    using server = startFaultServer(handshakesAndBeats());
    await using home = await temporaryFolder();
    const log = join(home.path, "log");
    await configureHome(home.path, { ...makeAgent(), secret }, server.url);
    await using monitor = start(["monitor", "--json", "--log-file", log], { home: home.path, time });
    await monitor.until("heartbeat", 2);
    // Only its own line: what else runs on this host is none of this test's business.
    const ps = await new Deno.Command("ps", { args: ["eww", "-p", String(monitor.pid)] }).output();
    const places: Record<string, string> = {
      cmdline: await Deno.readTextFile(`/proc/${monitor.pid}/cmdline`),
      environ: await Deno.readTextFile(`/proc/${monitor.pid}/environ`),
      ps: new TextDecoder().decode(ps.stdout),
      stdout: monitor.output.stdout,
      log: await Deno.readTextFile(log),
      "session.json": await Deno.readTextFile(sessionPath(home.path)),
    };
    for (const [place, text] of Object.entries(places)) {
      assert.ok(text.length > 0, `${place} is empty`);
      assert.ok(!text.includes(secret.slice(4, 47)), `the secret is in ${place}`);
    }
    assert.ok(!monitor.output.stderr.includes(secret.slice(4, 47)), "the secret is in stderr");
    assert.ok(server.caught[0]?.body.includes(secret), "it did go out, once");
  },
);

Deno.test("killed while it keeps its sessions → never a broken session file, and the next start goes on", async () => {
  // Many times: tests/long/agent/kills_test.ts.
  await killWhileSessionsAreKept({ kills: 2, random: Math.random });
});
