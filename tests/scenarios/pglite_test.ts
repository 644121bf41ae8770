import { pgliteStage } from "./stage.ts";
import { playAll } from "./stories.ts";

Deno.test("the stories over PGlite", async (test) => {
  await using stage = await pgliteStage();
  await playAll(stage, test);
});
