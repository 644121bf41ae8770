import assert from "node:assert/strict";
import {
  type Fault,
  type FaultServer,
  ours,
  refuses,
  startFaultServer,
} from "../../../_support/fault_server.ts";
import { hasKey, operatorKey, serverTime } from "../../../_support/fake_fleet.ts";
import { type Run, run } from "../../../_support/program.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";

const ids = ["0b9c5f1e-0000-4000-8000-000000000001", "0b9c5f1f-0000-4000-8000-000000000002"] as const;
const before = (seconds: number): string => new Date(Date.parse(serverTime) - seconds * 1000).toISOString();

function incidentOf(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: ids[0],
    owner_id: null,
    kind: "offline",
    opened_at: before(720),
    closed_at: null,
    agents_count: 1,
    agents: [{ id: ids[0], name: "web-1" }],
    labels: { site: "berlin" },
    reason: null,
    changes_count: 0,
    acknowledged_at: null,
    acknowledged_by: null,
    deliveries: [],
    ...changes,
  };
}

const delivery = {
  id: ids[1],
  channel_id: ids[1],
  channel_name: "ops",
  type: "opened",
  state: "delivered",
  attempts: 2,
  next_attempt_at: null,
  last_answer: "200 ok",
  created_at: before(700),
  delivered_at: before(690),
};

function startServer(incidents: readonly Record<string, unknown>[]): FaultServer {
  return startFaultServer(({ method, path, headers }): Fault => {
    if (!hasKey({ headers })) return refuses("operator_required");
    const [, id, act] = /\/incidents\/([^/?]+)(\/acknowledge)?/.exec(path) ?? [];
    const found = incidents.find((one) => one.id === id);
    if (act !== undefined && method === "POST") {
      return ours({ ...found, acknowledged_at: serverTime, acknowledged_by: "key:default" });
    }
    if (id !== undefined) return found === undefined ? refuses("not_found") : ours(found);
    const state = new URL(path, "http://fleet.example").searchParams.get("state");
    const fitting = incidents.filter(({ closed_at }) =>
      state === null || (closed_at === null) === (state === "open")
    );
    return ours({ incidents: fitting, next_cursor: null, server_time: serverTime });
  });
}

async function incidents(url: string, ...args: string[]): Promise<Run> {
  await using home = await temporaryFolder();
  const env = { OPENCLAW_URL: url, OPENCLAW_OPERATOR_KEY: operatorKey };
  return await run(["incidents", ...args], { home: home.path, env });
}

Deno.test("openclaw incidents lists what is wrong now, as text and nothing more", async () => {
  const failed = { ...delivery, state: "failed", last_answer: "404", delivered_at: null };
  using server = startServer([
    incidentOf({ deliveries: [delivery] }),
    incidentOf({
      id: ids[1],
      agents_count: 40,
      agents: [{ id: ids[0], name: "\u001b[31m\u202e" }],
      labels: {},
      reason: "network \u001b[2J",
      acknowledged_at: serverTime,
      acknowledged_by: "key:default",
      deliveries: [delivery, failed],
    }),
    incidentOf({ id: ids[1], closed_at: before(60) }),
  ]);
  const { code, stdout } = await incidents(server.url);
  assert.equal(code, 0);
  assert.match(stdout, /^0b9c5f1e +offline +web-1 +\S+Z +12 min +open +1 of 1 +site:berlin *$/m);
  assert.match(
    stdout,
    /^0b9c5f1f +offline +40 agents +\S+Z +12 min +acknowledged +1 of 2, failed +network \?\[2J *$/m,
  );
  assert.ok(!stdout.includes("closed"), stdout);
});

Deno.test("openclaw incidents list --state all has the closed ones, and --json all of each", async () => {
  using server = startServer([incidentOf({ closed_at: before(660) })]);
  const { stdout } = await incidents(server.url, "list", "--state", "all");
  assert.match(stdout, /^0b9c5f1e +offline +web-1 +\S+Z +60 s +closed +nobody +site:berlin *$/m);
  const asJson = JSON.parse((await incidents(server.url, "list", "--state", "closed", "--json")).stdout);
  assert.deepEqual(asJson.incidents.map(({ id }: { id: string }) => id), [ids[0]]);
});

Deno.test("openclaw incidents without one says so", async () => {
  using server = startServer([]);
  const { code, stdout, stderr } = await incidents(server.url);
  assert.deepEqual([code, stdout, stderr], [0, "", "there is no open incident\n"]);
});

for (const args of [["ack"], ["list", "ack"]]) {
  Deno.test(`openclaw incidents ${args.join(" ")} → usage, and the word that is no command`, async () => {
    using server = startServer([]);
    assertRefused(
      await incidents(server.url, ...args),
      2,
      /unknown command 'ack'\nhint: .* incidents( list)? --help\n$/,
    );
  });
}

Deno.test("openclaw incidents show has its agents, and what each receiver said", async () => {
  using server = startServer([incidentOf({ agents_count: 21, changes_count: 3, deliveries: [delivery] })]);
  for (const given of [ids[0], ids[0].slice(0, 8).toUpperCase()]) {
    const { code, stdout } = await incidents(server.url, "show", given);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^agents {4}web-1 and 20 more$/m);
    assert.match(stdout, /^returned {2}3 times$/m);
    assert.match(stdout, /^ops +opened +delivered +2 +\S+Z +200 ok *$/m);
  }
});

Deno.test("openclaw incidents acknowledge takes the beginning of an id", async () => {
  using server = startServer([incidentOf()]);
  const { code, stderr } = await incidents(server.url, "acknowledge", "0b9c5f1e");
  assert.deepEqual([code, stderr], [
    0,
    `acknowledged the incident ${ids[0]}: there are no more reminders of it\n`,
  ]);
  const acts = server.caught.filter(({ method }) => method === "POST").map(({ path }) => path);
  assert.deepEqual(acts, [`/functions/v1/incidents/${ids[0]}/acknowledge`]);
});

const refusals: [what: string, given: string, code: number, message: RegExp][] = [
  ["no id", "web-1", 2, /its id is expected/],
  ["too short a beginning", "0b9", 2, /its id is expected/],
  ["a beginning that two have", "0b9c5f1", 5, /2 begin like this/],
  ["a beginning that none has", "ffff", 4, /none of the last 200/],
  ["an id that none has", "ffffffff-0000-4000-8000-000000000001", 4, /./],
];

for (const [what, given, code, message] of refusals) {
  Deno.test(`openclaw incidents acknowledge with ${what} → ${code}, and nothing is acknowledged`, async () => {
    using server = startServer([incidentOf(), incidentOf({ id: ids[1] })]);
    assertRefused(await incidents(server.url, "acknowledge", given), code, message);
    assert.ok(server.caught.every(({ method }) => method === "GET"));
  });
}
