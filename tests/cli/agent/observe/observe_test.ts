import assert from "node:assert/strict";
import type { Metrics } from "../../../../cli/agent/observe/host_metrics.ts";
import type { Observation } from "../../../../cli/agent/observe/observation.ts";
import { makeObserver, unwatched } from "../../../../cli/agent/observe/observe.ts";
import type { Status } from "../../../../cli/api/agent.ts";
import { fakeTimeouts } from "../../../_support/fake_timeouts.ts";
import { startFaultServer } from "../../../_support/fault_server.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { isThere } from "../../../_support/program.ts";
import { until } from "../../../_support/wait.ts";

const never = new AbortController().signal;
const nothing = unwatched;
/** The control group's files stay open for as long as the process lives. */
const open = { sanitizeResources: false };
const client = (): undefined => undefined;
const unix = Deno.build.os !== "windows";

Deno.test("a page is asked for once with its query, and no redirect is followed", open, async () => {
  using page = startFaultServer(() => ({ status: 301, body: "", headers: { location: "/elsewhere" } }));
  const probe = { url: `${page.url}/health?full=1`, client };
  assert.equal((await makeObserver({ ...nothing, probe }, warn)(never)).status, "degraded");
  assert.deepEqual(page.caught.map(({ path }) => path), ["/health?full=1"]);
});

Deno.test({
  name: "what a command says outweighs the host's own; what there is no room for is said once",
  ...open,
  ignore: !unix,
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

/** What a command of sh comes to: `more` is what the beat says beyond the host's own metrics. */
interface Case {
  name: string;
  script: string;
  status: Status;
  message?: string;
  more?: Metrics;
  /** What is warned of, once. */
  warning?: RegExp;
}

const statusCases: Case[] = [
  { name: "ends with 0 and says nothing → healthy", script: "exit 0", status: "healthy" },
  {
    name: "ends with 0 → healthy, and the first line of what it prints is the message",
    script: "echo '  DISK OK - 40% free'; echo 'more of it'",
    status: "healthy",
    message: "DISK OK - 40% free",
  },
  {
    name: "ends with 1 → degraded",
    script: "echo 'DISK WARNING'; exit 1",
    status: "degraded",
    message: "DISK WARNING",
  },
  {
    name: "ends with 2 → unhealthy",
    script: "echo CRITICAL; exit 2",
    status: "unhealthy",
    message: "CRITICAL",
  },
  {
    name: "ends with 3 → unhealthy",
    script: "echo UNKNOWN; exit 3",
    status: "unhealthy",
    message: "UNKNOWN",
  },
  { name: "is killed by a signal → unhealthy", script: "kill -9 $$", status: "unhealthy" },
  {
    name: "prints JSON → its status outweighs the exit code, and its message is the message",
    script: `echo '{"status":"degraded","message":"half the disks"}'; exit 2`,
    status: "degraded",
    message: "half the disks",
  },
  {
    name: "prints JSON that is healthy → healthy, whatever the exit code",
    script: `echo '{"status":"healthy"}'; exit 1`,
    status: "healthy",
  },
  {
    name: "prints JSON that is unhealthy and ends with 0 → unhealthy",
    script: `echo '{"status":"unhealthy","message":"no disk"}'`,
    status: "unhealthy",
    message: "no disk",
  },
  {
    name: "prints JSON with an unknown status → degraded, the message stays, and the word is complained of",
    script: `echo '{"status":"error","message":"gateway down"}'`,
    status: "degraded",
    message: "gateway down",
    warning: /status command says "error", which is not one of healthy, degraded, unhealthy/,
  },
  {
    name: "prints JSON with an unknown status and no message → the word is the message",
    script: `echo '{"status":"idle"}'`,
    status: "degraded",
    message: 'the status command says "idle"',
    warning: /says "idle"/,
  },
  {
    name: "prints JSON with an unknown status and ends with 2 → unhealthy",
    script: `echo '{"status":"down","message":"no gateway"}'; exit 2`,
    status: "unhealthy",
    message: "no gateway",
    warning: /says "down".* it counts as unhealthy/,
  },
  {
    name: "prints JSON with a status in capitals → it is the same word",
    script: `echo '{"status":"Unhealthy"}'`,
    status: "unhealthy",
  },
  {
    name: "prints JSON with a status that is no text → degraded",
    script: `echo '{"status":false}'`,
    status: "degraded",
    message: "the status command says false",
    warning: /says false/,
  },
  {
    name: "prints JSON with the status stopping → degraded: that is the program's own to say",
    script: `echo '{"status":"stopping"}'`,
    status: "degraded",
    message: 'the status command says "stopping"',
    warning: /says "stopping"/,
  },
  {
    name: "prints JSON without a message → no message, and no JSON in its place",
    script: `echo '{"status":"degraded"}'`,
    status: "degraded",
  },
  {
    name: "prints JSON with metrics → they are in the beat",
    script: `echo '{"metrics":{"queue":3}}'`,
    status: "healthy",
    more: { queue: 3 },
  },
  {
    name: "prints an array → text like any other",
    script: `echo '["unhealthy"]'; exit 1`,
    status: "degraded",
    message: '["unhealthy"]',
  },
];

const metricsCases: Case[] = [
  {
    name: "prints numbers → they are in the beat, zero, negative and fractions included",
    script: `echo '{"queue":3,"idle":0,"drift_ms":-2,"load_5m":0.25}'`,
    status: "healthy",
    more: { queue: 3, idle: 0, drift_ms: -2, load_5m: 0.25 },
  },
  {
    name: "prints what no beat may hold → that alone is left out, and named",
    script: `echo '{"queue":3,"totalTokens":5,"nested":{"a":1},"2nd":1,"cost_usd":"0.3","endless":1e999}'`,
    status: "healthy",
    more: { queue: 3, total_tokens: 5, nested_a: 1 },
    warning: /cannot hold all that the metrics command prints: 2nd, cost_usd, endless;/,
  },
  {
    name: "prints no JSON → degraded",
    script: "echo 'queue 3'",
    status: "degraded",
    message: "the metrics command printed no JSON object",
  },
  {
    name: "prints nothing → degraded",
    script: "exit 0",
    status: "degraded",
    message: "the metrics command printed no JSON object",
  },
  {
    name: "prints an array → degraded",
    script: "echo '[3]'",
    status: "degraded",
    message: "the metrics command printed no JSON object",
  },
  {
    name: "prints numbers and ends with 1 → degraded, and the numbers are not taken",
    script: `echo '{"queue":3}'; exit 1`,
    status: "degraded",
    message: "the metrics command ended with 1",
  },
];

for (
  const [kind, cases] of [["statusCommand", statusCases], ["metricsCommand", metricsCases]] as const
) {
  for (const { name, script, status, message, more = {}, warning } of cases) {
    Deno.test({
      name: `a ${kind === "statusCommand" ? "status" : "metrics"} command that ${name}`,
      ...open,
      ignore: !unix,
      async fn() {
        const warnings: string[] = [];
        const observe = makeObserver(
          { ...nothing, [kind]: ["/bin/sh", "-c", script] },
          (text) => warnings.push(text),
        );
        // What is warned of is warned of once.
        for (let beat = 0; beat < (warning === undefined ? 1 : 2); beat++) {
          assertObserved(await observe(never), { status, message, more });
        }
        assert.equal(warnings.length, warning === undefined ? 0 : 1, warnings.join());
        assert.match(warnings.join(), warning ?? /^$/);
      },
    });
  }
}

const failing = [["statusCommand", "status", "unhealthy"], [
  "metricsCommand",
  "metrics",
  "degraded",
]] as const;

for (const [kind, word, status] of failing) {
  Deno.test(`a ${word} command that is not there → ${status}, and it is named`, open, async () => {
    const observe = makeObserver({ ...nothing, [kind]: ["/nowhere/program"] }, warn);
    const message = `the ${word} command failed: there is no such program`;
    assertObserved(await observe(never), { status, message });
  });
}

for (const [kind, word, status] of failing) {
  Deno.test({
    name: `a ${word} command that takes longer than 10 s → ${status}, and what it printed is not taken`,
    ...open,
    ignore: !unix,
    async fn() {
      using timeouts = fakeTimeouts();
      await using folder = await temporaryFolder();
      const begun = `${folder.path}/begun`;
      const printed = '{"status":"healthy","metrics":{"queue":3},"queue":3}';
      const script = `echo '${printed}'; touch '${begun}'; exec sleep 3600`;
      const observe = makeObserver({ ...nothing, [kind]: ["/bin/sh", "-c", script] }, warn);
      const observed = observe(never);
      await until("the command", () => isThere(begun));
      assert.deepEqual(timeouts.asked, [10_000]);
      timeouts.pass(10_000);
      const message = `the ${word} command failed: it was not done within 10 s`;
      assertObserved(await observed, { status, message });
    },
  });
}

Deno.test("the latency is how long the page took to answer", open, async () => {
  using page = startFaultServer(() => ({ status: 200, body: "", afterMilliseconds: 300 }));
  const observe = makeObserver({ ...nothing, probe: { url: page.url, client } }, warn);
  const asked = performance.now();
  const { latency_ms = NaN } = (await observe(never)).metrics;
  const took = performance.now() - asked;
  assert.ok(latency_ms >= 290 && latency_ms <= took + 1, `${latency_ms} ms of ${took} ms`);
  assert.ok(Number.isInteger(latency_ms));
});

Deno.test("of all that is looked at the worst status counts, and every message is said", {
  ...open,
  ignore: !unix,
}, async () => {
  using page = startFaultServer(() => ({ status: 503, body: "" }));
  const observe = makeObserver({
    ...nothing,
    statusCommand: ["/bin/sh", "-c", "echo CRITICAL; exit 2"],
    metricsCommand: ["/bin/sh", "-c", "exit 1"],
    probe: { url: page.url, client },
  }, warn);
  const { status, message } = await observe(never);
  assert.equal(status, "unhealthy");
  assert.equal(message, "the probe answered 503; CRITICAL; the metrics command printed no JSON object");
});

Deno.test("an order to stop ends at once what is looked at", { ...open, ignore: !unix }, async () => {
  // No time is over before the order comes.
  using _timeouts = fakeTimeouts();
  using page = startFaultServer(() => "hang");
  await using folder = await temporaryFolder();
  const waiting = (name: string) => ["/bin/sh", "-c", `touch '${folder.path}/${name}'; exec sleep 3600`];
  const observe = makeObserver({
    ...nothing,
    statusCommand: waiting("status"),
    metricsCommand: waiting("metrics"),
    probe: { url: page.url, client },
  }, warn);
  const order = new AbortController();
  const observed = observe(order.signal);
  await page.until(1);
  for (const name of ["status", "metrics"]) {
    await until(`the ${name} command`, () => isThere(`${folder.path}/${name}`));
  }
  order.abort();
  await observed;
});

/** Nothing but the host's own metrics may be there besides what is expected. */
function assertObserved(
  { status, message, metrics }: Observation,
  expected: { status: Status; message?: string | undefined; more?: Metrics },
): void {
  const host = ["cpu_percent", "memory_percent", "disk_percent", "load_1m", "uptime_seconds"];
  const more = Object.entries(metrics).filter(([name]) => !host.includes(name));
  assert.deepEqual(
    { status, message, more: Object.fromEntries(more) },
    { status: expected.status, message: expected.message, more: expected.more ?? {} },
  );
  assert.ok("disk_percent" in metrics, "the host's own are there whatever comes of the rest");
}

function warn(text: string): void {
  assert.fail(text);
}
