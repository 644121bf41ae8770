import { pgliteStage } from "./stage.ts";
import { playAll } from "./stories.ts";

Deno.test("the stories over PGlite", async (test) => {
  const stage = await pgliteStage();
  try {
    await playAll(stage, test);
  } finally {
    await stage.remove();
  }
});
