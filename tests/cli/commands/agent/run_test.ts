import assert from "node:assert/strict";
import { beatsOf, handshakesAndBeats, refuses, startFaultServer } from "../../../_support/fault_server.ts";
import { identify, run, start } from "../../../_support/program.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { agentId, agentSecret } from "../../../_support/vectors.ts";
import { until } from "../../../_support/wait.ts";
import { understand } from "../_idle.ts";

const agent = { id: agentId, secret: agentSecret };
const options = { ignore: Deno.build.os === "windows" };
const job = (script: string): string[] => ["run", "--", "/bin/sh", "-c", script];

Deno.test(
  "openclaw run beats when the job ends: its code, its last line, its output and its input",
  options,
  async () => {
    await using home = await temporaryFolder();
    using server = startFaultServer(handshakesAndBeats());
    const env = identify(agent, server.url);
    const good = await run(job("cat; echo --json >&2"), { home: home.path, env, stdin: "typed\n" });
    assert.deepEqual(good, { code: 0, stdout: "typed\n", stderr: "--json\n" });
    const bad = await run(job('echo "2 of 3 copied"; exit 7'), { home: home.path, env });
    assert.deepEqual(bad, { code: 7, stdout: "2 of 3 copied\n", stderr: "" });
    const beats = beatsOf(server).map(({ body }) => JSON.parse(body));
    assert.deepEqual(beats.map(({ status, message }) => [status, message]), [
      ["healthy", "--json"],
      ["unhealthy", "2 of 3 copied"],
    ]);
    assert.ok(beats[0].metrics.uptime_seconds > 0);
  },
);

Deno.test(
  "openclaw run runs the job and ends with its code, whatever becomes of the beat",
  options,
  async () => {
    await using home = await temporaryFolder();
    using server = startFaultServer(() => refuses("invalid_credentials"));
    const refused = await run(job("echo ran; exit 5"), { home: home.path, env: identify(agent, server.url) });
    assert.deepEqual([refused.code, refused.stdout], [5, "ran\n"]);
    assert.match(
      refused.stderr,
      /^warning: the server was not told how the job ended: .*invalid_credentials/,
    );
    const nobody = await run(job("echo ran"), { home: home.path });
    assert.deepEqual([nobody.code, nobody.stdout], [0, "ran\n"]);
    assert.match(nobody.stderr, /^warning: the server was not told how the job ended: Cannot/);
  },
);

Deno.test("openclaw run passes a signal on to the job, and beats its end", options, async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(handshakesAndBeats());
  const script = "trap 'echo told; exit 4' TERM; echo up; while :; do sleep 0.1; done";
  await using running = start(job(script), { home: home.path, env: identify(agent, server.url) });
  await until("the job", () => running.output.stdout === "up\n");
  running.kill("SIGTERM");
  assert.deepEqual([(await running.ended).code, running.output.stdout], [4, "up\ntold\n"]);
  const { status, message } = JSON.parse(beatsOf(server)[0]?.body ?? "{}");
  assert.deepEqual([status, message], ["unhealthy", "told"]);
});

Deno.test("openclaw run does not take the job's input for the secret", options, async () => {
  await using home = await temporaryFolder();
  const args = ["run", "--agent-id", agentId, "--agent-secret-file", "-", "--", "/bin/sh", "-c", "echo ran"];
  assertRefused(await run(args, { home: home.path, stdin: agentSecret }), 2, /that is the job's/);
});

for (const words of [["run"], ["run", "--"], ["run", "ls", "-l"]]) {
  Deno.test(`openclaw ${words.join(" ")} → usage`, async () => {
    await assert.rejects(understand(words), { name: "CommanderError" });
  });
}
