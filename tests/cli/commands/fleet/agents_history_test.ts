import assert from "node:assert/strict";
import { historyLines } from "../../../../cli/commands/fleet/agents/_history_lines.ts";
import type { History } from "../../../../cli/api/operator/history.ts";
import { fakeAgent, hasKey, operatorKey, serverTime } from "../../../_support/fake_fleet.ts";
import {
  type Fault,
  type FaultServer,
  ours,
  refuses,
  startFaultServer,
} from "../../../_support/fault_server.ts";
import { type Run, run } from "../../../_support/program.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";

type Bucket = History["buckets"][number];

const begin = Date.parse("2026-11-22T12:00:00.000Z");
const agent = { name: "web-1", liveness: "online", last_seen_at: serverTime };
const at = (minutes: number): string => new Date(begin + minutes * 60_000).toISOString();
const gapOf = (reason: string, detail: Record<string, unknown> = {}) => ({
  from: at(120),
  to: at(150),
  reason,
  detail,
});

function bucketOf(place: number, changes: Partial<Bucket> = {}): Bucket {
  return { at: at(15 * place), beats: 15, expected: 15, worst_status: "healthy", metrics: {}, ...changes };
}

/** A day that is well but for two hours, in which it beats less, badly, and not at all. */
const day = Array.from({ length: 96 }, (_, place) => {
  if (place === 8) return bucketOf(place, { beats: 0, worst_status: null });
  if (place === 10) return bucketOf(place, { beats: 4 });
  if (place === 12) return bucketOf(place, { worst_status: "degraded" });
  if (place === 14) {
    return bucketOf(place, { worst_status: "unhealthy", metrics: { load_1m: [1, 2, 8.123456789] } });
  }
  return bucketOf(place, { metrics: place === 0 ? { load_1m: [0.5, 1, 2] } : {} });
});
const told = { buckets: day, gaps: [], to: new Date(begin + 86_400_000), stepSeconds: 900 };

Deno.test("a day is one line of blocks within 80 columns, on a pipe too, and each block its worst quarter", () => {
  const healthy = "█".repeat(40);
  const line = `11-22 12:00  ████_▄▒░${healthy}`;
  for (const columns of [80, null]) {
    const lines = historyLines(agent, told, columns);
    assert.equal(lines[2], line);
    assert.equal(lines[4], "_ no beat  ░ unhealthy  ▒ degraded  ▄ fewer beats  █ healthy");
    assert.ok(lines.every((one) => one.length <= 80), lines.join("\n"));
  }
});

Deno.test("a wide terminal has a block for each quarter, a narrow one fewer", () => {
  assert.equal(historyLines(agent, told, 120)[2]?.length, 13 + 96);
  assert.equal(historyLines(agent, told, 40)[2]?.length, 13 + 24);
});

Deno.test("a month of hours is a line a day, and a part that has not begun is no fault", () => {
  const buckets = Array.from({ length: 48 }, (_, place): Bucket => ({
    ...bucketOf(0),
    at: at(60 * place),
    ...(place < 30 ? { beats: 60, expected: 60 } : { beats: 0, expected: 0, worst_status: null }),
  }));
  assert.deepEqual(historyLines(agent, { ...told, buckets, stepSeconds: 3600 }, 80).slice(2, 4), [
    `11-22 12:00  ${"█".repeat(24)}`,
    `11-23 12:00  ${"█".repeat(6)}${"·".repeat(18)}`,
  ]);
});

const reasons: [gap: ReturnType<typeof gapOf>, words: string][] = [
  [gapOf("planned"), "it had said that it stops"],
  [gapOf("planned", { back_in_seconds: 120 }), "it had said that it stops for 2 min"],
  [gapOf("server"), "the server was away"],
  [gapOf("host", { uptime_seconds: 45 }), "the host was started 45 s before the end"],
  [gapOf("suspended"), "it was suspended, and sent nothing"],
  [gapOf("network", { unanswered_count: 29 }), "it did not reach the server, 29 of its beats had no reply"],
  [gapOf("agent", { uptime_seconds: 9 }), "the agent was started again, on a host that stayed up"],
  [gapOf("unknown"), "nothing tells why"],
  [gapOf("weather"), "nothing tells why"],
];
for (const [gap, words] of reasons) {
  Deno.test(`a gap with the reason ${gap.reason} ${JSON.stringify(gap.detail)} is told in words`, () => {
    const lines = historyLines(agent, { ...told, gaps: [gap] }, 120);
    assert.equal(lines[6], `11-22 14:00 to 14:30 (30 min): ${words}`);
  });
}

Deno.test("a silence that has not ended is told, and metrics are least, mean and most of the whole time", () => {
  const silent = { ...agent, liveness: "offline", last_seen_at: at(1200) };
  const lines = historyLines(silent, told, 80);
  assert.equal(lines[6], "11-23 08:00 until now: it is offline, and has not come back");
  assert.deepEqual(lines.slice(8).map((line) => line.trimEnd()), [
    "METRIC   LEAST  MEAN  MOST",
    "load_1m  0.5    1.5   8.12346",
  ]);
  assert.equal(historyLines(agent, told, 80)[6], "no gaps");
});

const one = fakeAgent(1);
const history = {
  buckets: day.map(({ metrics, ...rest }) => ({ ...rest, metrics })),
  gaps: [gapOf("host", { uptime_seconds: 45 })],
};

function startServer(answer: Record<string, unknown> = history): FaultServer {
  return startFaultServer(({ path, headers }): Fault => {
    if (!hasKey({ headers })) return refuses("operator_required");
    if (path.includes("/history")) return ours(answer);
    return path.includes(one.id) ? ours(one) : ours({
      agents: path.includes("web-1") ? [one] : [],
      counts: {},
      troubles: { unhealthy: 0, copies: 0 },
      next_cursor: null,
      server_time: serverTime,
    });
  });
}

async function historyCommand(url: string, ...args: string[]): Promise<Run> {
  await using home = await temporaryFolder();
  const env = { OPENCLAW_URL: url, OPENCLAW_OPERATOR_KEY: operatorKey };
  return await run(["agents", "history", ...args], { home: home.path, env });
}

Deno.test("openclaw agents history asks for the time and the step that are given", async () => {
  using server = startServer();
  const { code, stdout } = await historyCommand(
    server.url,
    ...["web-1", "--from", "2026-11-22T12:00Z", "--to", "2026-11-23T12:00Z", "--step", "1h"],
  );
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^web-1, times in UTC\n\n11-22 12:00 {2}█/);
  assert.match(stdout, /^11-22 14:00 to 14:30 \(30 min\): the host was started 45 s before the end$/m);
  const asked = new URL(server.caught.at(-1)?.path ?? "", server.url);
  assert.equal(asked.pathname, `/functions/v1/agents/${one.id}/history`);
  assert.deepEqual(Object.fromEntries(asked.searchParams), {
    from: "2026-11-22T12:00:00.000Z",
    to: "2026-11-23T12:00:00.000Z",
    step: "3600",
  });
});

Deno.test("openclaw agents history --json has what the service has, of the last day in quarters", async () => {
  using server = startServer();
  const { stdout } = await historyCommand(server.url, one.id, "--json");
  assert.deepEqual(JSON.parse(stdout), history);
  const { searchParams } = new URL(server.caught.at(-1)?.path ?? "", server.url);
  const [from = "", to = "", step] = ["from", "to", "step"].map((name) => searchParams.get(name) ?? "");
  assert.deepEqual([Date.parse(to) - Date.parse(from), step], [86_400_000, "900"]);
});

Deno.test("openclaw agents history where the server keeps none says so", async () => {
  using server = startServer({ buckets: [], gaps: [] });
  const { code, stdout, stderr } = await historyCommand(server.url, "web-1");
  assert.deepEqual([code, stdout], [0, ""]);
  assert.equal(stderr, "there is no history: OPENCLAW_HISTORY_DAYS is 0 at the server\n");
});

const refused: [args: string[], code: number, message: RegExp][] = [
  [["web-1", "--step", "2m"], 2, /1m, 15m, 1h or 1d/],
  [["web-1", "--from", "yesterday"], 2, /Expected a time such as/],
  [["web-1", "--from", "1h", "--to", "2h"], 2, /--from is not before --to/],
  [["nobody"], 4, /no agent has this name/],
];
for (const [args, code, message] of refused) {
  Deno.test(`openclaw agents history ${args.join(" ")} → exit code ${code}`, async () => {
    using server = startServer();
    assertRefused(await historyCommand(server.url, ...args), code, message);
    assert.ok(server.caught.every(({ path }) => !path.includes("/history")));
  });
}
