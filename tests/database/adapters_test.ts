import assert from "node:assert/strict";
import { Log } from "../../supabase/functions/_shared/log.ts";
import { PGlite } from "@electric-sql/pglite";
import { join } from "node:path";
import { openPglite } from "../../cli/serve/store/pglite.ts";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { batching } from "../../supabase/functions/_shared/database/batch.ts";
import { databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { supabaseDatabase } from "../../supabase/functions/_shared/database/supabase.ts";
import { digestSecret } from "../../supabase/functions/_shared/secret.ts";
import { scenarios, type Subject } from "../_support/database_scenarios.ts";
import { newAgent } from "../_support/scenario_agents.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { plainBeat } from "../_support/record_beats.ts";
import { part } from "../_support/require.ts";
import { withFolderInMemory } from "../_support/server.ts";
import { databaseName, withSql } from "../_support/sql.ts";
import { until } from "../_support/wait.ts";
import { findSupabaseApi, startSupabaseApi, supabaseApiParts } from "../_support/supabase_api.ts";

const userId = "a0000000-0000-4000-8000-000000000001";
const platform = new URL("../../cli/serve/store/platform.sql", import.meta.url);
const addUser = "insert into auth.users (id) values ($1)";

const supabase = await part(supabaseApiParts, findSupabaseApi);
const postgres = await part("Postgres 15 or later", findPostgres);

supabase.test("supabase-js over PostgREST keeps the port's promises", async (parts, context) => {
  await using api = await startSupabaseApi(parts);
  const [userId] = api.userIds;
  await runAll(context, { database: supabaseDatabase(api.url, api.secretKey), userId });
});

postgres.test(
  "postgres.js over Postgres keeps the port's promises, and as behind a transaction pooler",
  async (bin, context) => {
    await using server = await startPostgres(bin);
    const direct = await server.createDatabase();
    await context.step("over Postgres", (inner) => runOver(inner, direct, { thenAddUserBy: direct }));
    const demoted = await server.createDatabase();
    await context.step(
      "sessions that may not write → unavailable, health too, and good within 10 s once new ones may",
      () => demote(demoted),
    );
    const ended = await server.createDatabase();
    for (
      const [how, way] of [["directly", ""], ["as behind a transaction pooler", "?prepare=false"]] as const
    ) {
      await context.step(
        `sessions that end under a call, ${how} → that call is unavailable, and none after it`,
        () => endSessions(ended, way),
      );
    }
    const listed = await server.createDatabase();
    await context.step(
      "a session that ends under two lists of handshakes → they are unavailable, and none after them",
      () => endHandshakes(listed),
    );
    const pooled = await server.createDatabase();
    await context.step(
      "as behind a transaction pooler",
      (inner) => runOver(inner, `${pooled}?prepare=false`, { thenAddUserBy: pooled }),
    );
  },
);

Deno.test("PGlite keeps the port's promises", (context) =>
  withFolderInMemory(async (parent) => {
    const folder = join(parent, "postgres");
    await begin(folder, context);
    const { call, close } = await openPglite(optionsOf(folder));
    try {
      await runAll(context, { database: databaseOver(call), userId });
    } finally {
      await close();
    }
  }));

/** A PGlite with the user, as its superuser makes it. */
async function begin(folder: string, context: Deno.TestContext): Promise<void> {
  await using owner = await PGlite.create({ dataDir: folder });
  await context.step(
    "a user who may make roles and is not a superuser, on Postgres 16 or later → may become the service role",
    () => becomeServiceRole(owner),
  );
  await owner.exec(await Deno.readTextFile(platform));
  await owner.query(addUser, [userId]);
}

/** Leaves nothing behind. */
async function becomeServiceRole(database: PGlite): Promise<void> {
  const { rows } = await database.query<{ version: number }>(
    "select current_setting('server_version_num')::integer as version",
  );
  assert.ok((rows[0]?.version ?? 0) >= 160000, "PGlite is older than the rule that this is about");
  await database.exec(
    "begin; create role maker createrole; grant create on database postgres to maker; set local role maker;",
  );
  await database.exec(await Deno.readTextFile(platform));
  await database.exec("set local role service_role");
  assert.deepEqual((await database.query("select current_user as name")).rows, [{ name: "service_role" }]);
  await database.exec("rollback");
}

async function runOver(
  context: Deno.TestContext,
  address: string,
  { thenAddUserBy }: { thenAddUserBy: string },
): Promise<void> {
  const { call, close } = await openPostgres(address);
  try {
    await withSql(thenAddUserBy, async (sql) => void await sql.unsafe(addUser, [userId]));
    await runAll(context, { database: databaseOver(call), userId });
  } finally {
    await close();
  }
}

/** As after a failover that leaves the connections: every session that is open stays one that may not write. */
async function demote(address: string): Promise<void> {
  const { call, close } = await openPostgres(address);
  const { agents, health, heartbeats } = databaseOver(call);
  const create = () => agents.create(newAgent);
  const made = await create();
  assert.ok(typeof made === "object");
  await heartbeats.record([plainBeat(made.id)]);
  const beat = () => heartbeats.recordOrdinary([plainBeat(made.id)]);
  // From another database, whose sessions may write.
  const mayWrite = (value: "on" | "off") =>
    withSql(new URL("/postgres", address).href, (sql) =>
      sql.unsafe(
        `alter database ${databaseName(address)} set default_transaction_read_only = ${
          value === "on" ? "off" : "on"
        }`,
      ));
  try {
    await mayWrite("off");
    await withSql(
      address,
      (sql) =>
        sql.unsafe(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
        ),
    );
    for (const work of [create, health.ping, beat, create, health.ping, beat]) {
      await assert.rejects(work(), { code: "unavailable" });
    }
    await mayWrite("on");
    // A connection that was told that it may not write is given up; once they were kept for minutes.
    await until("a write that is taken", () => create().then(() => true, () => null));
    await until("a database that says so", () => health.ping().then(() => true, () => null));
    await until("an ordinary beat", () => beat().then(([verdict]) => verdict, () => null));
  } finally {
    await close();
  }
}

const waiting = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

/** Of all connections that the server has for such calls: the next calls go by the same ones. */
async function endSessions(address: string, way: string): Promise<void> {
  const { call, close } = await openPostgres(address + way);
  const { agents, health } = databaseOver(call);
  const count = 5;
  try {
    await withSql(address, (holder) =>
      holder.begin(async (transaction) => {
        await transaction`lock table public.agents`;
        const calls = Promise.allSettled(Array.from({ length: count }, () => agents.create(newAgent)));
        await withSql(address, async (sql) => {
          await until("all calls to wait", async () =>
            (await sql.unsafe(`select 1 ${waiting}`)).length === count);
          await sql.unsafe(`select pg_terminate_backend(pid) ${waiting}`);
        });
        for (const result of await calls) {
          assert.ok(result.status === "rejected");
          assert.equal(result.reason.code, "unavailable");
        }
      }));
    const pings = await Promise.allSettled(Array.from({ length: count }, () => health.ping()));
    assert.deepEqual(pings.filter(({ status }) => status === "rejected"), []);
  } finally {
    await close();
  }
}

/** Of the one connection that the server has for lists of handshakes. */
async function endHandshakes(address: string): Promise<void> {
  const store = await openPostgres(address);
  const { sessions } = batching(databaseOver(store.call), store);
  const open = (_: unknown, place: number): Promise<unknown> => {
    const secretDigest = digestSecret(`secret ${place}`);
    const credentials = { agentId: crypto.randomUUID(), secretDigest, instanceId: null };
    return sessions.open(credentials, { client: {}, address: null });
  };
  try {
    // postgres.js sends nothing behind a statement that this connection has not had before.
    await open(null, 0);
    const results = await withSql(address, (holder) =>
      holder.begin(async (transaction) => {
        await transaction`lock table public.agents`;
        // One by itself, then 16 together; the others wait for one of these lists.
        const calls = Promise.allSettled(Array.from({ length: 20 }, open));
        await withSql(address, async (sql) => {
          await until("the first one to wait", async () =>
            (await sql.unsafe(`select pg_terminate_backend(pid) ${waiting}`)).length > 0);
        });
        // Not the promise itself: it would be waited for, and the last ones wait for this lock.
        return { calls };
      }));
    const states = (await results.calls).map((result) =>
      result.status === "fulfilled" ? result.value : result.reason.code
    );
    assert.deepEqual(states, [...Array(17).fill("unavailable"), ...Array(3).fill(null)]);
  } finally {
    await store.close();
  }
}

async function runAll(context: Deno.TestContext, subject: Subject): Promise<void> {
  for (const [name, scenario] of Object.entries(scenarios)) {
    await context.step(name, () => scenario(subject));
  }
}

function optionsOf(folder: string): Parameters<typeof openPglite>[0] {
  return { folder, snapshots: `${folder}-snapshots`, restore: false, log: new Log(() => undefined) };
}
