import assert from "node:assert/strict";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { StartError } from "../../cli/serve/start_error.ts";
import { type Database, databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { findPostgres, startPostgres, type TestPostgres } from "../_support/postgres.ts";
import { plainBeat } from "../_support/record_beats.ts";
import { part } from "../_support/require.ts";
import { asUser, catalogSnapshot, databaseName, execute, withSql } from "../_support/sql.ts";
import { supabaseLike } from "../_support/supabase_platform.ts";

const platform = new URL("../../cli/serve/store/platform.sql", import.meta.url);
const digest = `sha256:${"a".repeat(64)}`;

const postgres = await part("Postgres 15 or later", findPostgres);

type Step = (server: TestPostgres, original?: string) => Promise<void>;

const onSupabase: Record<string, Step> = {
  "a database that has Supabase's platform → ours changes nothing in it": async (server, original) => {
    const address = await server.createDatabase(original);
    const before = await catalogSnapshot(address);
    await execute(address, await Deno.readTextFile(platform));
    assert.deepEqual(await catalogSnapshot(address), before);
  },
  "Supabase's platform, and its owner who is not a superuser → the server migrates and serves": async (
    server,
    original,
  ) => {
    const admin = await server.createDatabase(original);
    await execute(admin, `grant create on database ${databaseName(admin)} to project_owner;`);
    const address = asUser(admin, "project_owner");
    await assertServes(address);
    const granted = await withSql(address, async (sql) => [
      ...await sql`select grantee, privilege_type, table_name from information_schema.role_table_grants
        where table_schema = 'public' and grantee <> 'project_owner'
          and (grantee = 'anon' or privilege_type <> 'SELECT')
          -- From which tables the service role deletes is asserted where all grants are, in privileges.sql.
          and (grantee, privilege_type) <> ('service_role', 'DELETE')`,
    ]);
    assert.deepEqual(granted, [], "the platform's default privileges are taken back");
  },
};

/** In this order: the first one needs a Postgres on which nobody has made the API's roles. */
const onPlain: Record<string, Step> = {
  "a role that may not create roles → a StartError that says so, and nothing is touched": async (server) => {
    const address = await ownDatabase(server, "login nocreaterole");
    const admin = asUser(address, "postgres");
    const before = await catalogSnapshot(admin);
    const error = await startError(address);
    assert.match(error.message, /^Cannot use the database: permission denied to create role/);
    assert.match(error.hint, /create roles/);
    assert.deepEqual(await catalogSnapshot(admin), before);
  },
  "a plain database that has been given our platform → a second time changes nothing": async (server) => {
    const address = await server.createDatabase();
    const plain = await catalogSnapshot(address);
    await execute(address, await Deno.readTextFile(platform));
    const before = await catalogSnapshot(address);
    assert.notDeepEqual(before, plain);
    await execute(address, await Deno.readTextFile(platform));
    assert.deepEqual(await catalogSnapshot(address), before);
  },
  "a role that is not a superuser, with a database of its own → the server migrates and serves": async (
    server,
  ) => assertServes(await ownDatabase(server, "login createrole")),
  "a migration of a newer openclaw in the history → a StartError that names it, and nothing is touched":
    async (server) => {
      const fresh = await server.createDatabase();
      await execute(fresh, history);
      const migrated = await server.createDatabase();
      await (await openPostgres(migrated)).close();
      for (const address of [fresh, migrated]) {
        await execute(address, remember("29990101000000", "'openclaw_future'"));
        const before = await catalogSnapshot(address);
        assert.match((await startError(address)).message, /newer openclaw has migrated it to 29990101000000/);
        assert.deepEqual(await catalogSnapshot(address), before);
      }
    },
  "a stranger's schema, table or function in a place of ours → a StartError that names its owner, and none of it runs":
    async (server) => {
      const planted: [what: string, sql: string][] = [
        ["schema supabase_migrations", history + trap],
        ["table supabase_migrations.schema_migrations", history + trap],
        ["schema auth", "create schema auth;"],
        ["function auth.uid", "create function auth.uid() returns uuid language sql as 'select null::uuid';"],
      ];
      await execute(await server.createDatabase(), "create role mallory login nosuperuser;");
      for (const [what, sql] of planted) {
        const address = await server.createDatabase();
        await execute(address, `grant create on database ${databaseName(address)} to mallory;`);
        if (what === "function auth.uid") {
          await execute(address, "create schema auth; grant create, usage on schema auth to mallory;");
        }
        await execute(asUser(address, "mallory"), sql);
        if (what.startsWith("table")) {
          await execute(address, "alter schema supabase_migrations owner to postgres;");
        }
        const before = await catalogSnapshot(address);
        assert.ok((await startError(address)).message.includes(`its ${what} belongs to "mallory"`), what);
        assert.deepEqual(await catalogSnapshot(address), before);
      }
      const roles = await withSql(await server.createDatabase(), async (sql) => [
        ...await sql`select rolsuper from pg_roles where rolname = 'mallory'`,
      ]);
      assert.deepEqual(roles, [{ rolsuper: false }]);
    },
  "somebody else's migrations in the history → no obstacle, and they stay": async (server) => {
    const address = await server.createDatabase();
    await execute(
      address,
      history + remember("29990101000000", "'their_own'") + remember("20200101000000", "null"),
    );
    await assertServes(address);
    const theirs = await withSql(address, async (sql) => [
      ...await sql`select version, name from supabase_migrations.schema_migrations
        where name is null or name not like 'openclaw_%' order by version`,
    ]);
    assert.deepEqual(theirs, [
      { version: "20200101000000", name: null },
      { version: "29990101000000", name: "their_own" },
    ]);
  },
  "five servers that start together on a new database → one migration, and all of them serve": async (
    server,
  ) => {
    const address = await server.createDatabase();
    const stores = await Promise.all(Array.from({ length: 5 }, () => openPostgres(address)));
    for (const { call, close } of stores) {
      await databaseOver(call).health.ping();
      await close();
    }
  },
};

postgres.test("a Postgres with Supabase's platform", async (bin, context) => {
  await using server = await startPostgres(bin);
  const original = await server.createDatabase();
  await execute(original, supabaseLike);
  for (const [name, step] of Object.entries(onSupabase)) {
    await context.step(name, () => step(server, original));
  }
});

postgres.test("a plain Postgres, also by an IPv6 address", async (bin, context) => {
  await using server = await startPostgres(bin, ["listen_addresses=127.0.0.1,::1"]);
  for (const [name, step] of Object.entries(onPlain)) await context.step(name, () => step(server));
  await context.step("a database URL with an IPv6 address → the server migrates and serves", async () => {
    await assertServes((await server.createDatabase()).replace("127.0.0.1", "[::1]"));
  });
});

/** As the supabase CLI makes it, with columns that we do not know. */
const history = `
  create schema supabase_migrations;
  create table supabase_migrations.schema_migrations (
    version text primary key, statements text[], name text, created_by text, idempotency_key text unique
  );
`;

/** Makes a superuser of its owner as soon as one writes to the history. */
const trap = `
  create function supabase_migrations.trap() returns trigger language plpgsql as
    'begin execute ''alter role mallory superuser''; return new; end';
  create trigger trap before insert on supabase_migrations.schema_migrations
    for each row execute function supabase_migrations.trap();
`;

function remember(version: string, name: string): string {
  return `insert into supabase_migrations.schema_migrations (version, name) values ('${version}', ${name});`;
}

async function assertServes(address: string): Promise<void> {
  const store = await openPostgres(address);
  try {
    await liveOneAgent(databaseOver(store.call));
  } finally {
    await store.close();
  }
  await (await openPostgres(address)).close();
}

async function liveOneAgent(database: Database): Promise<void> {
  const agent = await database.agents.create({
    name: "an agent",
    labels: {},
    heartbeatIntervalSeconds: 60,
    progressDeadlineSeconds: null,
    ownerId: null,
    ownerLimit: null,
    secretDigest: digest,
    act: { actor: "key:default", address: null },
  });
  assert.ok(typeof agent === "object");
  const credentials = { agentId: agent.id, secretDigest: digest, instanceId: null };
  const session = await database.sessions.open(credentials, { client: {}, address: null });
  assert.equal(session?.epoch, 1);
  const beat = plainBeat(agent.id);
  assert.deepEqual(await database.heartbeats.record([beat]), [{ heartbeatIntervalSeconds: 60 }]);
  assert.equal((await database.agents.get(agent.id, null))?.liveness, "online");
  assert.equal(
    (await database.agents.revoke(agent.id, { ownerId: null, act: { actor: "key:default", address: null } }))
      ?.liveness,
    "revoked",
  );
  assert.deepEqual(await database.heartbeats.record([beat]), [null]);
}

/** The address, for its owner, of a database whose owner is a new role. */
async function ownDatabase(server: TestPostgres, attributes: string): Promise<string> {
  const address = await server.createDatabase();
  const owner = `owner_of_${databaseName(address)}`;
  await execute(
    address,
    `create role ${owner} ${attributes}; alter database ${databaseName(address)} owner to ${owner};`,
  );
  return asUser(address, owner);
}

async function startError(address: string): Promise<StartError> {
  const [result] = await Promise.allSettled([openPostgres(address)]);
  assert.ok(result.status === "rejected" && result.reason instanceof StartError, "the start was not refused");
  return result.reason;
}
