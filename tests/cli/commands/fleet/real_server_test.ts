import assert from "node:assert/strict";
import { join } from "node:path";
import { FleetClient, record } from "../../../_support/client.ts";
import type { Run } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { folderInMemory, startServerProcess } from "../../../_support/server.ts";

Deno.test("an operator beside the embedded server sees the fleet, checks it, and lets a dashboard read it", async () => {
  await using folder = await folderInMemory();
  const home = folder.path;
  await using server = await startServerProcess({ data: join(home, "openclaw-data") });
  const client = new FleetClient(server.base, server.operatorKey);
  const openclaw = (args: string[], env: Record<string, string> = {}): Promise<Run> =>
    runInSession(args, { home, env });
  assert.match((await openclaw(["fleet"])).stdout, /^no agents: make the first one with: /);

  const hurt = await client.createAgent({ name: "db 1", labels: { role: "db" } });
  const well = await client.createAgent({ name: "web-1" });
  await client.createAgent({ name: "never beaten" });
  const sent_at = new Date(Date.now() + 90_000).toISOString();
  for (const agent of [hurt, well]) {
    const beat = await client.beat(
      await client.session(agent),
      agent === hurt ? { status: "unhealthy", sent_at } : {},
    );
    assert.equal(beat.status, 200);
  }

  const shown = await openclaw(["fleet"]);
  assert.deepEqual([shown.code, shown.stderr], [0, ""]);
  const [sentence, , , ...rows] = shown.stdout.trimEnd().split("\n");
  assert.equal(sentence, "1 unhealthy of 3: look first at db 1, which says that it is not well");
  assert.deepEqual(rows.map((row) => row.slice(11, 23).trim()), ["db 1", "never beaten", "web-1"]);
  assert.match(rows[0] ?? "", /^✓ online .* unhealthy, clock (89|90) s ahead, cannot rotate$/);
  assert.match(rows[1] ?? "", /^\? pending .* never beat/);

  const checked = await openclaw(["fleet", "--nagios"]);
  assert.deepEqual([checked.code, checked.stderr], [2, ""]);
  assert.match(
    checked.stdout,
    /^OPENCLAW CRITICAL - 1 unhealthy of 3: db 1 \| online=2 pending=1\n$|pending=1 online=2\n$/,
  );
  const filtered = await openclaw([
    "fleet",
    "--json",
    "--label",
    "role:db",
    "--search",
    "DB",
    "--sort",
    "-created_at",
  ]);
  assert.deepEqual(JSON.parse(filtered.stdout).agents.map((agent: unknown) => record(agent).name), ["db 1"]);
  const known: unknown = JSON.parse((await openclaw(["fleet", "--json", "--liveness", "pending"])).stdout);
  assert.equal(JSON.stringify(record(known).counts).includes('"online":2'), true);

  const made = await openclaw(["reader-keys", "create", "dashboard"]);
  const reader = { OPENCLAW_OPERATOR_KEY: made.stdout.trim(), OPENCLAW_URL: server.url };
  assert.match((await openclaw(["fleet"], reader)).stdout, /^1 unhealthy of 3/);
  assertRefused(await openclaw(["reader-keys", "create", "more"], reader), 3, /error: Cannot /);
  assert.equal((await openclaw(["reader-keys", "revoke", "dashboard", "--yes"])).code, 0);
  assertRefused(await openclaw(["fleet"], reader), 3, /error: Cannot /);
  assertRefused(
    await openclaw(["fleet", "--url", server.url.replace("127.0.0.1", "localhost")]),
    2,
    /Cannot tell who/,
  );
});
