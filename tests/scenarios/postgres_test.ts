import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { stopStories } from "./process_stories.ts";
import { postgresStage } from "./stage.ts";
import { playAll } from "./stories.ts";

const postgres = await part("Postgres 15 or later", findPostgres);

postgres.test("the stories over a real Postgres", async (bin, test) => {
  await using server = await startPostgres(bin);
  await using stage = await postgresStage(server);
  // With which keys it starts has nothing to do with the rows: that story is told over PGlite.
  await playAll(stage, test, stopStories);
});
