import assert from "node:assert/strict";
import { join } from "node:path";
import { beatsOf, greets, handshakesAndBeats, startFaultServer } from "../../../_support/fault_server.ts";
import { namesIn } from "../../../_support/home.ts";
import { closedPort } from "../../../_support/port.ts";
import { identify, makeAgent, run, sessionPath, start } from "../../../_support/program.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { testWith } from "../../../_support/tools.ts";
import { pause } from "../../../_support/wait.ts";
import { understand } from "../_idle.ts";

// What the command line of openclaw monitor does. The life of the agent is in tests/cli/agent.

const commandFault = "expected words without quotes, or a JSON array of strings";
const wrong: { name: string; args: string[]; says: RegExp }[] = [
  {
    name: "a log file in a folder that is not there",
    args: ["--log-file", join("nowhere", "log")],
    says: /Cannot write the log file ".*log": /,
  },
  { name: "a log file that is a folder", args: ["--log-file", "."], says: /Cannot write the log file "\."/ },
  { name: "an empty log file", args: ["--log-file", ""], says: /Cannot write the log file ""/ },
  {
    name: "a size for its log file that is too small",
    args: ["--log-file", "log", "--log-max-bytes", "99"],
    says: /--log-max-bytes <number>' argument '99' is invalid\. It is not a number of bytes of at least 100/,
  },
  ...["--status-command", "--metrics-command"].map((flag) => ({
    name: `quotes in its ${flag}`,
    args: [flag, "check 'two words'"],
    says: new RegExp(`Cannot read ${flag}: ${commandFault}`),
  })),
  {
    name: "a page to probe that is not an address",
    args: ["--probe-url", "health"],
    says: /the URL "health" of --probe-url/,
  },
  {
    name: "an age for its secret that is too small",
    args: ["--rotate-every", "5m"],
    says: /Cannot use "5m" for --rotate-every: a duration of at least 10m is expected/,
  },
];

for (const { name, args, says } of wrong) {
  Deno.test(`openclaw monitor with ${name} → usage, nothing is sent and nothing is written`, async () => {
    await using home = await temporaryFolder();
    using server = startFaultServer(() => greets());
    const env = identify(makeAgent(), server.url);
    assertRefused(await run(["monitor", "--once", ...args], { home: home.path, env }), 2, says);
    assert.equal(server.caught.length, 0);
    assert.deepEqual(await namesIn(home.path), []);
  });
}

for (const size of ["5", "99", "0", "-400", "1e6", "4.5", "", "1000000000000", "10MB"]) {
  Deno.test(`openclaw monitor --log-max-bytes=${size} → a usage error`, async () => {
    const message = /argument '.*' is invalid\. It is not a number of bytes of at least 100/;
    await assert.rejects(understand(["monitor", "--log-max-bytes", size]), {
      name: "CommanderError",
      message,
    });
  });
}

Deno.test("openclaw monitor --log-max-bytes takes a number of bytes", async () => {
  for (const size of ["100", "10485760", "999999999999"]) {
    assert.deepEqual(await understand(["monitor", "--log-max-bytes", size]), ["monitor"]);
  }
});

Deno.test("openclaw monitor --quiet prints nothing of a life without a fault", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(handshakesAndBeats());
  const monitor = start(["monitor", "--quiet"], { home: home.path, env: identify(makeAgent(), server.url) });
  await server.until(3);
  monitor.kill("SIGTERM");
  const { stdout, stderr } = await monitor.ended;
  assert.deepEqual([stdout, stderr], ["", ""]);
  assert.ok(beatsOf(server).length >= 2);
});

Deno.test("openclaw monitor --quiet prints what is wrong", async () => {
  await using home = await temporaryFolder();
  const env = identify(makeAgent(), closedPort());
  const { code, stdout, stderr } = await run(["monitor", "--once", "--quiet"], { home: home.path, env });
  assert.deepEqual([code, stdout], [6, ""]);
  assert.match(stderr, / warn {2}cannot reach the server: /);
  assert.doesNotMatch(stderr, / info | debug /);
});

Deno.test({
  name: "openclaw monitor --json prints its warnings at its start",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using home = await temporaryFolder();
    const { id, secret } = makeAgent();
    const args = ["monitor", "--json", `--agent-id=${id}`, `--agent-secret=${secret}`, "--url", closedPort()];
    const monitor = start(args, { home: home.path });
    await monitor.until("outage");
    assert.match(monitor.output.stderr, /^warning: --agent-secret/);
    monitor.kill("SIGTERM");
    assert.equal((await monitor.ended).code, 0);
  },
});

testWith(
  ["root"],
  "what root's monitor writes in a service's folder belongs to the folder's owner",
  async () => {
    await using home = await temporaryFolder();
    using server = startFaultServer(handshakesAndBeats());
    const state = join(home.path, "state");
    await Deno.mkdir(state, { mode: 0o700 });
    await Deno.chown(state, 12_345, 12_345);
    const agent = makeAgent();
    const env = { ...identify(agent, server.url), STATE_DIRECTORY: state };
    const monitor = start(["monitor", "--json"], { home: home.path, env });
    await monitor.until("heartbeat");
    monitor.kill("SIGTERM");
    assert.equal((await monitor.ended).code, 0);
    const owners = await Promise.all(
      (await namesIn(state)).map(async (name) => [name, (await Deno.stat(join(state, name))).uid]),
    );
    assert.deepEqual(owners, [[`monitor-${agent.id}.lock`, 12_345], ["session.json", 12_345]]);
  },
);

Deno.test("openclaw monitor and openclaw heartbeat of two agents in one folder leave each other's session", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(handshakesAndBeats());
  const monitor = start(["monitor", "--json"], { home: home.path, env: identify(makeAgent(), server.url) });
  const beats = (): number => monitor.events().filter(({ event }) => event === "heartbeat").length;
  await monitor.until("heartbeat");
  const other = await run(["heartbeat"], { home: home.path, env: identify(makeAgent(), server.url) });
  assert.equal(other.code, 0, other.stderr);
  const before = (await Deno.stat(sessionPath(home.path))).mtime;
  // The time of a file may be of a whole second, and the next beat one that began before.
  await pause(10);
  await monitor.until("heartbeat", beats() + 2);
  assert.deepEqual((await Deno.stat(sessionPath(home.path))).mtime, before);
  monitor.kill("SIGTERM");
  assert.equal((await monitor.ended).code, 0);
});
