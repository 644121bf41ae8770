import assert from "node:assert/strict";
import type postgres from "postgres";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { type Database, databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { execute, someWait, withSql } from "../_support/sql.ts";
import { until } from "../_support/wait.ts";

const original = "11111111-0000-4000-8000-000000000001";
const copy = "22222222-0000-4000-8000-000000000002";
const first = digest("a");
const second = digest("b");
const third = digest("c");
const client = { supports: ["rotate", "adopt"] };
const key = { ownerId: null, act: { actor: "key:default", address: null } };

/** A database with one agent, which has the secret "a": its address, the port, the agent's id. */
interface Race {
  address: string;
  database: Database;
  id: string;
}

const postgresPart = await part("Postgres 15 or later", findPostgres);

const races: Record<string, (race: Race) => Promise<void>> = {
  "a handshake that waits for a rotation without an overlap → refused, with the old secret": async (race) => {
    const waited = await during(race, (sql) => rotate(sql, race.id, second, 0), () => open(race, first));
    assert.equal(waited, null);
  },

  "a handshake that waits for a rotation with an overlap → let in, with the old secret": async (race) => {
    const waited = await during(race, (sql) => rotate(sql, race.id, second, 60), () => open(race, first));
    assert.equal(waited?.epoch, 1);
    assert.equal((await race.database.agents.get(race.id, null))?.last_secret, "previous");
  },

  "a handshake that waits for a revocation → refused": async (race) => {
    const act = JSON.stringify(key.act);
    const waited = await during(
      race,
      (sql) => sql`select public.revoke_agent(${race.id}, null, ${act}::text::jsonb)`,
      () => open(race, first),
    );
    assert.equal(waited, null);
  },

  "a copy's handshake and beat that wait for its revocation → both refused, and the original's beat is not":
    async (
      race,
    ) => {
      await beatInTurn(race, 3);
      const record = (instance: string) => race.database.heartbeats.record([beatOf(race.id, instance, 9)]);
      const [opened, ...verdicts] = await during(
        race,
        (sql) =>
          sql`select public.revoke_copy(${race.id}, null, ${copy}, ${JSON.stringify(key.act)}::text::jsonb)`,
        () => Promise.all([open(race, first, copy), record(copy), record(original)]),
        3,
      );
      assert.equal(opened, null);
      assert.deepEqual(verdicts.flat(), [null, { heartbeatIntervalSeconds: 60, directives: ["rotate"] }]);
    },

  "two operators' rotations at once → two good secrets, of each of them one, and the leaked one is out":
    async (race) => {
      await during(
        race,
        (sql) => rotate(sql, race.id, second, 0),
        () => race.database.secrets.rotate(race.id, { secretDigest: third, overlapSeconds: 3600, ...key }),
      );
      assert.deepEqual(await goodOf(race), [second, third]);
    },

  "an agent's rotation that waits for an operator's → refused: its secret is in the overlap": async (
    race,
  ) => {
    const waited = await during(
      race,
      (sql) => rotate(sql, race.id, second, 60),
      () => rotateOwn(race, first, third),
    );
    assert.equal(waited, false);
    assert.deepEqual(await goodOf(race), [first, second]);
  },

  "two rotations of one agent at once → the later one's secret, beside the current one": async (race) => {
    const waited = await during(
      race,
      (sql) => sql`select public.rotate_own_secret(${race.id}, ${first}, null, ${second}, null)`,
      () => rotateOwn(race, first, third),
    );
    assert.equal(waited, true);
    assert.deepEqual(await goodOf(race), [first, third]);
  },

  "two handshakes with a new secret at once → both are let in, and the one before ends": async (race) => {
    assert.equal(await rotateOwn(race, first, second), true);
    const waited = await during(
      race,
      (sql) => openSession(sql, race.id, second),
      () => open(race, second),
    );
    assert.equal(waited?.epoch, 1);
    assert.deepEqual(await goodOf(race), [second]);
  },

  "a handshake with the old secret that waits for the first one with the new → refused": async (race) => {
    assert.equal(await rotateOwn(race, first, second), true);
    const waited = await during(
      race,
      (sql) => openSession(sql, race.id, second),
      () => open(race, first),
    );
    assert.equal(waited, null);
  },

  "who is refused waits for no row: no load tells that an id is known": async (race) => {
    await withSql(race.address, async (sql) => {
      await sql`begin`;
      await sql`select 1 from public.agents where id = ${race.id} for update`;
      assert.equal(await open(race, second), null);
      assert.equal(await rotateOwn(race, second, third), false);
      await sql`rollback`;
    });
  },

  "a copy and its original in the same moment, 60 times each → one copy, one event, and every beat counts":
    async (race) => {
      const rounds = 60;
      await Promise.all([original, copy].map(async (instance) => {
        for (let seq = 1; seq <= rounds; seq++) {
          assert.equal((await race.database.heartbeats.record([beatOf(race.id, instance, seq)])).length, 1);
        }
      }));
      await beatInTurn(race, rounds + 3, rounds + 1);
      const agent = await race.database.agents.get(race.id, null);
      assert.deepEqual(agent?.copies.map(({ instance_id }) => instance_id), [copy]);
      const rows = await withSql(
        race.address,
        async (sql) =>
          await sql`select b.heartbeats_count::integer as beats,
          (select count(*)::integer from public.agent_events where kind = 'copy_seen') as events
          from public.agent_beats as b`,
      );
      assert.deepEqual([...rows], [{ beats: 2 * rounds + 6, events: 1 }]);
    },

  "lists of copied agents in different orders at once → no deadlock": async (race) => {
    const ids = [race.id];
    while (ids.length < 12) ids.push(await enroll(race.database));
    const list = (instance: string, seq: number) => ids.map((id) => beatOf(id, instance, seq));
    await Promise.all([original, copy].map(async (instance) => {
      for (let seq = 1; seq <= 30; seq++) {
        const beats = seq % 2 === 0 ? list(instance, seq) : list(instance, seq).reverse();
        const verdicts = await race.database.heartbeats.record(beats);
        assert.ok(verdicts.every((verdict) => verdict !== null));
      }
    }));
  },

  "a copy that is adopted twice at once → one agent": async (race) => {
    await beatInTurn(race, 3);
    const adopt = () => race.database.copies.adopt(race.id, { instanceId: copy, ownerLimit: null, ...key });
    const adopted = await Promise.all([adopt(), adopt(), adopt(), adopt()]);
    assert.ok(adopted.every((one) => one !== null && typeof one === "object"));
    const rows = await withSql(race.address, async (sql) => await sql`select id from public.agents`);
    assert.equal(rows.length, 2);
  },

  "a copy that gets its identity while it is revoked → the identity opens no session": async (race) => {
    await beatInTurn(race, 3);
    await race.database.copies.adopt(race.id, { instanceId: copy, ownerLimit: null, ...key });
    const identified = await during(
      race,
      (sql) =>
        sql`select public.revoke_copy(${race.id}, null, ${copy}, ${JSON.stringify(key.act)}::text::jsonb)`,
      () => race.database.copies.identify(race.id, copy, third),
    );
    assert.equal(identified, null);
    const rows = await withSql(race.address, async (sql) => await sql`select id from public.agents`);
    assert.deepEqual([...rows], [{ id: race.id }]);
  },

  "lists of one server → all of them over one connection, and over another when that is lost": async (
    { address, id },
  ) => {
    const store = await openPostgres(address);
    const { heartbeats, health } = databaseOver(store.call);
    // So that there are others that a list could take.
    await Promise.all(Array.from({ length: 8 }, () => health.ping()));
    const recorders = (): Promise<number[]> =>
      withSql(address, async (sql) => {
        const rows = await sql`
          select pid from pg_stat_activity
          where datname = current_database() and query like 'select public.record_heartbeats(%' and state = 'idle'`;
        return rows.map(({ pid }) => Number(pid));
      });
    const others = await recorders();
    for (let seq = 1; seq <= 5; seq++) await heartbeats.record([beatOf(id, original, seq)]);
    const [first = 0, ...more] = (await recorders()).filter((pid) => !others.includes(pid));
    assert.deepEqual(more, []);
    await withSql(address, async (sql) => void await sql`select pg_terminate_backend(${first}, 5000)`);
    await until("a beat to be recorded", async () => {
      // The first one may be sent on the connection that is gone.
      const verdicts = await heartbeats.record([beatOf(id, original, 6)]).catch(() => null);
      return verdicts?.[0]?.heartbeatIntervalSeconds === 60;
    });
    assert.ok(!(await recorders()).includes(first));
    await store.close();
  },
};

postgresPart.test("what happens to secrets and copies at once", async (bin, context) => {
  await using server = await startPostgres(bin);
  const address = await server.createDatabase();
  // One server sends lists of beats one after the other, and handshakes likewise. By turns, those of two of them meet.
  const stores = [await openPostgres(address), await openPostgres(address)] as const;
  let turn = 0;
  const database = databaseOver((call) => stores[turn++ % 2 === 0 ? 0 : 1].call(call));
  for (const [name, race] of Object.entries(races)) {
    await context.step(name, async () => {
      await execute(address, "truncate public.agents, public.agent_events cascade");
      await race({ address, database, id: await enroll(database) });
    });
  }
  for (const store of stores) await store.close();
});

/** An agent with the secret "a", whose original has shaken hands, and then its copy. */
async function enroll(database: Database): Promise<string> {
  const agent = await database.agents.create({
    name: "an agent",
    labels: {},
    heartbeatIntervalSeconds: 60,
    progressDeadlineSeconds: null,
    ownerId: null,
    ownerLimit: null,
    secretDigest: first,
    act: key.act,
  });
  assert.ok(typeof agent === "object");
  for (const instanceId of [original, copy]) {
    const credentials = { agentId: agent.id, secretDigest: first, instanceId };
    await database.sessions.open(credentials, { client, address: null });
  }
  return agent.id;
}

/** What an act comes to that had to wait for another one, which is not committed before the first one waits. */
async function during<Result>(
  { address }: Race,
  act: (sql: postgres.Sql) => PromiseLike<unknown>,
  waits: () => Promise<Result>,
  waiting = 1,
): Promise<Result> {
  return await withSql(address, async (sql) => {
    await sql`begin`;
    await act(sql);
    const result = waits();
    await someWait(address, waiting);
    await sql`commit`;
    return await result;
  });
}

function openSession(sql: postgres.Sql, id: string, secretDigest: string) {
  const handshakes = JSON.stringify([{ agent_id: id, secret_digest: secretDigest, client: {} }]);
  return sql`select public.open_sessions(${handshakes}::text::jsonb)`;
}

function rotate(sql: postgres.Sql, id: string, secretDigest: string, overlap: number) {
  const act = JSON.stringify(key.act);
  return sql`select public.rotate_secret(${id}, null, ${secretDigest}, ${overlap}, ${act}::text::jsonb)`;
}

async function open({ database, id }: Race, secretDigest: string, instanceId: string | null = null) {
  return await database.sessions.open({ agentId: id, secretDigest, instanceId }, { client, address: null });
}

async function rotateOwn({ database, id }: Race, secretDigest: string, pendingDigest: string) {
  const credentials = { agentId: id, secretDigest, instanceId: null };
  return await database.secrets.rotateOwn(credentials, { pendingDigest, address: null });
}

/** The secrets that are good, as the row has them: the current, the previous in its overlap, the pending one. */
async function goodOf({ address, id }: Race): Promise<unknown[]> {
  const [row] = await withSql(address, async (sql) =>
    await sql`select agent_secret, pending_secret,
        case when previous_secret_expires_at > now() then previous_secret end as previous_secret
      from public.agents where id = ${id}`);
  return Object.values(row ?? {}).filter((one) => one !== null).sort();
}

async function beatInTurn({ database, id }: Race, until: number, from = 1): Promise<void> {
  for (let seq = from; seq <= until; seq++) {
    for (const instance of [original, copy]) await database.heartbeats.record([beatOf(id, instance, seq)]);
  }
}

function beatOf(agentId: string, instanceId: string, seq: number) {
  const said = {
    status: "healthy",
    message: null,
    metrics: {},
    clockOffsetSeconds: null,
    work: null,
    backInSeconds: null,
  };
  return { agentId, epoch: 1, instanceId, seq, ...said };
}

function digest(letter: string): string {
  return `sha256:${letter.repeat(64)}`;
}
