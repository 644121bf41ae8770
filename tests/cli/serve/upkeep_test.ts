import assert from "node:assert/strict";
import { upkeepJob } from "../../../cli/serve/upkeep.ts";
import { Log } from "../../../supabase/functions/_shared/log.ts";

Deno.test("upkeep runs at the start and each minute, and what it had to correct is one line", async () => {
  const lines: string[] = [];
  const found = [["a", "b"], []];
  const health = {
    ping: () => Promise.resolve({ tick: null }),
    upkeep: () => Promise.resolve(found.shift() ?? []),
  };
  const job = upkeepJob({ health }, new Log((line) => lines.push(line)));
  assert.equal(job.everyMs, 60_000);
  assert.equal(job.atStart, true);
  await job.run();
  await job.run();
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /"level":"warn".*beats of the future.*"count":2,"agents":"a b"/);
});
