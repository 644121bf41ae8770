import assert from "node:assert/strict";
import { isThere, run } from "../../_support/program.ts";
import { assertRefused } from "../../_support/refused.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { understand } from "./_idle.ts";

const wrong: { args: string[]; env?: Record<string, string>; says: RegExp; hint: RegExp }[] = [
  {
    args: [],
    env: { AGENT_SESSION_TTL_SECONDS: "5" },
    says: /AGENT_SESSION_TTL_SECONDS is "5"/,
    hint: /unset AGENT_SESSION_TTL_SECONDS, which has a default/,
  },
  { args: ["--public-url", "nonsense"], says: /--public-url is not an address/, hint: /--public-url https:/ },
  {
    args: [],
    env: { OPENCLAW_PUBLIC_URL: "nonsense" },
    says: /OPENCLAW_PUBLIC_URL is not an address/,
    hint: /--public-url https:/,
  },
  { args: [], env: { AGENT_JWT_KEYS: "nonsense" }, says: /AGENT_JWT_KEYS/, hint: /keys generate/ },
  {
    args: [],
    env: { OPENCLAW_SMTP_URL: "nonsense" },
    says: /OPENCLAW_SMTP_URL is not an address with a sender/,
    hint: /unset OPENCLAW_SMTP_URL, and no mail is sent/,
  },
];

for (const { args, env = {}, says, hint } of wrong) {
  const line = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), "openclaw serve", ...args];
  Deno.test(`${line.join(" ")} → usage, one hint, and no operator's key is made`, async () => {
    await using home = await temporaryFolder();
    const refused = await run(["serve", ...args], { home: home.path, env });
    assertRefused(refused, 2, says);
    assert.match(refused.stderr.split("\n")[1] ?? "", hint);
    assert.equal(await isThere(`${home.path}/openclaw-data/operator-key`), false);
  });
}

for (
  const flag of ["--host", "--port", "--data", "--database-url", "--tls-cert", "--tls-key", "--public-url"]
) {
  Deno.test(`openclaw serve ${flag} "" → usage`, async () => {
    const message = new RegExp(`^error: option '${flag} <[a-z]+>' argument '' is invalid`);
    await assert.rejects(understand(["serve", flag, ""]), { message });
  });
}

for (const port of ["70000", "http", "-1", "80.5"]) {
  Deno.test(`openclaw serve --port ${port} → usage`, async () => {
    const message =
      /^error: option '--port <number>' argument '.+' is invalid\. A port is a whole number from 0/;
    await assert.rejects(understand(["serve", "--port", port]), { message });
  });
}
