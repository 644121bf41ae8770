import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../../_support/server.ts";
import { makeCertificate } from "../../_support/certificate.ts";
import { accepts, type FaultServer, greets, startFaultServer } from "../../_support/fault_server.ts";
import {
  credentialsPath,
  identify,
  makeAgent,
  run,
  type Running,
  type RunOptions,
  start,
} from "../../_support/program.ts";

const agent = makeAgent();
const ignore = Deno.build.os === "windows";

interface Stage {
  home: string;
  server: FaultServer;
  begin: (args: string[], options?: Omit<RunOptions, "home">) => Running;
}

/** A server that is well and a home; what was begun there is ended. */
async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
  const begun: Running[] = [];
  try {
    await withFolder(async (home) => {
      const begin: Stage["begin"] = (args, options = {}) => {
        const monitor = start(["monitor", "--json", ...args], { home, ...options });
        begun.push(monitor);
        return monitor;
      };
      try {
        await work({ home, server, begin });
      } finally {
        for (const monitor of begun) await stop(monitor, "SIGKILL");
      }
    });
  } finally {
    server.close();
  }
}

async function stop(monitor: Running, signal: Deno.Signal): Promise<number> {
  try {
    monitor.kill(signal);
  } catch (error) {
    // It has ended already.
    if (!(error instanceof TypeError)) throw error;
  }
  return (await monitor.ended).code;
}

function count({ caught }: FaultServer, path: string): number {
  return caught.filter((one) => one.path.endsWith(path)).length;
}

/** It said what was wrong, went on with the credentials that it had, and ends as it should. */
async function goesOn(monitor: Running, server: FaultServer, says: RegExp): Promise<void> {
  const warning = await monitor.until("warning");
  assert.match(String(warning.message), says);
  const beats = count(server, "/heartbeat");
  await server.until(server.caught.length + 2);
  assert.ok(count(server, "/heartbeat") > beats);
  assert.equal(count(server, "/handshake"), 1);
  assert.equal(await stop(monitor, "SIGTERM"), 0);
}

const garbage = "-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n";

Deno.test("a certificate file with garbage in it → usage, with a hint, at the start", () =>
  onStage(async ({ home, server }) => {
    const path = join(home, "it's.pem");
    await Deno.writeTextFile(path, garbage);
    const options = { home, env: identify(agent, server.url) };
    const { code, stderr } = await run(["handshake", "--ca-file", path], options);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /Cannot use the certificates in .*\nhint: openssl x509 /);
    if (!ignore) assert.ok(stderr.includes(String.raw`/it'\''s.pem' -noout`), stderr);
    assert.equal(server.caught.length, 0);
  }));

Deno.test({
  name: "SIGHUP with a certificate file that has become garbage, and one that is sound again",
  ignore,
  fn: () =>
    onStage(async ({ home, server, begin }) => {
      const { authority } = await makeCertificate(home);
      const path = join(home, "ca.pem");
      await Deno.copyFile(authority, path);
      const monitor = begin(["--ca-file", path], { env: identify(agent, server.url) });
      await monitor.until("heartbeat");
      await Deno.writeTextFile(path, garbage);
      monitor.kill("SIGHUP");
      await monitor.until("warning");
      await Deno.copyFile(authority, path);
      monitor.kill("SIGHUP");
      await goesOn(monitor, server, /were not read again: Cannot use the certificates/);
    }),
});

Deno.test({
  name: "SIGHUP with credentials that have become a loop of links changes nothing",
  ignore,
  fn: () =>
    onStage(async ({ home, server, begin }) => {
      const flags = ["--url", server.url, "--agent-id", agent.id, "--agent-secret-file", "-"];
      await run(["configure", ...flags], { home, stdin: agent.secret });
      const monitor = begin([]);
      await monitor.until("heartbeat");
      await Deno.remove(credentialsPath(home));
      await Deno.symlink(credentialsPath(home), credentialsPath(home));
      monitor.kill("SIGHUP");
      await goesOn(monitor, server, /were not read again: Cannot read the credentials file/);
    }),
});

Deno.test({
  name: "SIGHUP with a secret that came from stdin changes nothing, and is no reason to warn",
  ignore,
  fn: () =>
    onStage(async ({ server, begin }) => {
      const flags = ["--url", server.url, "--agent-id", agent.id, "--agent-secret-file", "-"];
      const monitor = begin(flags, { stdin: agent.secret });
      await monitor.until("heartbeat");
      monitor.kill("SIGHUP");
      await monitor.until("heartbeat", 3);
      assert.deepEqual(monitor.events().filter(({ event }) => event === "warning"), []);
      assert.equal(count(server, "/handshake"), 1);
    }),
});

Deno.test({
  name: "SIGHUP with a secret that came from a pipe, or with a pipe for a credentials file, waits for nobody",
  ignore,
  fn: () =>
    onStage(async ({ home, server, begin }) => {
      const pipe = join(home, "pipe");
      await makePipe(pipe);
      const flags = ["--url", server.url, "--agent-id", agent.id, "--agent-secret-file", pipe];
      const monitor = begin(flags);
      await Deno.writeTextFile(pipe, agent.secret);
      await monitor.until("heartbeat");
      monitor.kill("SIGHUP");
      await monitor.until("heartbeat", 4);
      assert.deepEqual(monitor.events().filter(({ event }) => event === "warning"), []);
      assert.equal(await stop(monitor, "SIGTERM"), 0);

      await run(["configure", ...flags.with(-1, "-")], { home, stdin: agent.secret });
      const other = begin([]);
      await other.until("heartbeat");
      await Deno.remove(credentialsPath(home));
      await makePipe(credentialsPath(home));
      other.kill("SIGHUP");
      const warning = await other.until("warning");
      assert.match(String(warning.message), /it is no regular file/);
      await other.until("heartbeat", 3);
      assert.equal(await stop(other, "SIGTERM"), 0);
    }),
});

async function makePipe(path: string): Promise<void> {
  assert.ok((await new Deno.Command("mkfifo", { args: ["-m", "600", path] }).output()).success);
}

Deno.test("a session that somebody removed while a monitor uses it is no reason to warn", () =>
  onStage(async ({ home, server, begin }) => {
    const flags = ["--url", server.url, "--agent-id", agent.id, "--agent-secret-file", "-"];
    const configure = () => run(["configure", ...flags], { home, stdin: agent.secret });
    await configure();
    const monitor = begin([]);
    await monitor.until("heartbeat");
    await configure();
    await monitor.until("heartbeat", 4);
    assert.deepEqual(monitor.events().filter(({ event }) => event === "warning"), []);
  }));
