import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { required } from "../_support/require.ts";
import { postgresStage } from "./stage.ts";
import { stories } from "./stories.ts";

const bin = await findPostgres();

Deno.test({
  ...required(
    "the stories over a real Postgres",
    bin === null ? "no Postgres 15 or later is installed" : null,
  ),
  async fn(test) {
    if (bin === null) return;
    const stage = postgresStage(await startPostgres(bin));
    try {
      for (const { name, play } of stories) await test.step(name, () => play(stage));
    } finally {
      await stage.remove();
    }
  },
});
