import assert from "node:assert/strict";
import { isThere, run } from "../../_support/program.ts";
import { assertRefused } from "../../_support/refused.ts";
import { temporaryFolder } from "../../_support/server.ts";

const wrong: { args: string[]; env?: Record<string, string>; says: RegExp }[] = [
  { args: [], env: { AGENT_SESSION_TTL_SECONDS: "5" }, says: /AGENT_SESSION_TTL_SECONDS is "5"/ },
  { args: ["--public-url", "nonsense"], says: /--public-url is not an address/ },
  { args: [], env: { AGENT_JWT_KEYS: "nonsense" }, says: /AGENT_JWT_KEYS/ },
];

for (const { args, env = {}, says } of wrong) {
  const line = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), "openclaw serve", ...args];
  Deno.test(`${line.join(" ")} → usage, one hint, and no operator's key is made`, async () => {
    await using home = await temporaryFolder();
    assertRefused(await run(["serve", ...args], { home: home.path, env }), 2, says);
    assert.equal(await isThere(`${home.path}/openclaw-data/operator-key`), false);
  });
}
