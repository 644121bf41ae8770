import assert from "node:assert/strict";
import { assertError, type CreatedAgent, record, type Reply, send, text } from "../_support/client.ts";
import { agentSecret } from "../_support/vectors.ts";
import { until } from "../_support/wait.ts";
import { assertPartly } from "../_support/partly.ts";
import type { Fleet } from "./stage.ts";
import { type Story, told } from "./story.ts";

const original = "11111111-0000-4000-8000-000000000001";
const copy = "22222222-0000-4000-8000-000000000002";
const client = { hostname: "host", supports: ["rotate", "adopt"] };

export const secretStories: Story[] = [
  told(
    "a secret is rotated by an operator → both open a session until the next one, which ends all",
    async (fleet) => {
      const agent = await fleet.client.createAgent();
      const token = await fleet.client.session(agent);
      const second = { ...agent, secret: text((await act(fleet, agent, "rotate-secret")).body.agent_secret) };
      assert.equal((await fleet.client.handshake(agent)).status, 200);
      assert.equal((await fleet.client.handshake(second)).body.secret_age_seconds, 0);
      assert.equal((await fleet.client.beat(token)).status, 200);
      const leaked = await act(fleet, agent, "rotate-secret", { overlap_seconds: 0, installer: "bash" });
      assert.match(text(record(leaked.body.installer).content), /ocs_/);
      assertError(await fleet.client.beat(token), "session_revoked", 401);
      for (const ended of [agent, second]) {
        assertError(await fleet.client.handshake(ended), "invalid_credentials", 401);
      }
      const third = { ...agent, secret: text(leaked.body.agent_secret) };
      assert.equal((await fleet.client.beat(await fleet.client.session(third))).status, 200);
      assert.equal(await refusalOf(fleet, agent.id, 2), "expired_secret");
    },
  ),

  told(
    "an agent is asked to rotate, does so, and the one before ends with its first handshake",
    async (fleet) => {
      const agent = await fleet.client.createAgent();
      assertError(await act(fleet, agent, "request-rotation"), "conflict", 409);
      const { body: { token } } = await fleet.client.handshake(agent, { client });
      assert.equal((await act(fleet, agent, "request-rotation")).body.rotation, "requested");
      assert.deepEqual((await fleet.client.beat(text(token))).body.directives, ["rotate"]);
      const lost = await rotateOwn(fleet, agent);
      const made = await rotateOwn(fleet, agent);
      assert.equal((await fleet.client.agent(agent.id)).rotation, "under_way");
      assertError(await fleet.client.handshake({ ...agent, secret: lost }), "invalid_credentials", 401);
      assert.equal((await fleet.client.handshake(agent, { client })).status, 200);
      assert.equal((await fleet.client.handshake({ ...agent, secret: made }, { client })).status, 200);
      assertError(await fleet.client.handshake(agent, { client }), "invalid_credentials", 401);
      assertError(await askToRotate(fleet, agent), "invalid_credentials", 401);
      assert.equal(await refusalOf(fleet, agent.id, 3), "expired_secret");
      assert.equal((await fleet.client.beat(text(token))).body.directives, undefined);
      assert.equal((await fleet.client.agent(agent.id)).rotation, "none");
    },
  ),

  told("a rotation that is refused → the same as a handshake, and nothing rotates", async (fleet) => {
    const agent = await fleet.client.createAgent();
    const revoked = await fleet.client.createAgent();
    await fleet.client.revoke(revoked.id);
    for (const presented of [{ ...agent, secret: agentSecret }, revoked, { ...agent, id: original }]) {
      const reply = await askToRotate(fleet, presented);
      const same = await fleet.client.handshake(presented);
      assertError(reply, "invalid_credentials", 401);
      assert.equal(reply.body.error_description, same.body.error_description);
    }
    const [row] = await fleet.sql("select count(pending_secret)::integer as pending from public.agents");
    assert.equal(row?.pending, 0);
  }),

  told(
    "a copy of an agent is seen and adopted → an agent of its own, and the original rotates",
    async (fleet) => {
      const agent = await copied(fleet);
      assertError(await act(fleet, agent, "adopt", { instance_id: original }), "not_found", 404);
      assert.equal((await act(fleet, agent, "adopt", { instance_id: copy })).status, 200);
      const { body: { token } } = await fleet.client.handshake(agent, { client, instance_id: original });
      assert.equal((await beat(fleet, text(token), original, 4)).body.directives, undefined);
      assert.deepEqual((await beat(fleet, text(token), copy, 4)).body.directives, ["handshake"]);
      const { body: { identity } } = await fleet.client.handshake(agent, { client, instance_id: copy });
      const own = { id: text(record(identity).agent_id), secret: text(record(identity).agent_secret) };
      assert.equal((await fleet.client.handshake(own, { client, instance_id: copy })).status, 200);
      await until(
        "the rotation",
        async () => (await fleet.client.agent(agent.id)).rotation === "requested" ? true : null,
      );
      assert.deepEqual((await fleet.client.agent(agent.id)).copies, []);
      assert.equal((await fleet.client.agent(own.id)).name, "test agent (copy on host)");
      const { body } = await fleet.client.handshake(agent, { client, instance_id: copy });
      assert.equal(body.identity, undefined, "another identity for the same copy");
    },
  ),

  told("a copy of an agent is revoked → it is refused, and the original goes on", async (fleet) => {
    const agent = await copied(fleet);
    const { body: { token } } = await fleet.client.handshake(agent, { client, instance_id: original });
    assert.equal((await act(fleet, agent, "revoke-copy", { instance_id: copy })).body.rotation, "requested");
    assertError(await beat(fleet, text(token), copy, 4), "session_revoked", 401);
    assertError(
      await fleet.client.handshake(agent, { client, instance_id: copy }),
      "invalid_credentials",
      401,
    );
    assert.equal(await refusalOf(fleet, agent.id, 1), "revoked_copy");
    assert.deepEqual((await beat(fleet, text(token), original, 4)).body.directives, ["rotate"]);
  }),
];

function act({ client }: Fleet, { id }: CreatedAgent, name: string, body: unknown = {}): Promise<Reply> {
  return send(`${client.base}/agents/${id}/${name}`, { headers: client.operator, body });
}

function askToRotate({ client }: Fleet, { id, secret }: CreatedAgent): Promise<Reply> {
  return send(`${client.base}/rotate-secret`, { body: { agent_id: id, agent_secret: secret } });
}

async function rotateOwn(fleet: Fleet, agent: CreatedAgent): Promise<string> {
  const { status, body } = await askToRotate(fleet, agent);
  assert.equal(status, 200, JSON.stringify(body));
  return text(body.agent_secret);
}

/** Why the last handshake was refused, once so many are on the row. */
async function refusalOf({ client }: Fleet, id: string, count: number): Promise<unknown> {
  return await until("the refusals", async () => {
    const { refused_handshakes_count, last_refusal } = await client.agent(id);
    return refused_handshakes_count === count ? last_refusal : null;
  });
}

function beat({ client }: Fleet, token: string, instance: string, seq: number): Promise<Reply> {
  return client.beat(token, { instance_id: instance, seq });
}

/** An agent of which one copy has just been seen. */
async function copied(fleet: Fleet): Promise<CreatedAgent> {
  const agent = await fleet.client.createAgent();
  const instances = [original, copy];
  const tokens = new Map<string, string>();
  for (const instance of instances) {
    const { body } = await fleet.client.handshake(agent, { client, instance_id: instance });
    tokens.set(instance, text(body.token));
  }
  for (const seq of [1, 2, 3]) {
    for (const instance of instances) await beat(fleet, tokens.get(instance) ?? "", instance, seq);
  }
  const { copies } = await fleet.client.agent(agent.id);
  assert.ok(Array.isArray(copies) && copies.length === 1, JSON.stringify(copies));
  assertPartly(copies, [{ instance_id: copy, hostname: "host", address: "127.0.0.1" }]);
  return agent;
}
