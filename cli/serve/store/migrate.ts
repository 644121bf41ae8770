import { type Connection, type Owner, quote } from "./connection.ts";
import { StartError } from "../start_error.ts";

interface Migration {
  version: string;
  name: string;
  sql: string;
}

const folder = new URL("../../../supabase/migrations/", import.meta.url);
const fileName = /^(\d{14})_(openclaw_\w+)\.sql$/;

/**
 * Brings a database to this version's schema in one transaction. What was applied stands in
 * `supabase_migrations.schema_migrations`, so that the supabase CLI and this server recognize each other's
 * work. On a plain Postgres it first makes what Supabase would have brought.
 *
 * @param connection as the role that owns the schema
 * @throws {StartError} when the database holds a migration of ours that this version does not know, or a schema of
 * a stranger in a place of ours; it is then left as it is.
 */
export async function migrate(database: Owner): Promise<void> {
  await assertNotPlanted(database);
  const migrations = await readMigrations();
  if ((await pendingOf(migrations, database)).length === 0) return;
  await database.exclusively(async (connection) => {
    const pending = await pendingOf(migrations, connection);
    if (pending.length === 0) return;
    await connection.run(await Deno.readTextFile(new URL("platform.sql", import.meta.url)));
    await connection.run(history);
    for (const migration of pending) await apply(connection, migration);
  });
}

const history = `
  create schema if not exists supabase_migrations;
  create table if not exists supabase_migrations.schema_migrations (
    version text not null primary key, statements text[], name text
  );
`;

/** Superusers of Supabase's, though not of its Postgres. */
const supabaseRoles = "'postgres', 'supabase_admin', 'supabase_auth_admin'";

/** Whose triggers and functions run with our rights: those of the history, and of the users that own agents. */
const strangers = `
  select named.what, owner.rolname as owner
  from (
    select 'schema ' || nspname as what, nspowner as oid
      from pg_catalog.pg_namespace where nspname in ('supabase_migrations', 'auth')
    union all
    select 'table ' || nspname || '.' || relname, relowner
      from pg_catalog.pg_class join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
      where (nspname, relname) in (('supabase_migrations', 'schema_migrations'), ('auth', 'users'))
    union all
    select 'function auth.uid', proowner
      from pg_catalog.pg_proc join pg_catalog.pg_namespace on pg_namespace.oid = pronamespace
      where nspname = 'auth' and proname = 'uid'
  ) as named
  join pg_catalog.pg_roles as owner on owner.oid = named.oid
  where not owner.rolsuper and owner.rolname <> current_user and owner.rolname not in (${supabaseRoles})
`;

/** Anybody who may make a schema could have made these, with triggers for us to run. */
async function assertNotPlanted(connection: Connection): Promise<void> {
  const [found] = await connection.rows(strangers);
  if (found === undefined) return;
  throw new StartError(
    `Cannot use this database: its ${found.what} belongs to "${found.owner}", expected the role of the database URL, a superuser or Supabase's`,
    "drop it, give it to that role, or name another database",
  );
}

async function readMigrations(): Promise<Migration[]> {
  const migrations: Migration[] = [];
  for await (const { name: file } of Deno.readDir(folder)) {
    const [, version, name] = fileName.exec(file) ?? [];
    if (version === undefined || name === undefined) continue;
    migrations.push({ version, name, sql: await Deno.readTextFile(new URL(file, folder)) });
  }
  return migrations.sort((a, b) => a.version.localeCompare(b.version));
}

async function pendingOf(migrations: Migration[], connection: Connection): Promise<Migration[]> {
  const applied = await appliedVersions(connection);
  const known = new Set(migrations.map(({ version }) => version));
  for (const [version, name] of applied) {
    if (name.startsWith("openclaw_") && !known.has(version)) {
      throw new StartError(
        `Cannot use this database: a newer openclaw has migrated it to ${version}`,
        "start the version that migrated it, or a later one",
      );
    }
  }
  return migrations.filter(({ version }) => !applied.has(version));
}

async function appliedVersions(connection: Connection): Promise<Map<string, string>> {
  // Not to_regclass: in a transaction that waited for another one's migration, it may answer from before that.
  const [table] = await connection.rows(
    "select exists (select from pg_tables where schemaname = 'supabase_migrations' and tablename = 'schema_migrations') as there",
  );
  if (table?.there !== true) return new Map();
  const rows = await connection.rows(
    "select version, coalesce(name, '') as name from supabase_migrations.schema_migrations",
  );
  return new Map(rows.map(({ version, name }) => [String(version), String(name)]));
}

async function apply(connection: Connection, { version, name, sql }: Migration): Promise<void> {
  const statements = `array[${quote(sql)}]`;
  await connection.run(`${sql}
    insert into supabase_migrations.schema_migrations (version, statements, name)
    values (${quote(version)}, ${statements}, ${quote(name)});`);
}
