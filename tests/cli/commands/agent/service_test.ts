import assert from "node:assert/strict";
import { run } from "../../../_support/program.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { understand } from "../_idle.ts";

// The command line of openclaw service. What it does is in tests/cli/service.

for (const lines of ["x", "0", "-1", "1.5", "", "1000000"]) {
  Deno.test(`openclaw service logs --lines="${lines}" → a usage error`, async () => {
    const message = /argument '.*' is invalid\. It is not a whole number/;
    await assert.rejects(understand(["service", "logs", `--lines=${lines}`]), {
      name: "CommanderError",
      message,
    });
  });
}

Deno.test("openclaw service logs --lines=x → usage", async () => {
  await using home = await temporaryFolder();
  const result = await run(["service", "logs", "--user", "--lines=x"], { home: home.path });
  assertRefused(result, 2, /argument 'x' is invalid\. It is not a whole number/);
});
