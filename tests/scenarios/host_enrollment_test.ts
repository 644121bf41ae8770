import assert from "node:assert/strict";
import { FleetClient, record, send, text } from "../_support/client.ts";
import { credentialsPath, isThere, run, start } from "../_support/program.ts";
import { folderInMemory, startServerProcess, temporaryFolder } from "../_support/server.ts";

/** On Windows a program cannot be asked from outside to stop, only be ended. */
const ignore = Deno.build.os === "windows";

Deno.test("a code good for two enrolls a host by its command and one by its monitor; a third is refused", {
  ignore,
}, async () => {
  await using data = await folderInMemory();
  await using server = await startServerProcess({ data: data.path });
  const client = new FleetClient(server.base, server.operatorKey);
  const { enrollment, code } = await makeCode(client, { uses: 2, name: "edge {hostname}" });
  const env = { OPENCLAW_URL: server.url, OPENCLAW_ENROLLMENT_CODE: code };

  await using first = await temporaryFolder();
  const enrolled = await run(["enroll", "--json"], { home: first.path, env });
  assert.equal(enrolled.code, 0, enrolled.stderr);
  assert.equal(JSON.parse(enrolled.stdout).accepted, true);
  assert.equal((await run(["heartbeat"], { home: first.path })).code, 0);

  await using second = await temporaryFolder();
  await using monitor = start(["monitor", "--json"], { home: second.path, env });
  await monitor.until("heartbeat");

  await using third = await temporaryFolder();
  assert.equal((await run(["enroll"], { home: third.path, env })).code, 3);
  assert.equal(await isThere(credentialsPath(third.path)), false);

  for (const home of [first, second]) {
    const { agent_id: id } = record(JSON.parse(await Deno.readTextFile(credentialsPath(home.path))));
    const { name, liveness } = await client.agent(text(id));
    assert.deepEqual([name, liveness], [`edge ${Deno.hostname()}`, "online"]);
  }
  const { body } = await send(`${client.base}/enrollments/${enrollment.id}`, { headers: client.operator });
  assert.equal(record(body.enrollment).used, 2);
  assert.ok(Array.isArray(body.hosts));
  const steps = body.hosts.map((host) => record(host)).filter(({ agent_id }) => agent_id !== null);
  assert.deepEqual(steps.map(({ step, failed }) => [step, failed]), [
    ["store_credentials", false],
    ["store_credentials", false],
  ]);
});

async function makeCode(
  client: FleetClient,
  body: Record<string, unknown>,
): Promise<{ enrollment: Record<string, unknown>; code: string }> {
  const reply = await send(`${client.base}/enrollments`, { headers: client.operator, body });
  assert.equal(reply.status, 201, JSON.stringify(reply.body));
  return { enrollment: record(reply.body.enrollment), code: text(reply.body.code) };
}
