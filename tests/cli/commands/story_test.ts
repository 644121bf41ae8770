import assert from "node:assert/strict";
import { join } from "node:path";
import { FleetClient } from "../../_support/client.ts";
import { copyDatabaseTemplate } from "../../_support/database_template.ts";
import { run } from "../../_support/program.ts";
import { assertRefused } from "../../_support/refused.ts";
import { startServerProcess, temporaryFolder } from "../../_support/server.ts";

Deno.test("the commands against a real server that signs with the keys of openclaw keys generate", async (story) => {
  await using folder = await temporaryFolder();
  const home = folder.path;
  const data = join(home, "data");
  await copyDatabaseTemplate(data);
  const { stdout: keySet } = await run(["keys", "generate"], { home });
  await using server = await startServerProcess({ data, env: { AGENT_JWT_KEYS: keySet } });
  const client = new FleetClient(server.base, server.operatorKey);
  const agent = await client.createAgent({ name: "story", heartbeat_interval_seconds: 60 });

  await story.step("the server shows the public half of the key, and no more", async () => {
    const { keys: [key] } = JSON.parse(keySet);
    const response = await fetch(`${server.base}/jwks`);
    assert.equal(response.status, 200);
    const { keys } = await response.json();
    assert.deepEqual(keys.map(({ kid, x }: Record<string, unknown>) => ({ kid, x })), [{
      kid: key.kid,
      x: key.x,
    }]);
    assert.equal("d" in keys[0], false);
  });

  await story.step("openclaw serve in the folder, or on the port, of that server → conflict", async () => {
    const port = new URL(server.url).port;
    assertRefused(await run(["serve", "--data", data], { home }), 5, /another server is using it/);
    const other = await run(["serve", "--data", join(home, "other"), "--port", port], { home });
    assert.equal(other.code, 5);
    assert.match(other.stderr, /something else is listening there/);
  });

  await story.step(
    "openclaw configure stores the agent, which openclaw status finds to be pending",
    async () => {
      const args = ["configure", "--url", server.url, "--agent-id", agent.id, "--agent-secret-file", "-"];
      const configured = await run(args, { home, stdin: `${agent.secret}\n` });
      assert.equal(configured.code, 0, configured.stderr);
      const { code, stdout } = await run(["status", "--json"], { home });
      assert.equal(code, 1, "it has never beaten");
      assert.equal(JSON.parse(stdout).liveness, "pending");
    },
  );

  await story.step("openclaw handshake opens a session that the server accepts", async () => {
    const { agent: greeted, expires_in, kid, ...rest } = JSON.parse(
      (await run(["handshake", "--json"], { home })).stdout,
    );
    assert.deepEqual(greeted, { id: agent.id, name: "story" });
    assert.equal(expires_in, 900);
    assert.equal(kid, JSON.parse(keySet).keys[0].kid);
    assert.equal("token" in rest, false);
    const { stdout: token } = await run(["handshake", "--print-token"], { home });
    assert.equal((await client.beat(token.trim())).status, 200);
  });

  await story.step(
    "openclaw heartbeat sends a status and a message, which are in the agent's row",
    async () => {
      const args = ["heartbeat", "--status", "degraded", "--message", "half the disks"];
      const beat = await run(args, { home });
      assert.equal(beat.code, 0, beat.stderr);
      const row = await client.agent(agent.id);
      assert.deepEqual([row.status, row.message, row.liveness], ["degraded", "half the disks", "online"]);
    },
  );

  await story.step("openclaw status, doctor and monitor --once find the agent online", async () => {
    const [status, doctor, once] = await Promise.all(
      [["status"], ["doctor"], ["monitor", "--once", "--json"]].map((args) => run(args, { home })),
    );
    assert.equal(status?.code, 0, status?.stderr);
    assert.match(status?.stdout ?? "", /^liveness {2}online$/m);
    assert.equal(doctor?.code, 0, doctor?.stdout);
    assert.equal(once?.code, 0, once?.stderr);
    assert.ok(once?.stdout.includes('"event":"heartbeat"'));
  });

  await story.step("of a revoked agent, openclaw handshake and status → refused", async () => {
    await client.revoke(agent.id);
    for (const command of ["handshake", "status"]) {
      const { code, stderr } = await run([command], { home });
      assert.equal(code, 3, stderr);
    }
  });
});
