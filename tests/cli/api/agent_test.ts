import assert from "node:assert/strict";
import { beat, getAgentView, handshake, health, type Outcome } from "../../../cli/api/agent.ts";
import { fakeTimeouts } from "../../_support/fake_timeouts.ts";
import { startFaultServer } from "../../_support/fault_server.ts";
import { agentId, agentSecret } from "../../_support/vectors.ts";

const client = { client: { version: "1", hostname: "h", os: "linux", arch: "x" }, instanceId: "i" };
const report = { status: "healthy", metrics: {}, seq: 1, instanceId: "i" } as const;
const calls: { name: string; call: (url: string) => Promise<Outcome<unknown>> }[] = [
  { name: "handshake", call: (url) => handshake({ url }, { agentId, secret: agentSecret }, client) },
  { name: "beat", call: (url) => beat({ url }, "a.b.c", { report }) },
];

for (const { name, call } of calls) {
  for (const fault of ["hang", "slow bytes"] as const) {
    const what = fault === "hang" ? "hangs" : "drips";
    // The process waits for real seconds in tests/long/agent/minutes_test.ts.
    Deno.test(`a ${name} whose reply ${what} is given up after 15 s, and not before`, async () => {
      using timeouts = fakeTimeouts();
      using server = startFaultServer(() => fault);
      const asked = call(server.url);
      await server.until(1);
      assert.deepEqual(timeouts.asked, [15_000]);
      timeouts.pass(15_000);
      const outcome = await asked;
      assert.equal(outcome.kind, "outage");
      assert.equal(outcome.kind === "outage" && outcome.reason, "no reply within 15 s");
    });
  }
}

const hostile = "1\u001b[2J\u001b]0;pwn\u0007\r\nFAKE pass\u200e";
const hostileReplies: [
  name: string,
  status: number,
  body: unknown,
  call: (url: string) => Promise<Outcome<unknown>>,
][] = [
  ["health's version", 200, { ok: true, version: hostile }, (url) => health({ url })],
  ["an agent's fields", 200, {
    agent: {
      id: hostile,
      name: hostile,
      liveness: hostile,
      last_seen_at: hostile,
      heartbeat_interval_seconds: 60,
    },
  }, (url) => getAgentView({ url }, "a.b.c")],
  ["a refusal", 401, { error: hostile, error_description: hostile }, (url) => health({ url })],
  ["an outage", 503, { error: hostile, error_description: hostile }, (url) => health({ url })],
];

for (const [name, status, body, call] of hostileReplies) {
  Deno.test(`what a terminal would act on in ${name} → shown as question marks`, async () => {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
      () => Response.json(body, { status }),
    );
    const outcome = JSON.stringify(await call(`http://127.0.0.1:${server.addr.port}`));
    assert.ok(outcome.includes("1?[2J?]0;pwn???FAKE pass?"), outcome);
  });
}
