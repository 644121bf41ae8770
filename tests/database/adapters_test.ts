import { Log } from "../../supabase/functions/_shared/log.ts";
import { PGlite } from "@electric-sql/pglite";
import { join } from "node:path";
import { openPglite } from "../../cli/serve/store/pglite.ts";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { supabaseDatabase } from "../../supabase/functions/_shared/database/supabase.ts";
import { scenarios, type Subject } from "../_support/database_scenarios.ts";
import { findPostgres, withPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { withFolder } from "../_support/server.ts";
import { withSql } from "../_support/sql.ts";
import { findSupabaseApi, startSupabaseApi, supabaseApiParts } from "../_support/supabase_api.ts";

const userId = "a0000000-0000-4000-8000-000000000001";
const addUser = "insert into auth.users (id) values ($1)";

const supabase = await part(supabaseApiParts, findSupabaseApi);
const postgres = await part("Postgres 15 or later", findPostgres);

supabase.test("supabase-js over PostgREST keeps the port's promises", async (parts, context) => {
  await using api = await startSupabaseApi(parts);
  const [userId] = api.userIds;
  await runAll(context, { database: supabaseDatabase(api.url, api.secretKey), userId });
});

postgres.test(
  "postgres.js over Postgres keeps the port's promises",
  (bin, context) =>
    withPostgres(bin, async (server) => {
      const address = await server.createDatabase();
      await runOver(context, address, { thenAddUserBy: address });
    }),
);

postgres.test(
  "postgres.js as behind a transaction pooler keeps the port's promises",
  (bin, context) =>
    withPostgres(bin, async (server) => {
      const address = await server.createDatabase();
      await runOver(context, `${address}?prepare=false`, { thenAddUserBy: address });
    }),
);

Deno.test("PGlite keeps the port's promises", (context) =>
  withFolder(async (parent) => {
    const folder = join(parent, "postgres");
    await (await openPglite(optionsOf(folder))).close();
    const owner = await PGlite.create({ dataDir: folder });
    await owner.query(addUser, [userId]);
    await owner.close();
    const { call, close } = await openPglite(optionsOf(folder));
    try {
      await runAll(context, { database: databaseOver(call), userId });
    } finally {
      await close();
    }
  }));

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

async function runAll(context: Deno.TestContext, subject: Subject): Promise<void> {
  for (const [name, scenario] of Object.entries(scenarios)) {
    await context.step(name, () => scenario(subject));
  }
}

function optionsOf(folder: string): Parameters<typeof openPglite>[0] {
  return { folder, snapshots: `${folder}-snapshots`, restore: false, log: new Log(() => undefined) };
}
