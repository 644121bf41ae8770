import assert from "node:assert/strict";
import type {
  Agent,
  Beat,
  Client,
  Database,
  NewAgent,
  Verdict,
} from "../../supabase/functions/_shared/database/port.ts";
import type { Scenario } from "./database_scenarios.ts";
import { plainBeat as beat } from "./record_beats.ts";
import { awkward, create, digest, key, nobody, open, recorded, time } from "./scenario_agents.ts";

const thirdDigest = `sha256:${"c".repeat(64)}`;
const otherDigest = `sha256:${"b".repeat(64)}`;
const instance = "11111111-0000-4000-8000-000000000001";
const copy = "22222222-0000-4000-8000-000000000002";

/** What every adapter of the port must do with handshakes, beats, secrets and copies. */
export const sessionScenarios: Record<string, Scenario> = {
  "sessions.open → what the reply needs, and what the client said": async ({ database }) => {
    const { id } = await create(database, { name: "edge 1" });
    const client: Client = { version: "1.0", hostname: awkward, os: "linux", arch: "arm64" };
    const { secretAgeSeconds, ...opened } = await open(database, id, { client }) ?? {};
    assert.ok(secretAgeSeconds !== undefined && secretAgeSeconds >= 0 && secretAgeSeconds < 600);
    assert.deepEqual(opened, {
      id,
      name: "edge 1",
      epoch: 1,
      heartbeatIntervalSeconds: 60,
      adopting: false,
      adopted: false,
    });
    const agent = await database.agents.get(id, null);
    assert.match(agent?.last_handshake_at ?? "", time);
    assert.partialDeepStrictEqual(agent, { ...client, last_seen_at: null, liveness: "pending" });
  },

  "sessions.open with a wrong secret, an unknown id or a revoked agent → null, and nothing is written":
    async (
      { database },
    ) => {
      const agent = await create(database);
      const revoked = await create(database);
      await database.agents.revoke(revoked.id, key);
      const client = { version: "9" };
      assert.equal(await open(database, agent.id, { client, secretDigest: otherDigest }), null);
      assert.equal(await open(database, nobody, { client }), null);
      assert.equal(await open(database, revoked.id, { client }), null);
      assert.deepEqual(await database.agents.get(agent.id, null), agent);
    },

  "sessions.recordRefusals → the Agent tells how many, when and why, and nothing else of it changes": async (
    { database },
  ) => {
    const agent = await create(database);
    const presented = { secretDigest: otherDigest, instanceId: instance };
    const refused = [{ ...presented, agentId: nobody, count: 7 }, {
      ...presented,
      agentId: agent.id,
      count: 3,
    }];
    assert.equal(await database.sessions.recordRefusals(refused), undefined);
    assert.equal(await database.sessions.recordRefusals([]), undefined);
    const after = await database.agents.get(agent.id, null);
    assert.match(after?.last_refused_at ?? "", time);
    assert.deepEqual(after, {
      ...agent,
      refused_handshakes_count: 3,
      last_refused_at: after?.last_refused_at,
      last_refusal: "wrong_secret",
    });
  },

  "secrets.rotate → the Agent, and both secrets are good; without an overlap, the new one only": async (
    { database, userId },
  ) => {
    const { id } = await create(database, { ownerId: userId });
    const rotation = { secretDigest: otherDigest, overlapSeconds: 60 };
    assert.equal(await database.secrets.rotate(id, { ...rotation, ...key, ownerId: nobody }), null);
    assert.equal(await database.secrets.rotate(nobody, { ...rotation, ...key }), null);
    const rotated = await database.secrets.rotate(id, { ...rotation, ...key, ownerId: userId });
    assert.match(rotated?.previous_secret_expires_at ?? "", time);
    assert.notEqual(await open(database, id), null);
    assert.notEqual(await open(database, id, { secretDigest: otherDigest }), null);
    await database.secrets.rotate(id, { secretDigest: thirdDigest, overlapSeconds: 0, ...key });
    for (const secretDigest of [digest, otherDigest]) {
      assert.equal(await open(database, id, { secretDigest }), null);
    }
    assert.equal((await open(database, id, { secretDigest: thirdDigest }))?.epoch, 2);
  },

  "secrets.rotateOwn → with the current secret only, and its first use ends the one before": async (
    { database },
  ) => {
    const { id } = await create(database);
    const current = { agentId: id, secretDigest: digest, instanceId: instance };
    const made = { pendingDigest: otherDigest, address: null };
    const wrong = { ...current, secretDigest: thirdDigest };
    assert.equal(await database.secrets.rotateOwn(wrong, made), false);
    assert.equal(await database.secrets.rotateOwn({ ...current, agentId: nobody }, made), false);
    assert.equal(await database.secrets.rotateOwn(current, made), true);
    assert.equal((await database.agents.get(id, null))?.rotation, "under_way");
    assert.notEqual(await open(database, id), null);
    assert.notEqual(await open(database, id, { secretDigest: otherDigest }), null);
    assert.equal(await open(database, id), null);
  },

  "secrets.request → the beats ask for it; of a client that does not rotate: unsupported": async (
    { database },
  ) => {
    const { id } = await create(database);
    assert.equal(await database.secrets.request(id, key), "unsupported");
    assert.equal(await database.secrets.request(nobody, key), null);
    await open(database, id, { client: { supports: ["rotate"] } });
    const asked = await database.secrets.request(id, key);
    assert.ok(asked !== null && typeof asked === "object");
    assert.equal(asked.rotation, "requested");
    assert.deepEqual(await database.heartbeats.record([beat(id)]), [{ ...recorded, directives: ["rotate"] }]);
  },

  "copies.adopt → the copy gets an agent of its own, and the original is asked to rotate": async (
    { database, userId },
  ) => {
    const { id } = await copied(database, { ownerId: userId });
    const by = { instanceId: copy, ownerLimit: null, ...key };
    const client = { hostname: "copy", supports: ["rotate", "adopt"] };
    assert.equal(await database.copies.adopt(nobody, by), null);
    assert.equal(await database.copies.adopt(id, { ...by, instanceId: instance }), "unknown_copy");
    assert.equal(await database.copies.adopt(id, { ...by, ownerLimit: 1 }), "owner_limit");
    const adopted = await database.copies.adopt(id, by);
    assert.partialDeepStrictEqual(adopted, { id, copies: [{ instance_id: copy, hostname: "copy" }] });
    const beats = [beat(id, { instanceId: copy, seq: 3 })];
    assert.deepEqual(await database.heartbeats.record(beats), [{ ...recorded, directives: ["handshake"] }]);
    assert.equal((await open(database, id, { instanceId: copy, client }))?.adopting, true);
    const newId = await database.copies.identify(id, copy, otherDigest);
    assert.ok(newId !== null && newId !== id);
    assert.equal((await open(database, newId, { secretDigest: otherDigest }))?.adopted, true);
    assert.equal(await database.copies.confirm(newId), undefined);
    assert.partialDeepStrictEqual(await database.agents.get(id, null), { rotation: "requested", copies: [] });
    assert.partialDeepStrictEqual(await database.agents.get(newId, userId), {
      name: "an agent (copy on copy)",
    });
  },

  "copies.revoke → the copy is refused, and the original is not": async ({ database }) => {
    const { id } = await copied(database);
    assert.equal(await database.copies.revoke(nobody, { instanceId: copy, ...key }), null);
    assert.equal(await database.copies.revoke(id, { instanceId: instance, ...key }), "unknown_copy");
    assert.partialDeepStrictEqual(await database.copies.revoke(id, { instanceId: copy, ...key }), { id });
    assert.equal(await open(database, id, { instanceId: copy }), null);
    const asked = { ...recorded, directives: ["rotate"] };
    assert.deepEqual(await database.heartbeats.record([beat(id, { instanceId: copy, seq: 3 })]), [null]);
    assert.deepEqual(await database.heartbeats.record([beat(id, { instanceId: instance, seq: 4 })]), [asked]);
  },

  "copies.forget → nothing that the Agent shows of a copy of today": async ({ database }) => {
    const { id } = await copied(database);
    assert.equal(await database.copies.forget(), undefined);
    assert.equal((await database.agents.get(id, null))?.copies.length, 1);
  },

  "sessions.read → the Agent, or null for another epoch": async ({ database }) => {
    const agent = await create(database);
    assert.deepEqual(await database.sessions.read(agent.id, 1), agent);
    assert.equal(await database.sessions.read(agent.id, 2), null);
    assert.equal(await database.sessions.read(nobody, 1), null);
  },

  "heartbeats.record of one → its verdict, and the Agent says what it said": async ({ database }) => {
    const { id } = await create(database);
    const metrics = { cpu_percent: 12.5, load_1m: 0, uptime_seconds: 1e15, latency_ms: -0.001 };
    const message = `two\nlines, ${awkward}`;
    const said: Partial<Beat> = {
      status: "degraded",
      message,
      metrics,
      seq: 2 ** 53 - 1,
      instanceId: instance,
      clockOffsetSeconds: null,
      work: { busy: true, progress: -(2 ** 53 - 1) },
    };
    assert.deepEqual(await database.heartbeats.record([beat(id, said)]), [recorded]);
    const agent = await database.agents.get(id, null);
    assert.match(agent?.last_seen_at ?? "", time);
    assert.equal(agent?.last_progress_at, agent?.last_seen_at);
    assert.partialDeepStrictEqual(agent, {
      status: "degraded",
      message,
      metrics,
      liveness: "online",
      busy: true,
      back_at: null,
    });
  },

  "heartbeats.record of an agent that stops for a while → when it means to be back": async ({ database }) => {
    const { id } = await create(database);
    assert.deepEqual(
      await database.heartbeats.record([beat(id, { status: "stopping", backInSeconds: 120 })]),
      [recorded],
    );
    const agent = await database.agents.get(id, null);
    assert.equal(Date.parse(agent?.back_at ?? "") - Date.parse(agent?.last_seen_at ?? ""), 120_000);
    assert.partialDeepStrictEqual(agent, { liveness: "stopped", busy: null, last_progress_at: null });
  },

  "heartbeats.record of several agents → a verdict each in their order": async ({ database }) => {
    const [first, second] = [await create(database), await create(database, { heartbeatIntervalSeconds: 5 })];
    const ended = await create(database);
    const verdicts: Verdict[] = await database.heartbeats.record([
      beat(second.id, { message: awkward }),
      beat(nobody),
      beat(first.id),
      beat(ended.id, { epoch: 2 }),
    ]);
    assert.deepEqual(verdicts, [{ heartbeatIntervalSeconds: 5 }, null, recorded, null]);
    assert.equal((await database.agents.get(second.id, null))?.message, awkward);
    assert.equal((await database.agents.get(first.id, null))?.message, null);
  },

  "sessions.openAll → a result each in their order; null for who is refused": async ({ database }) => {
    const [first, second] = [await create(database), await create(database)];
    const presented = { secretDigest: digest, instanceId: null, client: {}, address: null };
    const opened = await database.sessions.openAll([
      { ...presented, agentId: second.id },
      { ...presented, agentId: nobody },
      { ...presented, agentId: first.id },
    ]);
    assert.deepEqual(opened.map((one) => one?.id), [second.id, undefined, first.id]);
    assert.deepEqual(await database.sessions.openAll([{ ...presented, agentId: nobody }]), [null]);
    const wrong = {
      ...presented,
      agentId: first.id,
      secretDigest: digest.replace(/.$/, (last) => last === "0" ? "1" : "0"),
    };
    const mixed = await database.sessions.openAll([wrong, { ...presented, agentId: first.id }, { ...wrong }]);
    assert.deepEqual(mixed.map((one) => one?.id), [undefined, first.id, undefined]);
  },

  "heartbeats.record of none → no verdict": async ({ database }) =>
    assert.deepEqual(await database.heartbeats.record([]), []),

  "heartbeats.recordOrdinary → the verdicts of ordinary beats, and null for all others, which it does not record":
    async ({ database }) => {
      const [first, second] = [(await create(database)).id, (await create(database)).id];
      assert.deepEqual(await database.heartbeats.recordOrdinary([]), []);
      const beats = (seq: number): Beat[] => [second, nobody, first].map((id) => beat(id, { seq }));
      assert.deepEqual(await database.heartbeats.recordOrdinary(beats(1)), [null, null, null]);
      assert.equal((await database.agents.get(first, null))?.last_seen_at, null);
      await database.heartbeats.record(beats(1));
      assert.deepEqual(await database.heartbeats.recordOrdinary(beats(2)), [recorded, null, recorded]);
      assert.deepEqual(await database.heartbeats.recordOrdinary([beat(first, { status: "stopping" })]), [
        null,
      ]);
      assert.equal((await database.agents.get(first, null))?.status, "healthy");
    },

  "heartbeats.record of a thousand → a thousand verdicts": async ({ database }) => {
    const { id } = await create(database);
    const beats = Array.from(
      { length: 1000 },
      (_, seq) => beat(seq === 500 ? id : crypto.randomUUID(), { seq }),
    );
    const wanted = beats.map(({ agentId }) => agentId === id ? recorded : null);
    assert.deepEqual(await database.heartbeats.record(beats), wanted);
  },
};

/** An agent of which one copy was seen. */
async function copied(database: Database, fields: Partial<NewAgent> = {}): Promise<Agent> {
  const agent = await create(database, fields);
  for (const [instanceId, hostname] of [[instance, "original"], [copy, "copy"]] as const) {
    const client = { hostname, supports: ["rotate", "adopt"] };
    await open(database, agent.id, { instanceId, client });
  }
  for (
    const [instanceId, seq] of [[instance, 1], [copy, 1], [instance, 2], [copy, 2], [instance, 3]] as const
  ) {
    await database.heartbeats.record([beat(agent.id, { instanceId, seq })]);
  }
  return agent;
}
