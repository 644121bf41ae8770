import assert from "node:assert/strict";
import { watchGateway } from "../../../../cli/agent/observe/gateway.ts";
import { probe } from "../../../../cli/agent/observe/page.ts";
import { parseWatch } from "../../../../cli/api/url.ts";
import { fakeTimeouts } from "../../../_support/fake_timeouts.ts";
import { lookCases, startStage } from "../../../_support/gateway_cases.ts";

const never = new AbortController().signal;

for (const one of lookCases) {
  Deno.test(`the program sees ${one.name}`, async () => {
    using timeouts = fakeTimeouts();
    using stage = startStage(one);
    const looking = one.watches === "gateway"
      ? watchGateway(stage.port, never)
      : probe({ url: `http://127.0.0.1:${stage.port}/health`, client: () => undefined }, never);
    if (Object.values(one.pages).includes("hang")) timeouts.pass(5000);
    const { status, message = "", metrics } = await looking;
    assert.deepEqual({ status, message: message.replace(String(stage.port), "PORT") }, {
      status: one.status,
      message: one.message,
    });
    assert.deepEqual(
      { ...metrics, ...("latency_ms" in metrics ? { latency_ms: NaN } : {}) },
      one.metrics,
    );
  });
}

Deno.test("the gateway's port is its usual one, or the one that is named", () => {
  assert.deepEqual(["openclaw", "openclaw:1", "openclaw:65535"].map(parseWatch), [18_789, 1, 65_535]);
});

for (
  const text of ["", "gateway", "openclaw:", "openclaw:0", "openclaw:65536", "openclaw:1e3", "openclaw:80/x"]
) {
  Deno.test(`--watch "${text}" → usage`, () => {
    assert.throws(() => parseWatch(text), { name: "CliError", failure: "usage", message: /Cannot watch/ });
  });
}
