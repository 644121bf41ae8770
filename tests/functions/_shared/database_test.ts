import assert from "node:assert/strict";
import { type Beat, databaseOver } from "../../../supabase/functions/_shared/database/port.ts";
import { agent, agentId } from "../../_support/backend.ts";

const beat: Beat = {
  agentId,
  epoch: 1,
  status: "healthy",
  message: null,
  metrics: { load_1m: 1 },
  instanceId: null,
  seq: 3,
  clockOffsetSeconds: null,
  work: null,
  backInSeconds: null,
};

const credentials = { agentId, secretDigest: "sha256:00", instanceId: null };

/** A database that answers every call with the same value. */
function answering(value: unknown, calls: unknown[] = []) {
  return databaseOver(({ name, args }) => {
    calls.push([name, args]);
    return Promise.resolve(value);
  });
}

Deno.test("an agent's row is read to the contract's Agent, and what is beside it stays inside", async () => {
  const row = { ...agent, agent_secret: "sha256:00", session_epoch: 4, heartbeats_count: 9 };
  assert.deepEqual(await answering(row).agents.get(agentId, null), agent);
  assert.deepEqual(
    await answering(row).agents.revoke(agentId, {
      ownerId: null,
      act: { actor: "key:default", address: null },
    }),
    agent,
  );
  assert.deepEqual(await answering(row).sessions.read(agentId, 1), agent);
});

Deno.test("nothing is null: no agent, no session", async () => {
  const empty = answering(null);
  assert.equal(await empty.agents.get(agentId, null), null);
  assert.equal(
    await empty.agents.revoke(agentId, { ownerId: null, act: { actor: "key:default", address: null } }),
    null,
  );
  assert.equal(await empty.sessions.read(agentId, 1), null);
  assert.equal(await empty.sessions.open(credentials, { client: {}, address: null }), null);
});

Deno.test("a label named __proto__ is read as any other", async () => {
  const labels: unknown = JSON.parse('{"__proto__": "mine"}');
  const read = await answering({ ...agent, labels }).agents.get(agentId, null);
  assert.deepEqual(Object.entries(read?.labels ?? {}), [["__proto__", "mine"]]);
});

Deno.test("each verdict belongs to the beat at its place", async () => {
  const verdicts = [60, null, { heartbeat_interval_seconds: 5, directives: ["rotate"] }];
  assert.deepEqual(await answering(verdicts).heartbeats.record([beat, beat, beat]), [
    { heartbeatIntervalSeconds: 60 },
    null,
    { heartbeatIntervalSeconds: 5, directives: ["rotate"] },
  ]);
});

Deno.test("the arguments go by their names in SQL", async () => {
  const calls: unknown[] = [];
  await answering([null], calls).heartbeats.record([beat]);
  await answering(null, calls).sessions.open(credentials, { client: { os: "linux" }, address: null });
  // As a request to Supabase has them.
  assert.deepEqual(JSON.parse(JSON.stringify(calls)), [
    ["record_heartbeats", {
      agent_ids: [agentId],
      epochs: [1],
      statuses: ["healthy"],
      messages: [null],
      metrics: ['{"load_1m":1}'],
      instance_ids: [null],
      seqs: [3],
      clock_offsets: [null],
      busies: [null],
      progresses: [null],
      backs_in: [null],
    }],
    ["open_sessions", {
      handshakes: [{
        agent_id: agentId,
        secret_digest: "sha256:00",
        instance_id: null,
        client: { os: "linux" },
        address: null,
      }],
    }],
  ]);
});

for (const refused of ["owner_limit", "owner_unknown"] as const) {
  Deno.test(`a creation that SQL refuses as ${refused} is that`, async () => {
    assert.equal(await answering({ refused }).agents.create(newAgent()), refused);
  });
}

Deno.test("a creation that SQL refuses by a word that nobody knows is a failure", async () => {
  await assert.rejects(
    answering({ refused: "mood" }).agents.create(newAgent()),
    /^TypeError: Cannot read what/,
  );
});

for (
  const [name, value] of [
    ["nothing", undefined],
    ["a text", "ok"],
    ["a list", [agent]],
    ["an agent without an id", { ...agent, id: undefined }],
    ["an interval that is a text", { ...agent, heartbeat_interval_seconds: "60" }],
    ["labels that are no object", { ...agent, labels: [] }],
    ["a metric that is a text", { ...agent, metrics: { load_1m: "1" } }],
  ] as const
) {
  Deno.test(`an answer of ${name} is a failure of ours, not no agent`, async () => {
    await assert.rejects(
      answering(value).agents.get(agentId, null),
      /^TypeError: Cannot read what the database/,
    );
  });
}

for (
  const [name, value] of [["no list", null], ["too few", []], ["too many", [null, null]], ["rubbish", [
    "ok",
  ]]] as const
) {
  Deno.test(`verdicts that are ${name} are a failure of ours`, async () => {
    await assert.rejects(answering(value).heartbeats.record([beat]), TypeError);
  });
}

function newAgent() {
  return {
    name: "edge 1",
    labels: {},
    heartbeatIntervalSeconds: 60,
    progressDeadlineSeconds: null,
    ownerId: null,
    ownerLimit: null,
    secretDigest: "sha256:00",
    act: { actor: "key:default", address: null },
  };
}
