import assert from "node:assert/strict";
import { makeObserver } from "../../cli/agent/observe.ts";
import { startFaultServer } from "./_fault_server.ts";

const never = new AbortController().signal;
const nothing = { statusCommand: null, metricsCommand: null, probe: null };
/** The control group's files stay open for as long as the process lives. */
const open = { sanitizeResources: false };
const client = (): undefined => undefined;

for (const status of [200, 204, 301, 302, 404, 503]) {
  const healthy = status < 300;
  Deno.test(
    `a page that answers ${status} is ${healthy ? "healthy" : "degraded"}, and no redirect is followed`,
    open,
    async () => {
      const page = startFaultServer(() => ({ status, body: "", headers: { location: "/elsewhere" } }));
      try {
        const observe = makeObserver(
          { ...nothing, probe: { url: `${page.url}/health?full=1`, client } },
          warn,
        );
        const { status: said, message, metrics } = await observe(never);
        assert.equal(said, healthy ? "healthy" : "degraded");
        assert.equal(message, healthy ? undefined : `the probe answered ${status}`);
        assert.ok((metrics.latency_ms ?? -1) >= 0);
        assert.deepEqual(page.caught.map(({ path }) => path), ["/health?full=1"]);
      } finally {
        page.close();
      }
    },
  );
}

Deno.test({
  name: "what a command says outweighs the host's own; what there is no room for is said once",
  ...open,
  ignore: Deno.build.os === "windows",
  async fn() {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`queue_${index}`, index]));
    const words = JSON.stringify({ ...many, memory_percent: 1.5 });
    const warnings: string[] = [];
    const observe = makeObserver(
      { ...nothing, metricsCommand: ["/bin/echo", words] },
      (text) => warnings.push(text),
    );
    for (let beat = 0; beat < 2; beat++) {
      const { metrics } = await observe(never);
      assert.equal(Object.keys(metrics).length, 32);
      assert.equal(metrics.memory_percent, 1.5);
      assert.equal(metrics.queue_0, 0);
      assert.equal(metrics.queue_29, 29);
    }
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /room for 32 metrics/);
  },
});

function warn(text: string): void {
  assert.fail(text);
}
