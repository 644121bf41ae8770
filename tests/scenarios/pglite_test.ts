import { pgliteStage } from "./stage.ts";
import { stories } from "./stories.ts";

Deno.test("the stories over PGlite", async (test) => {
  const stage = await pgliteStage();
  try {
    for (const { name, play } of stories) await test.step(name, () => play(stage));
  } finally {
    await stage.remove();
  }
});
