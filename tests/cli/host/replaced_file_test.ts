import assert from "node:assert/strict";
import { join } from "node:path";
import { readPrivateFile } from "../../../cli/host/private_file.ts";
import { withFolder } from "../../_support/server.ts";

Deno.test("a private file that others replace all the time is read whole, each time", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "credentials.json");
    const replace = (round: number): void => {
      Deno.writeTextFileSync(`${path}.new`, `${round}`, { mode: 0o600 });
      Deno.renameSync(`${path}.new`, path);
    };
    replace(0);
    let isOver = false;
    const replacing = (async () => {
      for (let round = 1; !isOver; round += 1) {
        replace(round);
        // The reader has its turn at each of its steps.
        await new Promise((next) => setTimeout(next));
      }
    })();
    for (let read = 0; read < 500; read += 1) {
      const found = await readPrivateFile(path);
      assert.ok(found !== null && "text" in found, JSON.stringify(found));
      assert.match(found.text, /^\d+$/);
    }
    isOver = true;
    await replacing;
  });
});
