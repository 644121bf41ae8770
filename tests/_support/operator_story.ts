import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { assertError, type CreatedAgent, FleetClient, record, type Reply, send, text } from "./client.ts";
import { until } from "./wait.ts";

/** A client whose operator is a user of a Supabase project. */
export class UserClient extends FleetClient {
  override get operator(): Record<string, string> {
    return { authorization: `Bearer ${this.operatorKey}` };
  }
}

/**
 * An operator's day: three hosts enroll with a code; one's secret is rotated, one is revoked and restored, one is
 * cloned and its copy adopted, one is deleted; all of it is in the events.
 */
export async function tellOperatorStory(client: FleetClient): Promise<CreatedAgent[]> {
  const [first, second, third] = await enrollThree(client);
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  await rotateLeaked(client, first);
  await revokeAndRestore(client, second);
  const copy = await cloneAndAdopt(client, third);
  await remove(client, second);
  const { body } = await client.operate("agents?sort=name");
  assert.deepEqual(namesOf(body.agents), ["host a", "host c", "host c (copy on clone)"]);
  assert.equal(
    Object.values(record(body.counts)).reduce((sum: number, count) => sum + Number(count), 0),
    3,
  );
  const kinds = await kindsOf(client);
  for (
    const kind of ["enrollment_created", "secret_rotated", "revoked", "restored", "copy_seen", "adopted"]
  ) {
    assert.ok(kinds.includes(kind), `${kind} is not in ${kinds}`);
  }
  assert.equal(kinds.filter((kind) => kind === "enrolled").length, 3);
  assert.equal(kinds[0], "deleted");
  return [first, third, copy];
}

/** What somebody else's credential gets of these agents: nothing, and nothing changes by it. */
export async function assertUnseen(other: FleetClient, agents: readonly CreatedAgent[]): Promise<void> {
  const { body } = await other.operate("agents");
  assert.deepEqual([body.agents, body.counts], [[], {}]);
  assert.deepEqual((await other.operate("events")).body.events, []);
  for (const { id } of agents) {
    const acts: [method: string, path: string, body?: unknown][] = [
      ["GET", `agents/${id}`],
      ["GET", `agents/${id}/events`],
      ["PATCH", `agents/${id}`, { name: "mine" }],
      ...["revoke", "restore", "end-sessions", "rotate-secret", "request-rotation"].map((act) =>
        ["POST", `agents/${id}/${act}`] as [string, string]
      ),
      ["DELETE", `agents/${id}?name=host%20a`],
    ];
    for (const [method, path, body] of acts) {
      assertError(await other.operate(path, { method, body }), "not_found", 404);
    }
  }
}

async function enrollThree(client: FleetClient): Promise<CreatedAgent[]> {
  const made = await client.operate("enrollments", {
    method: "POST",
    body: { uses: 3, name: "host {hostname}" },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const code = text(made.body.code);
  const agents = await Promise.all(["a", "b", "c"].map(async (hostname): Promise<CreatedAgent> => {
    const { status, body } = await enroll(client, code, hostname);
    assert.equal(status, 201, JSON.stringify(body));
    return { id: text(record(body.agent).id), secret: text(body.agent_secret) };
  }));
  assertError(await enroll(client, code, "d"), "invalid_credentials", 401);
  return agents;
}

function enroll({ base }: FleetClient, code: string, hostname: string): Promise<Reply> {
  const enrollment_id = randomBytes(32).toString("base64url");
  return send(`${base}/enroll`, { body: { code, enrollment_id, client: { hostname } } });
}

async function rotateLeaked(client: FleetClient, agent: CreatedAgent): Promise<void> {
  const token = await client.session(agent);
  const { status, body } = await client.operate(`agents/${agent.id}/rotate-secret`, {
    method: "POST",
    body: { overlap_seconds: 0 },
  });
  assert.equal(status, 200, JSON.stringify(body));
  assertError(await client.beat(token), "session_revoked", 401);
  assertError(await client.handshake(agent), "invalid_credentials", 401);
  agent.secret = text(body.agent_secret);
  assert.equal((await client.beat(await client.session(agent))).status, 200);
}

async function revokeAndRestore(client: FleetClient, agent: CreatedAgent): Promise<void> {
  const token = await client.session(agent);
  assert.equal((await client.beat(token)).status, 200);
  assert.equal((await client.revoke(agent.id)).body.liveness, "revoked");
  assertError(await client.beat(token), "session_revoked", 401);
  assertError(await client.handshake(agent), "invalid_credentials", 401);
  assert.equal((await client.act(agent.id, "restore")).body.liveness, "pending");
  assert.equal((await client.beat(await client.session(agent))).status, 200);
  assert.equal((await client.agent(agent.id)).liveness, "online");
}

/** Two disks with one identity: the second one's second beat, between two of the first one, gives it away. */
export async function cloneAndAdopt(
  client: FleetClient,
  agent: CreatedAgent,
  adopt = (instanceId: string): Promise<void> => adoptCopy(client, agent, instanceId),
): Promise<CreatedAgent> {
  const original = await instance(client, agent, "original");
  const clone = await instance(client, agent, "clone");
  for (const beat of [original.beat, clone.beat, original.beat, clone.beat, original.beat, clone.beat]) {
    assert.equal((await beat()).status, 200);
  }
  const { copies } = await client.agent(agent.id);
  assert.ok(Array.isArray(copies) && copies.length === 1, JSON.stringify(copies));
  const { instance_id, hostname } = record(copies[0]);
  assert.deepEqual({ instance_id, hostname }, { instance_id: clone.id, hostname: "clone" });
  await adopt(clone.id);
  assert.deepEqual((await clone.beat()).body.directives, ["handshake"]);
  const { agent_id, agent_secret } = record((await clone.shakeHands()).body.identity);
  const copy = { id: text(agent_id), secret: text(agent_secret) };
  assert.equal((await client.beat(await client.session(copy))).status, 200);
  await until("a rotation", async () => (await client.agent(agent.id)).rotation === "requested");
  assert.deepEqual((await original.beat()).body.directives, ["rotate"]);
  return copy;
}

async function adoptCopy(client: FleetClient, { id }: CreatedAgent, instanceId: string): Promise<void> {
  const path = `agents/${id}/adopt`;
  const { status, body } = await client.operate(path, { method: "POST", body: { instance_id: instanceId } });
  assert.equal(status, 200, JSON.stringify(body));
}

interface Instance {
  id: string;
  beat: () => Promise<Reply>;
  shakeHands: () => Promise<Reply>;
}

async function instance(client: FleetClient, agent: CreatedAgent, hostname: string): Promise<Instance> {
  const id = crypto.randomUUID();
  const shakeHands = (): Promise<Reply> =>
    client.handshake(agent, { instance_id: id, client: { hostname, supports: ["rotate", "adopt"] } });
  const token = text((await shakeHands()).body.token);
  let seq = 0;
  return { id, shakeHands, beat: () => client.beat(token, { instance_id: id, seq: ++seq }) };
}

async function remove(client: FleetClient, agent: CreatedAgent): Promise<void> {
  const token = await client.session(agent);
  const asOther = await client.operate(`agents/${agent.id}?name=another`, { method: "DELETE" });
  assertError(asOther, "conflict", 409);
  const gone = await client.operate(`agents/${agent.id}?name=host%20b`, { method: "DELETE" });
  assert.equal(gone.status, 200, JSON.stringify(gone.body));
  assertError(await client.beat(token), "session_revoked", 401);
  assertError(await client.operate(`agents/${agent.id}`), "not_found", 404);
}

async function kindsOf(client: FleetClient): Promise<string[]> {
  const { body } = await client.operate("events?limit=200");
  assert.ok(Array.isArray(body.events));
  return body.events.map((event) => text(record(event).kind));
}

function namesOf(agents: unknown): string[] {
  assert.ok(Array.isArray(agents));
  return agents.map((agent) => text(record(agent).name));
}
