import postgres from "postgres";
import { until } from "./wait.ts";

export type Sql = postgres.Sql;

/** Works on a database as the role of its address, and closes the connection. */
export async function withSql<Result>(address: string, work: (sql: Sql) => Promise<Result>): Promise<Result> {
  const sql = postgres(address, { max: 1, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Resolves once so many connections wait for a lock. */
export async function someWait(address: string, connections = 1): Promise<void> {
  await withSql(address, (sql) =>
    until("a connection that waits for a lock", async () => {
      const [row] = await sql`select count(distinct pid)::integer as waiting from pg_locks where not granted`;
      return row?.waiting >= connections;
    }, { everyMs: 10 }));
}

/** Runs any number of statements. */
export async function execute(address: string, statements: string): Promise<void> {
  await withSql(address, async (sql) => void await sql.unsafe(statements).simple());
}

/** The same database for another role. */
export function asUser(address: string, user: string): string {
  const url = new URL(address);
  url.username = user;
  return url.href;
}

export function databaseName(address: string): string {
  return new URL(address).pathname.slice(1);
}

/** Adds an extension where Supabase has them: in a schema that its API roles may use, and that is searched. */
export async function addExtension(address: string, name: string): Promise<void> {
  await execute(
    address,
    `create schema if not exists extensions;
     grant usage on schema extensions to anon, authenticated, service_role;
     create extension ${name} schema extensions;
     alter database ${databaseName(address)} set search_path to "$user", public, extensions;`,
  );
}

const catalogs = [
  "pg_attrdef",
  "pg_attribute",
  "pg_auth_members",
  "pg_authid",
  "pg_class",
  "pg_constraint",
  "pg_db_role_setting",
  "pg_default_acl",
  "pg_depend",
  "pg_description",
  "pg_extension",
  "pg_index",
  "pg_namespace",
  "pg_policy",
  "pg_proc",
  "pg_rewrite",
  "pg_shdepend",
  "pg_trigger",
  "pg_type",
];

/** What every catalog row and the migrations' history are made of: equal when nothing was written, not even the same. */
export async function catalogSnapshot(address: string): Promise<Record<string, unknown>> {
  return await withSql(address, async (sql) => {
    const [history] = await sql`select to_regclass('supabase_migrations.schema_migrations') as there`;
    const tables = history?.there === null ? catalogs : [...catalogs, history?.there];
    const snapshot: Record<string, unknown> = {};
    for (const table of tables) {
      const [row] = await sql.unsafe(
        `select count(*), md5(string_agg(concat(ctid, xmin), ',' order by ctid)) as rows from ${table}`,
      );
      snapshot[table] = row;
    }
    return snapshot;
  });
}
