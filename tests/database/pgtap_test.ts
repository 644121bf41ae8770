import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { findPostgres, hasExtension, withPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { run } from "../_support/run.ts";
import { addExtension } from "../_support/sql.ts";

const folder = fileURLToPath(new URL("../../supabase/tests/database/", import.meta.url));

const pgtap = await part("Postgres 15 or later with pgTAP and pg_prove", async () => {
  const bin = await findPostgres();
  if (bin === null || !await hasExtension(bin, "pgtap")) return null;
  return await run("pg_prove", ["--version"]) === null ? null : bin;
});

pgtap.test("each actor may do in SQL what is promised, and nothing else", async (bin) => {
  await withPostgres(bin, async (postgres) => {
    const address = await postgres.createDatabase();
    await (await openPostgres(address)).close();
    await addExtension(address, "pgtap");
    const files = await sqlFiles();
    assert.ok(files.length > 0, "there is no pgTAP file");
    await prove(address, files);
  });
});

async function sqlFiles(): Promise<string[]> {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (name.endsWith(".sql")) files.push(name);
  return files.sort();
}

async function prove(address: string, files: string[]): Promise<void> {
  const ended = await run("pg_prove", ["--norc", "--nocolor", "--failures", "--dbname", address, ...files], {
    cwd: folder,
  });
  assert.equal(ended?.code, 0, `${ended?.stdout}${ended?.stderr}`);
  for (const file of files) assert.match(ended.stdout, new RegExp(`^${RegExp.escape(file)} \\.+ ok$`, "m"));
  assert.match(ended.stdout, /^Result: PASS$/m);
}
