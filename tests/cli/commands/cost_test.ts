import assert from "node:assert/strict";
import { agentsPerServer, billsOf, loadOf } from "../../../cli/commands/cost/_bill.ts";
import { plan } from "../../../cli/commands/cost/_figures.ts";
import { maxConnections, usualLimits } from "../../../cli/serve/listen.ts";
import { run } from "../../_support/program.ts";
import { assertRefused } from "../../_support/refused.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { understand } from "./_idle.ts";

Deno.test("50,000 agents at 60 s make 2,340 million calls of functions, of which the plan includes two", () => {
  const fleet = { agents: 50_000, intervalSeconds: 60 };
  const { beats, handshakes } = loadOf(fleet);
  assert.deepEqual([beats, handshakes], [2160e6, 180e6]);
  const [functions] = billsOf(fleet);
  // The plan, its database of the size Large, and what the plan pays of that.
  assert.equal(functions?.cost?.computing, (2340 - 2) * 2 + 25 + 110 - 10);
});

Deno.test("a fleet costs no less than a smaller one, nor than one that beats more rarely", () => {
  for (const index of [0, 1, 2]) {
    const costs = [100, 3000, 90_000, 700_000, 3_000_000].flatMap((agents) =>
      [600, 60, 20].map((intervalSeconds) => ({
        agents,
        intervalSeconds,
        total: billsOf({ agents, intervalSeconds })[index]?.cost?.total ?? Infinity,
      }))
    );
    for (const one of costs) {
      for (const other of costs) {
        const isLarger = other.agents >= one.agents && other.intervalSeconds <= one.intervalSeconds;
        assert.ok(!isLarger || other.total >= one.total, JSON.stringify([index, one, other]));
      }
    }
  }
});

Deno.test("a database that nobody offers has no price", () => {
  const bills = billsOf({ agents: 100_000_000, intervalSeconds: 5 });
  assert.deepEqual(bills.map(({ cost }) => cost), [null, null, null]);
});

Deno.test("the costs know the connections that a server holds, and for how long", () => {
  assert.deepEqual([plan.connections, plan.idleSeconds], [maxConnections, usualLimits.idleMs / 1000]);
  assert.ok(agentsPerServer(5) <= maxConnections);
});

Deno.test("openclaw cost asks nobody, and prints a table, or one JSON object", async () => {
  await using home = await temporaryFolder();
  // A server that nobody could ask.
  const env = { OPENCLAW_URL: "http://192.0.2.1:9" };
  const args = ["cost", "--agents", "50000"];
  const [text, json] = await Promise.all(
    [args, [...args, "--interval", "5m", "--json"]].map((one) => run(one, { home: home.path, env })),
  );
  assert.deepEqual([text?.code, text?.stderr, json?.code, json?.stderr], [0, "", 0, ""]);
  assert.match(text?.stdout ?? "", /^50,000 agents, a beat every 1m: 2,160,000,000 beats /);
  assert.match(text?.stdout ?? "", /\nSupabase functions +Pro, Large +4,801 \$ +\d+ \$ +4,\d+ \$\n/);
  const { agents, heartbeat_interval_seconds, month, ways } = JSON.parse(json?.stdout ?? "");
  assert.deepEqual([agents, heartbeat_interval_seconds, month.beats], [50_000, 300, 432e6]);
  assert.deepEqual(ways, billsOf({ agents, intervalSeconds: 300 }));
});

Deno.test("openclaw cost without the number of agents → usage", async () => {
  await using home = await temporaryFolder();
  assertRefused(
    await run(["cost"], { home: home.path }),
    2,
    /--agents, the number of agents, is missing\nhint: /,
  );
});

for (
  const args of [
    ["--agents", "0"],
    ["--agents", "-1"],
    ["--agents", "1.5"],
    ["--agents", "50,000"],
    ["--agents", "1e6"],
    ["--agents", "100000001"],
    ["--agents", "10", "--interval", "4"],
    ["--agents", "10", "--interval", "2d"],
    ["--agents", "10", "--interval", "often"],
    ["--agents", "10", "more"],
  ]
) {
  Deno.test(`openclaw cost ${args.join(" ")} is a usage error`, async () => {
    await assert.rejects(understand(["cost", ...args]), { name: "CommanderError" });
  });
}
