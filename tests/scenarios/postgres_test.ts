import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { postgresStage } from "./stage.ts";
import { stories } from "./stories.ts";

const postgres = await part("Postgres 15 or later", findPostgres);

postgres.test("the stories over a real Postgres", async (bin, test) => {
  const stage = postgresStage(await startPostgres(bin));
  try {
    for (const { name, play } of stories) await test.step(name, () => play(stage));
  } finally {
    await stage.remove();
  }
});
