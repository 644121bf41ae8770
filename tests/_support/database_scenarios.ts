import assert from "node:assert/strict";
import type {
  Agent,
  AgentsAfter,
  Beat,
  Client,
  Database,
  MapChanges,
  NewAgent,
  OpenedSession,
  Verdict,
} from "../../supabase/functions/_shared/database/port.ts";
import { parseMoment } from "../../supabase/functions/agents/map.ts";
import { ContractError } from "../../supabase/functions/_shared/http/errors.ts";
import type { Cursor } from "../../supabase/functions/_shared/http/pages.ts";
import { enrollmentScenarios } from "./enrollment_scenarios.ts";
import { plainBeat as beat } from "./record_beats.ts";
import { until } from "./wait.ts";

/** What a scenario works on: an adapter, and the id of the one user that its database knows. */
export interface Subject {
  database: Database;
  userId: string;
}

export type Scenario = (subject: Subject) => Promise<void>;

const digest = `sha256:${"a".repeat(64)}`;
const thirdDigest = `sha256:${"c".repeat(64)}`;
const otherDigest = `sha256:${"b".repeat(64)}`;
const nobody = "f0000000-0000-4000-8000-00000000000f";
const instance = "11111111-0000-4000-8000-000000000001";
const copy = "22222222-0000-4000-8000-000000000002";
const key = { ownerId: null, act: { actor: "key:default", address: null } };
const everyEvent = { kinds: null, page: { limit: 200, after: null } };
const recorded = { heartbeatIntervalSeconds: 60 };
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const awkward = `quotes ' " \\ $1 %s {} [] null, ünïcode 漢字 👩‍🚀 \u{10ffff}`;

/** What every adapter of the port must do, whatever lies between it and the SQL functions. */
export const scenarios: Record<string, Scenario> = {
  ...enrollmentScenarios,

  "health.ping → the database answers, and nothing calls its tick": async ({ database }) =>
    assert.deepEqual(await database.health.ping(), { tick: null }),

  "incidents.tick → nothing is new where nothing was, and then it is known that something calls it": async (
    { database },
  ) => {
    assert.equal(await database.incidents.tick(5), null);
    const { tick } = await database.health.ping();
    assert.ok(tick !== null && tick >= 0);
    assert.deepEqual(
      await database.incidents.list(null, { state: "open", page: { limit: 1, after: null } }),
      { rows: [], next: null },
    );
    assert.equal(await database.incidents.get(nobody, null), null);
    assert.equal(await database.incidents.acknowledge(nobody, key), null);
  },

  "health.upkeep → nothing to correct where no clock was wrong": async ({ database }) => {
    await create(database);
    assert.deepEqual(await database.health.upkeep(), []);
  },

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

  "agents.list → all pages together are the agents that fit, in their order, in every order there is": async (
    { database },
  ) => {
    const labels = { walk: awkward };
    const made: Agent[] = [];
    for (const name of ["c", awkward, "a", "B", "d"]) made.push(await create(database, { name, labels }));
    await database.heartbeats.record(made.slice(0, 2).map(({ id }) => beat(id)));
    const filter = { liveness: null, labels: [{ key: "walk", value: awkward }], search: null };
    for (
      const sort of ["trouble", "name", "last_seen_at", "created_at", "label:walk"].flatMap((
        one,
      ) => [one, `-${one}`])
    ) {
      const whole = await database.agents.list(null, { filter, sort, page: { limit: 200, after: null } });
      assert.equal(whole.next, null);
      const counts = { online: 2, pending: 3 };
      assert.deepEqual(whole.totals, { counts, troubles: { unhealthy: 0, copies: 0 } }, sort);
      const walked: Agent[] = [];
      for (let after: AgentsAfter | null = null;;) {
        const page = await database.agents.list(null, { filter, sort, page: { limit: 2, after } });
        walked.push(...page.rows);
        if (page.next === null) break;
        after = sent(page.next);
      }
      assert.deepEqual(walked, whole.rows, sort);
      assert.deepEqual(walked.map(({ id }) => id).sort(), made.map(({ id }) => id).sort());
    }
    const online = { ...filter, liveness: ["online"], search: awkward.toUpperCase() };
    const page = { limit: 1, after: null };
    const { rows, totals } = await database.agents.list(null, { filter: online, sort: "name", page });
    assert.deepEqual([rows.map(({ name }) => name), totals?.counts], [[awkward], { online: 1 }]);
    assert.deepEqual((await database.agents.list(nobody, { filter, sort: "name", page })).rows, []);
  },

  "agents.mapChanges → what a map has to take in to be as it would be read now, after acts and beats of any kind":
    async ({ database }) => {
      const labels = { followed: "1" };
      const made: Agent[] = [];
      for (let number = 0; number < 5; number++) {
        made.push(await create(database, { name: `followed ${number}`, labels }));
      }
      const asked = {
        filter: { liveness: null, labels: [{ key: "followed", value: "1" }], search: null },
        groupKey: null,
        marksEvery: 1000,
      };
      const read = async (): Promise<{ states: Map<string, string>; next: Cursor }> => {
        const { ids, cells, liveness, next } = await database.agents.follow(null, asked);
        const states = Array.from(cells, (cell, place): [string, string] => [
          ids.slice(36 * place, 36 * place + 36),
          `${cell}${liveness[place]}`,
        ]);
        return { states: new Map(states), next };
      };
      const known = await read();
      assert.deepEqual([...known.states.keys()].sort(), made.map(({ id }) => id).sort());
      const idOf = (number: number): string => made[number]?.id ?? "";
      const act = { ownerId: null, act: { actor: "key:default", address: null } };
      const steps: [what: string, step: () => Promise<unknown>, isWhole?: true][] = [
        ["beats", () => database.heartbeats.record(made.map(({ id }) => beat(id)))],
        ["an unhealthy beat", () => database.heartbeats.record([beat(idOf(1), { status: "unhealthy" })])],
        ["a degraded beat", () => database.heartbeats.record([beat(idOf(2), { status: "degraded" })])],
        ["a healthy one", () => database.heartbeats.record([beat(idOf(1))])],
        ["a revocation", () => database.agents.revoke(idOf(3), act)],
        ["nothing", () => Promise.resolve()],
        ["a restoration", () => database.agents.restore(idOf(3), act)],
        ["a name", () => database.agents.edit(idOf(0), { ...act, changes: { name: "followed 9" } }), true],
        ["a new agent", async () => made.push(await create(database, { name: "followed 5", labels })), true],
        ["a deletion", () => database.agents.delete(idOf(4), { ...act, name: "followed 4" }), true],
        ["a beat", () => database.heartbeats.record([beat(idOf(2))])],
      ];
      const changesSince = (): Promise<MapChanges | null> =>
        database.agents.mapChanges(null, { filter: asked.filter, since: parseMoment(known.next) });
      for (const [what, step, isWhole] of steps) {
        // Somebody else's transaction, as autovacuum's, may hold the cursor behind the step before.
        await until("a cursor behind the last step", async () => {
          Object.assign(known, await read());
          return await changesSince() !== null;
        }, { everyMs: 10 });
        await step();
        const changes = await changesSince();
        const now = await read();
        const states = Object.entries(changes?.changes ?? {})
          .flatMap(([state, ids]) => ids.map((id): [string, string] => [id, state]));
        const isUnknown = changes === null || states.some(([id]) => !known.states.has(id));
        assert.equal(isUnknown, isWhole === true, what);
        if (!isUnknown) assert.deepEqual(new Map([...known.states, ...states]), now.states, what);
      }
    },

  "agents.map → a digit for each agent that fits, in the order of the list, and marks that the list takes":
    async (
      { database },
    ) => {
      const made: Agent[] = [];
      for (
        const [name, site] of [["c", "x"], [awkward, "y"], ["a", "y"], ["B", "x"], ["d", awkward]] as const
      ) {
        made.push(await create(database, { name, labels: { site, map: "1" } }));
      }
      await database.heartbeats.record(made.slice(0, 2).map(({ id }) => beat(id)));
      const filter = { liveness: null, labels: [{ key: "map", value: "1" }], search: null };
      for (const groupKey of [null, "site", "no-such"]) {
        const map = await database.agents.map(null, { filter, groupKey, marksEvery: 2 });
        assert.equal(map.sort, groupKey === null ? "name" : `label:${groupKey}`);
        const everything = { limit: 200, after: null };
        const { rows } = await database.agents.list(null, { filter, sort: map.sort, page: everything });
        const cells = rows.map(({ liveness }) => liveness === "online" ? "7" : "6").join("");
        assert.equal(map.cells, cells, map.sort);
        assert.equal(map.marks.length, 2);
        for (const [index, mark] of map.marks.entries()) {
          const page = { limit: 1, after: sent(mark), skipped: 0 };
          const behind = await database.agents.list(null, { filter, sort: map.sort, page });
          assert.equal(behind.rows[0]?.id, rows[2 * (index + 1)]?.id, map.sort);
          assert.equal(behind.totals, null);
        }
      }
      const { groups, counts } = await database.agents.map(null, { filter, groupKey: "site", marksEvery: 2 });
      assert.deepEqual(
        new Map(groups.map(({ name, count }) => [name, count])),
        new Map([[awkward, 1], ["x", 2], ["y", 2]]),
      );
      assert.deepEqual(counts, { online: 2, pending: 3 });
      assert.equal((await database.agents.map(nobody, { filter, groupKey: null, marksEvery: 2 })).cells, "");
    },

  "events.list → the newest first, page after page, of the kinds that are asked for": async (
    { database, userId },
  ) => {
    const { id } = await create(database, { ownerId: userId });
    await database.agents.revoke(id, key);
    await database.agents.restore(id, key);
    const first = await database.events.list(userId, {
      agentId: id,
      kinds: null,
      page: { limit: 2, after: null },
    });
    assert.deepEqual(first?.rows.map(({ kind }) => kind), ["restored", "revoked"]);
    assert.match(first?.rows[0]?.at ?? "", time);
    const after: { id: number } | null = sent(first?.next ?? null);
    const second = await database.events.list(userId, {
      agentId: id,
      kinds: null,
      page: { limit: 2, after },
    });
    assert.deepEqual([second?.rows.map(({ kind }) => kind), second?.next], [["created"], null]);
    const kinds = ["created", "revoked"];
    const some = await database.events.list(null, { ...everyEvent, agentId: id, kinds });
    assert.deepEqual(some?.rows.map(({ kind }) => kind), ["revoked", "created"]);
    assert.deepEqual(await database.events.list(nobody, { ...everyEvent, agentId: null }), {
      rows: [],
      next: null,
    });
  },
};

export const newAgent: NewAgent = {
  name: "an agent",
  labels: {},
  heartbeatIntervalSeconds: 60,
  progressDeadlineSeconds: null,
  ownerId: null,
  ownerLimit: null,
  secretDigest: digest,
  act: { actor: "key:default", address: null },
};

async function create(database: Database, fields: Partial<NewAgent> = {}): Promise<Agent> {
  const agent = await database.agents.create({ ...newAgent, ...fields });
  assert.ok(typeof agent === "object", `no agent: ${agent}`);
  return agent;
}

/** A handshake with the agent's first secret, as far as the test says nothing else. */
async function open(
  database: Database,
  agentId: string,
  { client = {}, ...presented }: { secretDigest?: string; instanceId?: string; client?: Client } = {},
): Promise<OpenedSession | null> {
  const credentials = { agentId, secretDigest: digest, instanceId: null, ...presented };
  return await database.sessions.open(credentials, { client, address: "192.0.2.1" });
}

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

/** A cursor as a client sends it back, of which the handlers check what is in it. */
function sent(cursor: Cursor | null) {
  return JSON.parse(JSON.stringify(cursor));
}
