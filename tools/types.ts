import { openPostgres } from "../cli/serve/store/postgres.ts";
import { findPostgres, withPostgres } from "../tests/_support/postgres.ts";
import { generateTypes } from "../tests/_support/supabase_cli.ts";

// `deno task types`: writes the types of the schema that the migrations make.
const file = new URL("../supabase/functions/_shared/database/database.types.ts", import.meta.url);
const bin = await findPostgres();
if (bin === null) throw new Error("Cannot generate the types: there is no Postgres 15 or later here");
await withPostgres(bin, async (postgres) => {
  const address = await postgres.createDatabase();
  await (await openPostgres(address)).close();
  await Deno.writeTextFile(file, await generateTypes(address));
});
