import assert from "node:assert/strict";
import { join } from "node:path";
import { runInSession } from "../../../_support/program_session.ts";
import { startServerProcess, temporaryFolder } from "../../../_support/server.ts";

Deno.test("a code that an operator made lets one host in, is shown with that host, and lets none in once it is revoked", async () => {
  await using home = await temporaryFolder();
  await using server = await startServerProcess({ data: join(home.path, "data") });
  const env = { OPENCLAW_URL: server.url, OPENCLAW_OPERATOR_KEY_FILE: join(server.data, "operator-key") };
  const enrollments = async (...args: string[]): Promise<string> => {
    const ended = await runInSession(["enrollments", ...args], { home: home.path, env });
    assert.equal(ended.code, 0, `${args.join(" ")}: ${ended.stderr}`);
    return ended.stdout;
  };
  const flags = ["--uses", "2", "--label", "role:web", "--agent-name", "web {hostname}"];
  const { enrollment: { id }, code } = JSON.parse(await enrollments("create", ...flags, "--json"));
  const enroll = async (host: string): Promise<{ status: number; name: string | undefined }> => {
    const enrollment_id = host.repeat(43).slice(0, 43);
    const body = JSON.stringify({ code, enrollment_id, client: { hostname: host } });
    const reply = await fetch(`${server.base}/enroll`, { method: "POST", body });
    return { status: reply.status, name: (await reply.json()).agent?.name };
  };

  assert.deepEqual(await enroll("a"), { status: 201, name: "web a" });
  const { enrollment, hosts } = JSON.parse(await enrollments("show", id, "--json"));
  assert.deepEqual([enrollment.used, hosts.length, hosts[0].hostname], [1, 1, "a"]);
  assert.match(
    await enrollments("list"),
    new RegExp(`^${id} +1 of 2 +good .*web \\{hostname\\} +role:web$`, "m"),
  );
  await enrollments("revoke", id, "--yes");
  assert.equal((await enroll("b")).status, 401);
  assert.match(await enrollments("list"), new RegExp(`^${id} +1 of 2 +revoked `, "m"));
});
