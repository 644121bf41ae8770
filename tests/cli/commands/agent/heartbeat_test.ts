import assert from "node:assert/strict";
import { join } from "node:path";
import {
  accepts,
  beatsOf,
  handshakesAndBeats,
  handshakesOf,
  refuses,
  startFaultServer,
} from "../../../_support/fault_server.ts";
import { identify, sessionPath } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { agentId, agentSecret } from "../../../_support/vectors.ts";
import { understand } from "../_idle.ts";

const agent = { id: agentId, secret: agentSecret };

const promised = '{"ok":true,"next_heartbeat_in":7,"heartbeat_interval_seconds":2}\n';
const outputs: [name: string, args: string[], stdout: string, stderr: string][] = [
  [
    "tells when the next beat is due, on stderr",
    [],
    "",
    "the beat was accepted, the next one is due in 7 s\n",
  ],
  ["with --quiet prints nothing", ["--quiet"], "", ""],
  ["with --json prints what the server promised, and nothing else", ["--json"], promised, ""],
  ["with --json --quiet prints the same", ["--json", "--quiet"], promised, ""],
];

for (const [name, args, stdout, stderr] of outputs) {
  Deno.test(`openclaw heartbeat ${name}`, async () => {
    await using home = await temporaryFolder();
    using server = startFaultServer(handshakesAndBeats(() => accepts(7)));
    const env = identify(agent, server.url);
    const result = await runInSession(["heartbeat", ...args], { home: home.path, env });
    assert.deepEqual(result, { code: 0, stdout, stderr });
    assert.equal(beatsOf(server).length, 1);
  });
}

const stops: [name: string, args: string[], env: Record<string, string>, backIn: number | undefined][] = [
  ["for good", [], {}, undefined],
  ["for two minutes", ["--back-in", "120"], {}, 120],
  ["for the time of its environment", [], { OPENCLAW_BACK_IN: "60" }, 60],
];
for (const [name, args, set, backIn] of stops) {
  Deno.test(`openclaw heartbeat --status stopping says that the agent stops ${name}`, async () => {
    await using home = await temporaryFolder();
    using server = startFaultServer(handshakesAndBeats(() => accepts(7)));
    const env = { ...identify(agent, server.url), ...set };
    const result = await runInSession(["heartbeat", "--status", "stopping", ...args], {
      home: home.path,
      env,
    });
    assert.equal(result.code, 0, result.stderr);
    const { status, back_in_seconds } = JSON.parse(beatsOf(server)[0]?.body ?? "{}");
    assert.deepEqual([status, back_in_seconds], ["stopping", backIn]);
  });
}

Deno.test("openclaw heartbeat --quiet that is not accepted tells why", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(() => refuses("invalid_credentials"));
  const env = identify(agent, server.url);
  assertRefused(
    await runInSession(["heartbeat", "--quiet"], { home: home.path, env }),
    3,
    /invalid_credentials/,
  );
});

const wrong: [name: string, args: string[], says: RegExp][] = [
  ["a message of 501 characters", ["--message", "x".repeat(501)], /It has 501 characters, at most 500/],
  [
    "a control character in its message",
    ["--message", "half\u001b[31m"],
    /It has a control character other than a line feed/,
  ],
  [
    "a status that there is not",
    ["--status", "online"],
    /'online' is invalid.*healthy, degraded, unhealthy, stopping/,
  ],
];

for (const [name, args, says] of wrong) {
  Deno.test(`openclaw heartbeat with ${name} → a usage error`, async () => {
    await assert.rejects(understand(["heartbeat", ...args]), { name: "CommanderError", message: says });
  });
}

for (
  const [args, says] of [
    [["--back-in", "120"], /it goes with --status stopping/],
    [["--status", "stopping", "--back-in", "2m"], /"2m" for --back-in/],
  ] as const
) {
  Deno.test(`openclaw heartbeat ${args.join(" ")} → usage, and nothing is sent`, async () => {
    await using home = await temporaryFolder();
    using server = startFaultServer(handshakesAndBeats());
    const env = identify(agent, server.url);
    assertRefused(await runInSession(["heartbeat", ...args], { home: home.path, env }), 2, says);
    assert.equal(server.caught.length, 0);
  });
}

Deno.test("openclaw heartbeat with a message that the server would refuse → usage, and nothing is sent", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(handshakesAndBeats());
  const env = identify(agent, server.url);
  const args = ["heartbeat", "--message", "x".repeat(501)];
  assertRefused(await runInSession(args, { home: home.path, env }), 2, /at most 500/);
  assert.equal(server.caught.length, 0);
});

for (const [name, message] of [["500 emoji", "🦞".repeat(500)], ["two lines", "one\ntwo"]] as const) {
  Deno.test(`openclaw heartbeat sends a message of ${name} as it is`, async () => {
    await using home = await temporaryFolder();
    using server = startFaultServer(handshakesAndBeats());
    const options = { home: home.path, env: identify(agent, server.url) };
    const { code, stderr } = await runInSession(["heartbeat", "--message", message], options);
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(beatsOf(server).at(-1)?.body ?? "").message, message);
  });
}

Deno.test("openclaw heartbeat uses a kept session again, and a broken one costs a line and a handshake", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(handshakesAndBeats());
  const options = { home: home.path, env: identify(agent, server.url) };
  const beat = async (): Promise<string> => {
    const { code, stderr } = await runInSession(["heartbeat", "--quiet"], options);
    assert.equal(code, 0, stderr);
    return stderr;
  };
  assert.deepEqual([await beat(), await beat()], ["", ""]);
  assert.equal(handshakesOf(server).length, 1);
  await Deno.writeTextFile(sessionPath(home.path), "{");
  assert.match(await beat(), /^warning: the session in [^\n]* is not used: the file is broken\n$/);
  assert.equal(handshakesOf(server).length, 2);
});

Deno.test({
  name: "openclaw heartbeat where nothing can be written is sent, with one line",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using home = await temporaryFolder();
    using server = startFaultServer(handshakesAndBeats());
    // A file where the folder should be: root may write everywhere else.
    const state = join(home.path, "state");
    await Deno.writeTextFile(state, "");
    const env = { ...identify(agent, server.url), XDG_STATE_HOME: state };
    const { code, stderr } = await runInSession(["heartbeat"], { home: home.path, env });
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/^warning: the session cannot be/gm)?.length, 1, stderr);
  },
});
