import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { postgresStage } from "./stage.ts";
import { playAll } from "./stories.ts";

const postgres = await part("Postgres 15 or later", findPostgres);

postgres.test("the stories over a real Postgres", async (bin, test) => {
  const stage = postgresStage(await startPostgres(bin));
  try {
    await playAll(stage, test);
  } finally {
    await stage.remove();
  }
});
