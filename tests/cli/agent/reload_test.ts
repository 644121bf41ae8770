import assert from "node:assert/strict";
import { join } from "node:path";
import { claimHost } from "../../../cli/agent/host_claim.ts";
import { CliError } from "../../../cli/terminal/errors.ts";
import { makeSecret } from "../../../supabase/functions/_shared/secret.ts";
import type { CreatedAgent } from "../../_support/client.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { makeCertificate } from "../../_support/certificate.ts";
import {
  beatsOf,
  type FaultServer,
  handshakesAndBeats,
  handshakesOf,
  startFaultServer,
} from "../../_support/fault_server.ts";
import {
  configureHome,
  credentialsPath,
  identify,
  makeAgent,
  run,
  type Running,
  sessionPath,
  start,
} from "../../_support/program.ts";

const linux = Deno.build.os === "linux";
/** There is no SIGHUP on Windows. */
const ignore = Deno.build.os === "windows";
/** Beats come every second of it. */
const time = { clock: 20 };
const garbage = "-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n";

/** It goes on with the credentials that it had. */
async function goesOn(server: FaultServer, requests = 2): Promise<void> {
  const beats = beatsOf(server).length;
  await server.until(server.caught.length + requests);
  assert.ok(beatsOf(server).length > beats);
  assert.equal(handshakesOf(server).length, 1);
}

function warningsOf(monitor: Running): string[] {
  return monitor.events().filter(({ event }) => event === "warning").map(({ message }) => String(message));
}

async function endsWell(monitor: Running): Promise<void> {
  monitor.kill("SIGTERM");
  assert.equal((await monitor.ended).code, 0);
}

Deno.test("a certificate file with garbage in it → usage, with a hint, at the start", async () => {
  using server = startFaultServer(handshakesAndBeats());
  await using home = await temporaryFolder();
  const path = join(home.path, "it's.pem");
  await Deno.writeTextFile(path, garbage);
  const options = { home: home.path, env: identify(makeAgent(), server.url) };
  const { code, stderr } = await run(["handshake", "--ca-file", path], options);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /Cannot use the certificates in .*\nhint: openssl x509 /);
  if (!ignore) assert.ok(stderr.includes(String.raw`/it'\''s.pem' -noout`), stderr);
  assert.equal(server.caught.length, 0);
});

const needsOfCertificate = ignore ? ["the signals of Unix"] : ["openssl"];

testWith(
  needsOfCertificate,
  "SIGHUP with a certificate file that has become garbage, and one that is sound again",
  async () => {
    using server = startFaultServer(handshakesAndBeats());
    await using home = await temporaryFolder();
    const { authority } = await makeCertificate(home.path);
    const path = join(home.path, "ca.pem");
    await Deno.copyFile(authority, path);
    const options = { home: home.path, env: identify(makeAgent(), server.url), time };
    await using monitor = start(["monitor", "--json", "--ca-file", path], options);
    await monitor.until("heartbeat");
    await Deno.writeTextFile(path, garbage);
    monitor.kill("SIGHUP");
    const warning = await monitor.until("warning");
    assert.match(String(warning.message), /were not read again: Cannot use the certificates/);
    await Deno.copyFile(authority, path);
    monitor.kill("SIGHUP");
    await goesOn(server);
    await endsWell(monitor);
  },
);

/** What may become of a credentials file, and what is then said of it. */
const broken: { make: (path: string) => Promise<void>; says: RegExp }[] = [
  {
    make: (path) => Deno.writeTextFile(path, "{", { mode: 0o600 }),
    says: /were not read again: .*not a JSON object/,
  },
  { make: (path) => Deno.symlink(path, path), says: /were not read again: Cannot read the credentials file/ },
  { make: makePipe, says: /were not read again: .*it is not a regular file/ },
];

Deno.test("SIGHUP with credentials that are broken, a loop of links or a pipe changes nothing", {
  ignore,
}, async () => {
  using server = startFaultServer(handshakesAndBeats());
  await using home = await temporaryFolder();
  await configureHome(home.path, makeAgent(), server.url);
  await using monitor = start(["monitor", "--json"], { home: home.path, time });
  await monitor.until("heartbeat");
  for (const [index, { make, says }] of broken.entries()) {
    await Deno.remove(credentialsPath(home.path));
    await make(credentialsPath(home.path));
    monitor.kill("SIGHUP");
    const { message } = await monitor.until("warning", index + 1);
    assert.match(String(message), says);
    await goesOn(server);
  }
  assert.equal(warningsOf(monitor).length, broken.length);
  await endsWell(monitor);
});

Deno.test(
  "SIGHUP with another secret, and with another agent: it shakes hands as that one, and its claim goes along",
  {
    ignore,
  },
  async () => {
    using server = startFaultServer(handshakesAndBeats());
    await using home = await temporaryFolder();
    const agent = makeAgent();
    await configureHome(home.path, agent, server.url);
    await using monitor = start(["monitor", "--json"], { home: home.path, time });
    await monitor.until("heartbeat");
    const rotated = { ...agent, secret: makeSecret(new Uint8Array(32).fill(7)) };
    const other = makeAgent();
    for (const [index, fresh] of [rotated, other].entries()) {
      await configureHome(home.path, fresh, server.url);
      monitor.kill("SIGHUP");
      await monitor.until("reloaded", index + 1);
      await monitor.until("handshake", index + 2);
      if (linux) assert.equal(await isWatched(fresh), true);
    }
    if (linux) assert.equal(await isWatched(agent), false);
    const asked = handshakesOf(server).map(({ body }) => JSON.parse(body))
      .map(({ agent_id, agent_secret }) => ({ id: agent_id, secret: agent_secret }));
    assert.deepEqual(asked, [agent, rotated, other]);
    assert.deepEqual(warningsOf(monitor), []);
  },
);

/** Whether a process of this host proves that it watches over the agent. */
async function isWatched({ id: agentId, secret }: CreatedAgent): Promise<boolean> {
  try {
    const claim = await claimHost({ agentId, secret, warn: (text) => assert.fail(text) });
    claim.release();
    return false;
  } catch (error) {
    if (error instanceof CliError && error.failure === "conflict") return true;
    throw error;
  }
}

Deno.test(
  "SIGHUP with a secret that came from stdin, or from a pipe, changes nothing, and waits for nobody",
  {
    ignore,
  },
  async () => {
    await Promise.all(["-", "pipe"].map(async (source) => {
      using server = startFaultServer(handshakesAndBeats());
      await using home = await temporaryFolder();
      const agent = makeAgent();
      const file = source === "-" ? source : join(home.path, source);
      const flags = ["--url", server.url, "--agent-id", agent.id, "--agent-secret-file", file];
      if (source === "pipe") await makePipe(file);
      const options = { home: home.path, time, ...(source === "-" ? { stdin: agent.secret } : {}) };
      await using monitor = start(["monitor", "--json", ...flags], options);
      if (source === "pipe") await Deno.writeTextFile(file, agent.secret);
      await monitor.until("heartbeat");
      monitor.kill("SIGHUP");
      // Nothing tells that it was heard.
      await goesOn(server, 20);
      assert.deepEqual(warningsOf(monitor), [], source);
      await endsWell(monitor);
    }));
  },
);

async function makePipe(path: string): Promise<void> {
  assert.ok((await new Deno.Command("mkfifo", { args: ["-m", "600", path] }).output()).success);
}

Deno.test("a session that somebody removed while a monitor uses it is no reason to warn", async () => {
  using server = startFaultServer(handshakesAndBeats());
  await using home = await temporaryFolder();
  const env = identify(makeAgent(), server.url);
  await using monitor = start(["monitor", "--json"], { home: home.path, env, time });
  await monitor.until("heartbeat");
  await Deno.remove(sessionPath(home.path));
  await goesOn(server);
  assert.deepEqual(warningsOf(monitor), []);
});
