import assert from "node:assert/strict";
import { join } from "node:path";
import type { Run } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { folderInMemory, startServerProcess } from "../../../_support/server.ts";

Deno.test("an operator makes agents on a real server, acts on one, on many and by label, and reads it all in the events", async () => {
  await using home = await folderInMemory();
  await using server = await startServerProcess({ data: join(home.path, "data") });
  const env = { OPENCLAW_URL: server.url, OPENCLAW_OPERATOR_KEY_FILE: join(server.data, "operator-key") };
  const agents = async (...args: string[]): Promise<Run> => {
    const ended = await runInSession(["agents", ...args], { home: home.path, env });
    assert.equal(ended.code, 0, `${args.join(" ")}: ${ended.stderr}`);
    return ended;
  };
  const shown = async (name: string): Promise<Record<string, unknown>> =>
    JSON.parse((await agents("show", name, "--json")).stdout);

  await agents("create", "web-1", "web-2", "../db", "--label", "role:test", "--output", "made");
  const installer = await Deno.readTextFile(join(home.path, "made", "web-1.sh"));
  assert.match(installer, /^ {2}baked_agent_secret='ocs_/m);
  await agents("create", "web-1", "web-3", "--skip-existing", "--json");
  assert.match((await agents("revoke", "--label", "role:test", "--yes")).stderr, /^revoked 3 agents$/m);
  assert.equal((await shown("web-2")).liveness, "revoked");
  assert.equal((await shown("web-3")).liveness, "pending");
  assert.match((await agents("restore", "--all")).stderr, /^restored 3 agents$/m);
  await agents("edit", "../db", "--rename", "db", "--set-label", "tier:a", "--interval", "30s");
  const { name, labels, heartbeat_interval_seconds } = await shown("db");
  assert.deepEqual([name, labels, heartbeat_interval_seconds], ["db", { role: "test", tier: "a" }, 30]);
  await agents("mute", "db", "--for", "2h");
  assert.notEqual((await shown("db")).muted_until, null);
  await agents("mute", "--all", "--off");
  assert.equal((await shown("db")).muted_until, null);
  await agents("end-sessions", "web-2");
  const deleted = JSON.parse((await agents("delete", "web-2", "--yes", "--json")).stdout);

  const refused = await runInSession(["agents", "show", "web-2"], { home: home.path, env });
  assert.equal(refused.code, 4, refused.stderr);
  const { events } = JSON.parse((await agents("events", deleted.id, "--json")).stdout);
  const kinds = events.map(({ kind }: { kind: string }) => kind);
  assert.deepEqual(kinds.filter((kind: string) => !["edited", "muted"].includes(kind)), [
    "deleted",
    "sessions_ended",
    "restored",
    "revoked",
    "created",
  ]);
  assert.match((await agents("events", "--limit", "5")).stdout, /^AT +AGENT +EVENT[^]*web-2 +deleted/);
});
