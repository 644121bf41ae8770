import assert from "node:assert/strict";
import { bounds, Meter } from "../../supabase/functions/_shared/meter.ts";
import { version } from "../../supabase/functions/_shared/version.ts";
import { exposition } from "../../supabase/functions/metrics/exposition.ts";
import { endpoint } from "../../supabase/functions/metrics/handler.ts";
import { agentId, ask, operatorKey, type TestBackend, testBackend } from "../_support/backend.ts";
import { type ReadFamily, readMetrics, sampleOf } from "../_support/prometheus.ts";
import { readerKey } from "../_support/vectors.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

async function scrape(
  backend: TestBackend,
  headers: Record<string, string>,
): Promise<Map<string, ReadFamily>> {
  const { status, headers: replied, text } = await ask(endpoint, backend, { headers });
  assert.equal(status, 200);
  assert.equal(replied.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  return readMetrics(text);
}

/** A backend whose process has answered these. */
async function metered(...seen: [endpoint: string, status: number, seconds: number][]): Promise<TestBackend> {
  const backend = await testBackend();
  backend.meter = new Meter();
  for (const one of seen) backend.meter.observe(...one);
  return backend;
}

Deno.test("GET /metrics has the fleet in numbers, each liveness included", async () => {
  const backend = await testBackend();
  const families = await scrape(backend, { apikey: operatorKey });
  const agents = ["online", "late", "offline", "stalled", "pending", "stopped", "revoked"].map((liveness) =>
    sampleOf(families, "openclaw_agents", { liveness })
  );
  assert.deepEqual(agents, [40, 2, 0, 0, 0, 0, 0]);
  const names = [
    "agents_unhealthy",
    "agents_muted",
    "copies",
    "heartbeats",
    "handshakes",
    "refused_handshakes",
  ];
  assert.deepEqual(
    names.map((name) => sampleOf(families, `openclaw_${name}`)),
    [1, 3, 4, 1_000_000, 500, 6],
  );
  const incidents = ["offline", "stalled", "unhealthy", "copy", "server"].map((kind) =>
    sampleOf(families, "openclaw_incidents_open", { kind })
  );
  assert.deepEqual(incidents, [2, 0, 0, 0, 0]);
  const deliveries = ["pending", "delivered", "failed"].map((state) =>
    sampleOf(families, "openclaw_deliveries", { state })
  );
  assert.deepEqual(deliveries, [0, 7, 1]);
  assert.equal(sampleOf(families, "openclaw_build_info", { version }), 1);
  assert.equal(families.has("openclaw_requests_total"), false, "nobody counts here");
  for (const [name, { help }] of families) assert.notEqual(help, "", name);
  assert.deepEqual(backend.calls, [{ name: "fleet.measure", args: [null] }]);
});

Deno.test("GET /metrics has what the process has answered, and how long that took", async () => {
  const backend = await metered(["heartbeat", 200, 0.002], ["heartbeat", 200, 0.7], ["heartbeat", 401, 60]);
  const families = await scrape(backend, { apikey: operatorKey });
  const count = (status: string): number | null =>
    sampleOf(families, "openclaw_requests_total", { endpoint: "heartbeat", status });
  assert.deepEqual([count("200"), count("401"), count("500")], [2, 1, null]);
  const { type, metrics: [histogram] } = families.get("openclaw_request_duration_seconds") ?? assert.fail();
  const expected = bounds.map((bound) => [String(bound), bound < 0.002 ? "0" : bound < 0.7 ? "1" : "2"]);
  assert.deepEqual([type, histogram?.buckets], [
    "HISTOGRAM",
    Object.fromEntries([...expected, ["+Inf", "3"]]),
  ]);
});

Deno.test("a reply is metered with its status, and a refusal is, too", async () => {
  const backend = await metered();
  await scrape(backend, { apikey: operatorKey });
  await ask(endpoint, backend);
  const { byStatus, sumSeconds } = backend.meter?.seen.get("metrics") ?? assert.fail();
  assert.deepEqual([...byStatus], [[200, 1], [401, 1]]);
  assert.ok(sumSeconds > 0);
});

Deno.test("a user's GET /metrics is of the agents that they own, and nothing is in it of the process", async () => {
  const backend = await metered(["heartbeat", 200, 0.002]);
  backend.operators = await operatorsWithUsers();
  const families = await scrape(backend, await userAuthorization());
  assert.deepEqual(backend.calls, [{ name: "fleet.measure", args: [userId] }]);
  assert.equal(sampleOf(families, "openclaw_agents", { liveness: "online" }), 40);
  assert.equal(families.has("openclaw_requests_total"), false);
  assert.equal(families.has("openclaw_request_duration_seconds"), false);
});

for (const ownerId of [userId, null]) {
  const whose = ownerId === null ? "an operator's" : "a user's";
  Deno.test(`the reader's key of ${whose} making sees what its maker sees in GET /metrics`, async () => {
    const row = { id: agentId, owner_id: ownerId, name: "prometheus", created_at: "2026-11-23T12:00:00Z" };
    const backend = await testBackend({ readerKeys: { find: () => Promise.resolve(row) } });
    backend.meter = new Meter();
    backend.meter.observe("heartbeat", 200, 0.002);
    const families = await scrape(backend, { authorization: `Bearer ${readerKey}` });
    assert.deepEqual(backend.calls.at(-1), { name: "fleet.measure", args: [ownerId] });
    assert.equal(families.has("openclaw_requests_total"), ownerId === null);
  });
}

for (const hostile of ['"', "\\", "\n", '\\"', "\\n", '"} 7\nopenclaw_agents 9\n', "x\\", "é 😀 {,=}", ""]) {
  Deno.test(`a label ${JSON.stringify(hostile)} is read back as it is, and adds no sample`, () => {
    const samples = [{ labels: { name: hostile, other: "o" }, value: 1.5 }];
    const families = readMetrics(exposition([{ name: "one", help: "One", type: "gauge", samples }]));
    assert.deepEqual([...families.keys()], ["one"]);
    assert.deepEqual(families.get("one")?.metrics, [{ labels: { name: hostile, other: "o" }, value: "1.5" }]);
  });
}

const head = "# HELP a A\n# TYPE a gauge\n";
const histogram = "# HELP h H\n# TYPE h histogram\n";
const strange: [what: string, text: string, message: RegExp][] = [
  ["a last line without an end", `${head}a 1`, /is not ended/],
  ["a sample before its type", "a 1\n", /no TYPE before it/],
  ["a type without a help", "# TYPE a gauge\na 1\n", /no HELP before it/],
  ["a family twice", `${head}a 1\n${head}`, /comes twice/],
  ["a sample among another family's", `${head}b 1\n`, /not of the family/],
  [
    "a series twice, its labels turned round",
    `${head}a{x="1",y="2"} 1\na{y="2",x="1"} 1\n`,
    /series comes twice/,
  ],
  ["a label twice", `${head}a{x="1",x="2"} 1\n`, /label comes twice/],
  ["a quote that is not escaped", `${head}a{x="1"2"} 1\n`, /not a sample/],
  ["a backslash that is not escaped", `${head}a{x="1\\2"} 1\n`, /not a sample/],
  ["a number that is none", `${head}a one\n`, /not a sample/],
  ["a counter without its end", "# HELP a A\n# TYPE a counter\na 1\n", /a counter, and nothing else/],
  [
    "buckets that fall",
    `${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
    /do not rise/,
  ],
  ["buckets without the last", `${histogram}h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`, /last bucket/],
  ["a histogram without a sum", `${histogram}h_bucket{le="+Inf"} 1\nh_count 1\n`, /no sum/],
];
for (const [what, text, message] of strange) {
  Deno.test(`our reader of metrics refuses ${what}`, () => assert.throws(() => readMetrics(text), message));
}
