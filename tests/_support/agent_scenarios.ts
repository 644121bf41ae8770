import assert from "node:assert/strict";
import { ContractError } from "../../supabase/functions/_shared/http/errors.ts";
import type { Scenario } from "./database_scenarios.ts";
import { plainBeat as beat } from "./record_beats.ts";
import {
  awkward,
  create,
  everyEvent,
  key,
  newAgent,
  nobody,
  open,
  recorded,
  time,
} from "./scenario_agents.ts";

/** What every adapter of the port must do with one agent. */
export const agentScenarios: Record<string, Scenario> = {
  "agents.create → the Agent, with every field of the contract": async ({ database, userId }) => {
    const agent = await create(database, {
      ownerId: userId,
      labels: { zone: "a" },
      heartbeatIntervalSeconds: 30,
    });
    assert.match(agent.created_at, time);
    assert.deepEqual(agent, {
      id: agent.id,
      owner_id: userId,
      name: "an agent",
      labels: { zone: "a" },
      heartbeat_interval_seconds: 30,
      progress_deadline_seconds: null,
      status: null,
      message: null,
      liveness: "pending",
      liveness_since: agent.created_at,
      last_seen_at: null,
      back_at: null,
      busy: null,
      last_progress_at: null,
      last_handshake_at: null,
      metrics: {},
      version: null,
      hostname: null,
      os: null,
      arch: null,
      clock_offset_seconds: null,
      created_at: agent.created_at,
      revoked_at: null,
      muted_until: null,
      secret_created_at: agent.created_at,
      previous_secret_expires_at: null,
      last_secret: null,
      rotation: "none",
      refused_handshakes_count: 0,
      last_refused_at: null,
      last_refusal: null,
      copies: [],
    });
  },

  "agents.create with awkward text → the same text back": async ({ database }) => {
    const agent = await create(database, { name: awkward, labels: { a: awkward, b: "", c: " " } });
    assert.equal(agent.name, awkward);
    assert.deepEqual(agent.labels, { a: awkward, b: "", c: " " });
  },

  "agents.create for an owner who is nobody → owner_unknown": async ({ database }) =>
    assert.equal(await database.agents.create({ ...newAgent, ownerId: nobody }), "owner_unknown"),

  "agents.create past the owner's limit → owner_limit": async ({ database, userId }) => {
    await create(database, { ownerId: userId, ownerLimit: 1000 });
    assert.equal(
      await database.agents.create({ ...newAgent, ownerId: userId, ownerLimit: 1 }),
      "owner_limit",
    );
  },

  "agents.create with a name that breaks a constraint → an error with 23514, which is not an outage": async (
    { database },
  ) => {
    const [result] = await Promise.allSettled([database.agents.create({ ...newAgent, name: "" })]);
    assert.ok(result.status === "rejected" && result.reason instanceof Error);
    assert.ok(!(result.reason instanceof ContractError), "it is told as an outage");
    assert.equal("code" in result.reason ? result.reason.code : null, "23514");
    assert.match(result.reason.message, /name_is_1_to_100_characters_without_controls/);
  },

  "agents.get → any agent for a key, their own for an owner, else null": async ({ database, userId }) => {
    const theirs = await create(database, { ownerId: userId });
    const nobodys = await create(database);
    assert.deepEqual(await database.agents.get(theirs.id, null), theirs);
    assert.deepEqual(await database.agents.get(theirs.id, userId), theirs);
    assert.deepEqual(await database.agents.get(nobodys.id, null), nobodys);
    assert.equal(await database.agents.get(nobodys.id, userId), null);
    assert.equal(await database.agents.get(theirs.id, nobody), null);
    assert.equal(await database.agents.get(nobody, null), null);
  },

  "agents.revoke → the revoked Agent, twice the same, and its session has ended": async (
    { database, userId },
  ) => {
    const { id } = await create(database, { ownerId: userId });
    assert.equal(await database.agents.revoke(id, { ...key, ownerId: nobody }), null);
    const revoked = await database.agents.revoke(id, {
      ownerId: userId,
      act: { actor: `user:${userId}`, address: null },
    });
    assert.match(revoked?.revoked_at ?? "", time);
    assert.equal(revoked?.liveness, "revoked");
    assert.deepEqual(await database.agents.revoke(id, key), revoked);
    assert.equal(await database.sessions.read(id, 1), null);
    assert.deepEqual(await database.heartbeats.record([beat(id)]), [null]);
    assert.equal(await database.agents.revoke(nobody, key), null);
  },

  "agents.restore → pending until its next beat, with the secret as it was": async ({ database }) => {
    const { id } = await create(database);
    await database.heartbeats.record([beat(id)]);
    await database.agents.revoke(id, key);
    const restored = await database.agents.restore(id, key);
    assert.partialDeepStrictEqual(restored, { liveness: "pending", revoked_at: null });
    assert.deepEqual(await database.agents.restore(id, key), restored);
    assert.deepEqual(await database.heartbeats.record([beat(id)]), [null]);
    const opened = await open(database, id);
    assert.equal(opened?.epoch, 2);
    assert.deepEqual(await database.heartbeats.record([beat(id, { epoch: 2 })]), [recorded]);
    assert.equal((await database.agents.get(id, null))?.liveness, "online");
    assert.equal(await database.agents.restore(nobody, key), null);
  },

  "agents.endSessions → the beats of before are refused, those of the next session recorded": async (
    { database, userId },
  ) => {
    const { id } = await create(database);
    assert.equal(await database.agents.endSessions(id, { ...key, ownerId: userId }), null);
    assert.deepEqual(await database.heartbeats.record([beat(id)]), [recorded]);
    assert.equal((await database.agents.endSessions(id, key))?.liveness, "online");
    assert.deepEqual(await database.heartbeats.record([beat(id)]), [null]);
    assert.deepEqual(await database.heartbeats.record([beat(id, { epoch: 2 })]), [recorded]);
  },

  "agents.edit → what is named is changed, and an event says what": async ({ database, userId }) => {
    const made = await create(database, { labels: { zone: "a" } });
    const until = "2030-01-01T00:00:00.000Z";
    const changes = {
      name: awkward,
      labels: { a: awkward },
      progress_deadline_seconds: 60,
      muted_until: until,
    };
    assert.equal(await database.agents.edit(made.id, { ...key, ownerId: userId, changes }), null);
    assert.deepEqual(await database.agents.get(made.id, null), made);
    const edited = await database.agents.edit(made.id, { ...key, changes });
    assert.deepEqual(edited, { ...made, ...changes });
    assert.deepEqual(await database.agents.edit(made.id, { ...key, changes }), edited);
    const listed = await database.events.list(null, { ...everyEvent, agentId: made.id });
    assert.deepEqual(listed?.rows.map(({ kind, detail }) => [kind, Object.keys(detail).sort()]), [
      ["edited", ["labels", "name", "progress_deadline_seconds"]],
      ["muted", ["until"]],
      ["created", ["heartbeat_interval_seconds", "labels", "name"]],
    ]);
    const back = { progress_deadline_seconds: null, muted_until: null };
    assert.partialDeepStrictEqual(await database.agents.edit(made.id, { ...key, changes: back }), back);
  },

  "agents.delete → with its own name only; its beats are refused, its events stay": async (
    { database, userId },
  ) => {
    const made = await create(database, { ownerId: userId, name: awkward });
    assert.equal(await database.agents.delete(made.id, { ...key, ownerId: nobody, name: awkward }), null);
    assert.equal(await database.agents.delete(made.id, { ...key, name: "another" }), "other_name");
    assert.deepEqual(await database.agents.get(made.id, null), made);
    assert.deepEqual(await database.agents.delete(made.id, { ...key, name: awkward }), made);
    assert.equal(await database.agents.get(made.id, null), null);
    assert.deepEqual(await database.heartbeats.record([beat(made.id)]), [null]);
    const listed = await database.events.list(userId, { ...everyEvent, agentId: made.id });
    assert.deepEqual(listed?.rows.map(({ kind }) => kind), ["deleted", "created"]);
    assert.partialDeepStrictEqual(listed?.rows[0], {
      agent_id: made.id,
      agent_name: awkward,
      actor: "key:default",
    });
    assert.equal(await database.events.list(nobody, { ...everyEvent, agentId: made.id }), null);
  },
};
