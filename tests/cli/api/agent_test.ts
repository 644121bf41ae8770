import assert from "node:assert/strict";
import { beat, handshake, type Outcome } from "../../../cli/api/agent.ts";
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
