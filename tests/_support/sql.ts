import postgres from "postgres";

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

/** Runs any number of statements. */
export async function execute(address: string, statements: string): Promise<void> {
  await withSql(address, async (sql) => void await sql.unsafe(statements).simple());
}

/** Adds an extension where Supabase has them, in a schema that its API roles may use. */
export async function addExtension(address: string, name: string): Promise<void> {
  await execute(
    address,
    `create schema if not exists extensions;
     grant usage on schema extensions to anon, authenticated, service_role;
     create extension ${name} schema extensions;`,
  );
}
