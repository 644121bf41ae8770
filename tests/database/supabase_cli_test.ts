import assert from "node:assert/strict";
import { join } from "node:path";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { findPostgres, hasExtension, type TestPostgres, withPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { succeed } from "../_support/run.ts";
import { addExtension, catalogSnapshot, execute } from "../_support/sql.ts";
import { format, generateTypes, hasSupabaseCli, migrationFiles, supabase } from "../_support/supabase_cli.ts";

const platform = new URL("../../cli/serve/store/platform.sql", import.meta.url);
const types = new URL("../../supabase/functions/_shared/database/database.types.ts", import.meta.url);

const cli = await part("Postgres 15 or later with plpgsql_check, and the supabase CLI from npm", async () => {
  const bin = await findPostgres();
  if (bin === null || !await hasExtension(bin, "plpgsql_check")) return null;
  return await hasSupabaseCli() ? bin : null;
});

cli.test(
  "the supabase CLI finds nothing wrong with the schema",
  (bin, context) =>
    withPostgres(bin, async (postgres) => {
      const address = await platformDatabase(postgres);
      await context.step("db push applies every migration", async () => {
        const { stderr } = await push(address);
        const applied = [...stderr.matchAll(/^Applying migration (.*)\.\.\.$/gm)].map(([, name]) =>
          `migrations/${name}`
        );
        assert.deepEqual(applied, await migrationFiles());
      });
      await context.step(
        "a second db push finds nothing to do, and does nothing",
        () => assertUpToDate(address),
      );
      await context.step("the embedded server finds that schema complete, and touches nothing", async () => {
        const before = await catalogSnapshot(address);
        const store = await openPostgres(address);
        await databaseOver(store.call).health.ping();
        await store.close();
        assert.deepEqual(await catalogSnapshot(address), before);
      });
      await liveBesideServer(postgres, address, context);
      await addExtension(address, "plpgsql_check");
      await context.step("db lint finds no fault", async () => {
        const { stderr } = await supabase(["db", "lint", `--remote=${address}`, "--fail-on", "warning"]);
        assert.match(stderr, /^Linting schema: public$/m);
        assert.match(stderr, /No schema errors found/);
      });
      await context.step("db advisors has no warning", async () => {
        await supabase(["db", "advisors", `--remote=${address}`, "--level", "info", "--fail-on", "warn"]);
      });
      await context.step("gen types gives the committed database.types.ts", async () => {
        const committed = await format(await Deno.readTextFile(types));
        assert.equal(await generateTypes(address), committed, 'stale: "deno task types" writes it anew');
      });
    }),
);

/** The same for a database that the embedded server migrated. */
async function liveBesideServer(
  postgres: TestPostgres,
  pushed: string,
  context: Deno.TestContext,
): Promise<void> {
  const address = await postgres.createDatabase();
  await (await openPostgres(address)).close();
  await context.step(
    "db push finds nothing to do where the embedded server has migrated",
    () => assertUpToDate(address),
  );
  await context.step("both make the same schema, to the last grant", async () => {
    assert.equal(await dump(postgres, address), await dump(postgres, pushed));
  });
}

/** A new database with what Supabase would have brought. */
async function platformDatabase(postgres: TestPostgres): Promise<string> {
  const address = await postgres.createDatabase();
  await execute(address, await Deno.readTextFile(platform));
  return address;
}

function push(address: string): ReturnType<typeof supabase> {
  return supabase(["db", "push", `--remote=${address}`, "--yes"]);
}

async function assertUpToDate(address: string): Promise<void> {
  const before = await catalogSnapshot(address);
  const { stdout, stderr } = await push(address);
  assert.match(stdout, /^Remote database is up to date\.$/m);
  assert.doesNotMatch(stderr, /Applying/);
  assert.deepEqual(await catalogSnapshot(address), before);
}

async function dump({ bin }: TestPostgres, address: string): Promise<string> {
  const { stdout } = await succeed(join(bin, "pg_dump"), ["--schema-only", "--dbname", address]);
  // Postgres puts a random word around each dump.
  return stdout.replace(/^\\(un)?restrict .*$/gm, "");
}
