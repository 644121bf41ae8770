import assert from "node:assert/strict";
import type {
  Database,
  Enrolled,
  Enrolling,
  Enrollment,
  NewEnrollment,
  Progress,
} from "../../supabase/functions/_shared/database/port.ts";
import { ContractError } from "../../supabase/functions/_shared/http/errors.ts";
import type { Scenario } from "./database_scenarios.ts";
import { awkward, nobody, time } from "./scenario_agents.ts";

const act = { actor: "key:default", address: "192.0.2.1" };
const key = { ownerId: null, act };
const progress: Progress = { step: "check_host", failed: false, detail: null };

const newEnrollment: NewEnrollment = {
  name: "{hostname}",
  labels: {},
  heartbeatIntervalSeconds: 60,
  progressDeadlineSeconds: null,
  uses: 1,
  expiresInSeconds: 3600,
  ownerId: null,
  ownerLimit: null,
  codeDigest: "",
  act,
};

/** What every adapter of the port must do with readers' keys and enrollments. */
export const enrollmentScenarios: Record<string, Scenario> = {
  "readerKeys.create → the key's row, found by its digest until it is revoked": async (
    { database: { readerKeys }, userId },
  ) => {
    const keyDigest = digest();
    const made = await readerKeys.create({
      name: awkward,
      ownerId: userId,
      ownerLimit: 1000,
      keyDigest,
      act,
    });
    assert.ok(typeof made === "object", String(made));
    assert.match(made.created_at, time);
    assert.deepEqual(made, { id: made.id, owner_id: userId, name: awkward, created_at: made.created_at });
    assert.deepEqual(await readerKeys.find(keyDigest), made);
    assert.equal(await readerKeys.find(digest()), null);
    assert.equal(await readerKeys.revoke(made.id, { ...key, ownerId: nobody }), null);
    assert.deepEqual(await readerKeys.revoke(made.id, { ...key, ownerId: userId }), made);
    assert.equal(await readerKeys.find(keyDigest), null);
    assert.equal(await readerKeys.revoke(made.id, key), null);
  },

  "readerKeys.create past the owner's limit, or for nobody → refused": async (
    { database: { readerKeys }, userId },
  ) => {
    const make = (ownerId: string, ownerLimit: number) =>
      readerKeys.create({ name: "a key", ownerId, ownerLimit, keyDigest: digest(), act });
    assert.ok(typeof await make(userId, 1000) === "object");
    assert.equal(await make(userId, 1), "owner_limit");
    assert.equal(await make(nobody, 1), "owner_unknown");
  },

  "readerKeys.list and enrollments.list → all pages together are each row once, the newest first": async (
    { database, userId },
  ) => {
    for (let made = 0; made < 5; made++) {
      const key = { name: "a", ownerId: userId, ownerLimit: null, keyDigest: digest(), act };
      await database.readerKeys.create(key);
      await create(database, { ownerId: userId });
    }
    for (const list of [database.readerKeys.list, database.enrollments.list]) {
      const whole = await list(userId, { limit: 200, after: null });
      assert.ok(whole.rows.length >= 5);
      assert.equal(whole.next, null);
      const paged: unknown[] = [];
      let after: { created_us: number; id: string } | null = null;
      do {
        const page = await list(userId, { limit: 2, after });
        assert.ok(page.rows.length <= 2);
        paged.push(...page.rows);
        after = page.next === null
          ? null
          : { created_us: Number(page.next.created_us), id: String(page.next.id) };
      } while (after !== null);
      assert.deepEqual(paged, whole.rows);
      assert.deepEqual((await list(nobody, { limit: 2, after: null })).rows, []);
    }
  },

  "enrollments.create → the enrollment, for its owner and for a key": async ({ database, userId }) => {
    const made = await create(database, {
      ownerId: userId,
      name: `${awkward} {hostname}`,
      labels: { a: awkward },
      uses: 3,
    });
    assert.match(made.created_at, time);
    assert.equal(Date.parse(made.expires_at) - Date.parse(made.created_at), 3_600_000);
    assert.deepEqual(made, {
      id: made.id,
      owner_id: userId,
      name: `${awkward} {hostname}`,
      labels: { a: awkward },
      heartbeat_interval_seconds: 60,
      progress_deadline_seconds: null,
      uses: 3,
      used: 0,
      created_at: made.created_at,
      expires_at: made.expires_at,
      revoked_at: null,
    });
    const { enrollments } = database;
    for (const ownerId of [null, userId]) {
      assert.deepEqual(await enrollments.get(made.id, ownerId), { enrollment: made, hosts: [] });
    }
    assert.equal(await enrollments.get(made.id, nobody), null);
    const more = { ...newEnrollment, ownerId: userId, ownerLimit: 1, codeDigest: digest() };
    assert.equal(await enrollments.create(more), "owner_limit");
    assert.equal(await enrollments.create({ ...more, ownerId: nobody }), "owner_unknown");
  },

  "enrollments.enroll → an agent that can shake hands, and the same one again until it has": async (
    { database },
  ) => {
    const codeDigest = digest();
    const { id } = await create(database, { codeDigest, name: "web {hostname}", labels: { zone: "a" } });
    const host = hostOf(codeDigest);
    const [first, second] = [digest(), digest()];
    const enrolled = await enroll(database, host, { secretDigest: first, hostname: awkward });
    assert.ok(typeof enrolled === "object" && enrolled !== null, String(enrolled));
    assert.equal(enrolled.name, [...`web ${awkward}`].slice(0, 100).join(""));
    assert.deepEqual(await enroll(database, host, { secretDigest: second, hostname: awkward }), enrolled);
    const open = (secretDigest: string) =>
      database.sessions.open({ agentId: enrolled.id, secretDigest, instanceId: null }, {
        client: {},
        address: null,
      });
    assert.equal(await open(first), null, "the secret of the lost reply is good for nothing");
    assert.equal((await open(second))?.id, enrolled.id);
    assert.equal(await enroll(database, host), null, "after the first handshake there is no other secret");
    assert.notEqual(await open(second), null, "and the one that was used stays good");
    const shown = await database.enrollments.get(id, null);
    assert.equal(shown?.enrollment.used, 1);
    const [at, ...none] = shown.hosts.map(({ at }) => at);
    assert.deepEqual(none, []);
    assert.deepEqual(shown.hosts, [{
      agent_id: enrolled.id,
      hostname: awkward,
      address: "192.0.2.1",
      step: null,
      failed: false,
      detail: null,
      at,
    }]);
    assert.deepEqual((await database.agents.get(enrolled.id, null))?.labels, { zone: "a" });
  },

  "enrollments.enroll with a code that is unknown, used up or revoked → null": async ({ database }) => {
    const [used, revoked] = [digest(), digest()];
    await create(database, { codeDigest: used });
    const { id } = await create(database, { codeDigest: revoked });
    assert.notEqual(await enroll(database, hostOf(used)), null);
    assert.match((await database.enrollments.revoke(id, key))?.revoked_at ?? "", time);
    for (const codeDigest of [digest(), used, revoked]) {
      const before = await countAgents(database);
      assert.equal(await enroll(database, hostOf(codeDigest)), null);
      assert.equal(await database.enrollments.recordProgress(hostOf(codeDigest), progress), false);
      assert.equal(await countAgents(database), before);
    }
  },

  "enrollments.enroll past the owner's limit → owner_limit, which uses nothing": async (
    { database, userId },
  ) => {
    const codeDigest = digest();
    const { id } = await create(database, { codeDigest, ownerId: userId });
    assert.equal(await enroll(database, hostOf(codeDigest), { ownerLimit: 0 }), "owner_limit");
    assert.deepEqual((await database.enrollments.get(id, userId))?.hosts, []);
    assert.equal(typeof await enroll(database, hostOf(codeDigest)), "object");
  },

  "enrollments.recordProgress → a row for the host before it has an agent, and the same row after": async (
    { database },
  ) => {
    const codeDigest = digest();
    const { id } = await create(database, { codeDigest });
    const host = hostOf(codeDigest);
    const said = { step: "download", failed: true, detail: awkward };
    assert.equal(await database.enrollments.recordProgress(host, said), true);
    assert.partialDeepStrictEqual((await database.enrollments.get(id, null))?.hosts, [{
      agent_id: null,
      ...said,
    }]);
    const enrolled = await enroll(database, host, { hostname: "h" });
    assert.ok(typeof enrolled === "object" && enrolled !== null);
    assert.equal(
      await database.enrollments.recordProgress(host, progress),
      true,
      "though the code is used up",
    );
    const shown = await database.enrollments.get(id, null);
    assert.partialDeepStrictEqual(shown?.hosts, [{ agent_id: enrolled.id, hostname: "h", ...progress }]);
  },

  "a hundred hosts at once with a code good for ten → exactly ten agents": async ({ database }) => {
    const codeDigest = digest();
    const { id } = await create(database, { codeDigest, uses: 10 });
    const before = await countAgents(database);
    const asked = await Promise.all(
      Array.from({ length: 100 }, () => enrollAnyhow(database, hostOf(codeDigest))),
    );
    const got = asked.filter((one) => one !== null);
    assert.equal(got.length, 10);
    assert.equal(new Set(got.map(({ id }) => id)).size, 10, "each an agent of its own");
    assert.equal(await countAgents(database), before + 10);
    const shown = await database.enrollments.get(id, null);
    assert.equal(shown?.enrollment.used, 10);
    assert.deepEqual(
      shown.hosts.map(({ agent_id }) => agent_id).sort(),
      got.map(({ id }) => id).sort(),
    );
  },

  "one host that asks ten times at once with a code good for ten → one agent": async ({ database }) => {
    const codeDigest = digest();
    const { id } = await create(database, { codeDigest, uses: 10 });
    const host = hostOf(codeDigest);
    const before = await countAgents(database);
    const asked = await Promise.all(Array.from({ length: 10 }, () => enrollAnyhow(database, host)));
    assert.equal(new Set(asked.map((one) => one?.id)).size, 1);
    assert.notEqual(asked[0], null);
    assert.equal(await countAgents(database), before + 1);
    assert.equal((await database.enrollments.get(id, null))?.enrollment.used, 1);
  },

  "a code that is revoked while hosts ask → no agent is made after the revocation": async ({ database }) => {
    const codeDigest = digest();
    const { id } = await create(database, { codeDigest, uses: 60 });
    const some = (count: number) =>
      Array.from({ length: count }, () => enrollAnyhow(database, hostOf(codeDigest)));
    const revoke = () => database.enrollments.revoke(id, key);
    const [sooner, revoked, later] = [some(20), anyhow(revoke), some(20)];
    const got = (await Promise.all([...sooner, ...later])).filter((one) => one !== null);
    const used = (await revoked)?.used ?? 0;
    // A reply that was lost to a busy machine is asked for again, and refused by then.
    assert.ok(got.length <= used, `${got.length} got an agent, and ${used} were made`);
    const shown = await database.enrollments.get(id, null);
    assert.equal(shown?.enrollment.used, used);
    assert.equal(shown.hosts.length, used);
    assert.equal(await enroll(database, hostOf(codeDigest)), null);
  },

  "a hundred hosts at once that report with a code good for two → twenty rows": async ({ database }) => {
    const codeDigest = digest();
    const { id } = await create(database, { codeDigest, uses: 2 });
    const asked = await Promise.all(
      Array.from({ length: 100 }, () => {
        const host = hostOf(codeDigest);
        return anyhow(() => database.enrollments.recordProgress(host, progress));
      }),
    );
    assert.equal(asked.filter((one) => one).length, 20);
    assert.equal((await database.enrollments.get(id, null))?.hosts.length, 20);
  },
};

async function create(database: Database, fields: Partial<NewEnrollment> = {}): Promise<Enrollment> {
  const made = await database.enrollments.create({ ...newEnrollment, codeDigest: digest(), ...fields });
  assert.ok(typeof made === "object", `no enrollment: ${made}`);
  return made;
}

function hostOf(codeDigest: string): Enrolling {
  return { codeDigest, hostDigest: digest(), address: "192.0.2.1" };
}

async function enroll(
  database: Database,
  host: Enrolling,
  { secretDigest = digest(), hostname = null, ownerLimit = 1_000_000 }: {
    secretDigest?: string;
    hostname?: string | null;
    ownerLimit?: number;
  } = {},
): Promise<Enrolled | "owner_limit" | null> {
  return await database.enrollments.enroll(host, { secretDigest, hostname, ownerLimit });
}

async function enrollAnyhow(database: Database, host: Enrolling): Promise<Enrolled | null> {
  const enrolled = await anyhow(() => enroll(database, host));
  assert.ok(enrolled !== "owner_limit");
  return enrolled;
}

/** A machine that is busy may let a call wait for too long; a client then asks again. */
async function anyhow<Value>(ask: () => Promise<Value>): Promise<Value> {
  for (let left = 20;; left--) {
    try {
      return await ask();
    } catch (error) {
      if (left === 0 || !(error instanceof ContractError) || error.code !== "unavailable") throw error;
    }
  }
}

async function countAgents(database: Database): Promise<number> {
  return Object.values(await database.agents.count()).reduce((sum, count) => sum + count, 0);
}

/** That of a secret that nobody knows. */
function digest(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return `sha256:${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
