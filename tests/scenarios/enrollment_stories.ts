import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { makeSecret } from "../../supabase/functions/_shared/secret.ts";
import { assertError, record, type Reply, send, text } from "../_support/client.ts";
import { assertPartly } from "../_support/partly.ts";
import type { Fleet } from "./stage.ts";
import { type Story, told } from "./story.ts";

/** Hosts that enroll with codes, and keys that only read. */
export const enrollmentStories: Story[] = [
  told(
    "twelve hosts at once with a code good for three → three agents, which live and are told of",
    async (fleet) => {
      const { client, sql } = fleet;
      const { id, code } = await enrollment(fleet, {
        uses: 3,
        name: "web {hostname}",
        labels: { role: "web" },
      });
      const asked = await Promise.all(
        Array.from({ length: 12 }, (_, place) => enroll(fleet, { code, hostname: `host-${place}` })),
      );
      const [got, refused] = [
        asked.filter(({ status }) => status === 201),
        asked.filter(({ status }) => status !== 201),
      ];
      assert.equal(got.length, 3);
      for (const reply of refused) assertError(reply, "invalid_credentials", 401);
      const agents = got.map(({ body }) => ({
        id: text(record(body.agent).id),
        secret: text(body.agent_secret),
      }));
      for (const agent of agents) {
        assert.equal((await client.beat(await client.session(agent))).status, 200);
        const seen = await client.agent(agent.id);
        assert.equal(seen.liveness, "online");
        assert.match(text(seen.name), /^web host-\d+$/);
        assert.deepEqual(seen.labels, { role: "web" });
      }
      const shown = await ask(fleet, `enrollments/${id}`);
      assertPartly(shown.body.enrollment, { uses: 3, used: 3 });
      const hosts: unknown[] = Array.isArray(shown.body.hosts) ? shown.body.hosts : [];
      assert.deepEqual(hosts.map((host) => record(host).agent_id).sort(), agents.map((one) => one.id).sort());
      const events = await sql("select actor, address from public.agent_events where kind = 'enrolled'");
      assert.deepEqual(
        events.map((event) => ({ ...event })),
        agents.map(() => ({ actor: `enrollment:${id}`, address: "127.0.0.1" })),
      );
      const unknown = await enroll(fleet, {
        code: makeSecret(crypto.getRandomValues(new Uint8Array(32)), "oce_"),
      });
      const revoked = await enrollment(fleet, {});
      await ask(fleet, `enrollments/${revoked.id}/revoke`, {});
      for (const reply of [unknown, await enroll(fleet, { code: revoked.code })]) {
        assert.deepEqual(withoutIds(reply), withoutIds(refused[0] ?? unknown), "refused alike");
      }
    },
  ),
  told(
    "a host whose reply was lost asks again → the same agent, until its first handshake",
    async (fleet) => {
      const { client } = fleet;
      const { id, code } = await enrollment(fleet, {});
      const host = { code, enrollment_id: drawn(), hostname: "laptop" };
      const progress = (step: string, more = {}) =>
        send(`${client.base}/enroll/progress`, { body: { ...host, step, failed: false, ...more } });
      assert.equal((await progress("check_host")).status, 204);
      const [lost, kept] = [await enroll(fleet, host), await enroll(fleet, host)];
      const agent = { id: text(record(kept.body.agent).id), secret: text(kept.body.agent_secret) };
      assert.deepEqual(lost.body.agent, kept.body.agent);
      assertError(
        await client.handshake({ ...agent, secret: text(lost.body.agent_secret) }),
        "invalid_credentials",
        401,
      );
      assert.equal((await client.handshake(agent)).status, 200);
      assertError(await enroll(fleet, host), "invalid_credentials", 401);
      assert.equal((await client.handshake(agent)).status, 200, "its secret stays good");
      assert.equal((await progress("start_service", { failed: true, detail: "no systemd" })).status, 204);
      const { body } = await ask(fleet, `enrollments/${id}`);
      assertPartly(body.hosts, [{
        agent_id: agent.id,
        hostname: "laptop",
        address: "127.0.0.1",
        step: "start_service",
        failed: true,
        detail: "no systemd",
      }]);
    },
  ),
  told(
    "a reader's key reads what its maker sees, changes nothing, and ends with its revocation",
    async (fleet) => {
      const { client, server, sql } = fleet;
      const { id: agentId } = await client.createAgent();
      const made = await ask(fleet, "reader-keys", { name: "a dashboard" });
      assert.equal(made.status, 201, JSON.stringify(made.body));
      const kept = (await Deno.readTextFile(join(server.data, "reader-key"))).trim();
      for (const apikey of [text(made.body.key), kept]) {
        const read = (path: string, init = {}) =>
          send(`${client.base}/${path}`, { headers: { apikey }, ...init });
        assert.equal((await read(`agents/${agentId}`)).body.id, agentId);
        assert.equal((await read("enrollments")).status, 200);
        for (const path of [`agents/${agentId}/revoke`, "create-agent", "enrollments", "reader-keys"]) {
          assertError(await read(path, { body: { name: "mine" } }), "forbidden", 403);
        }
      }
      const [row] = await sql(
        "select count(*)::integer as agents, (select count(*)::integer from public.enrollments) as enrollments from public.agents where revoked_at is null",
      );
      assert.deepEqual({ ...row }, { agents: 1, enrollments: 0 });
      await send(`${client.base}/reader-keys/${made.body.id}`, {
        method: "DELETE",
        headers: client.operator,
      });
      const revoked = { authorization: `Bearer ${made.body.key}` };
      assertError(
        await send(`${client.base}/agents/${agentId}`, { headers: revoked }),
        "operator_required",
        401,
      );
    },
  ),
];

/** What an operator asks; with a body, by POST. */
function ask({ client }: Fleet, path: string, body?: unknown): Promise<Reply> {
  return send(`${client.base}/${path}`, { headers: client.operator, body });
}

async function enrollment(fleet: Fleet, fields: unknown): Promise<{ id: string; code: string }> {
  const { status, body } = await ask(fleet, "enrollments", fields);
  assert.equal(status, 201, JSON.stringify(body));
  return { id: text(record(body.enrollment).id), code: text(body.code) };
}

function enroll(
  { client }: Fleet,
  { code, hostname = "h", enrollment_id = drawn() }: {
    code: string;
    hostname?: string;
    enrollment_id?: string;
  },
): Promise<Reply> {
  return send(`${client.base}/enroll`, { body: { code, enrollment_id, client: { hostname } } });
}

/** The number that a host draws before it asks. */
function drawn(): string {
  return randomBytes(32).toString("base64url");
}

/** A reply without what differs in every one. */
function withoutIds({ status, headers, body }: Reply): unknown {
  const kept = [...headers].filter(([name]) => !["x-request-id", "date"].includes(name));
  return { status, headers: kept, body: { ...body, request_id: null } };
}
