import assert from "node:assert/strict";
import { endpoint as handshake } from "../../supabase/functions/handshake/handler.ts";
import { endpoint } from "../../supabase/functions/rotate-secret/handler.ts";
import { agentId, ask, secret, testBackend } from "../_support/backend.ts";
import { assertError, text } from "../_support/client.ts";
import { agentSecretDigest as digest } from "../_support/vectors.ts";

const instanceId = "3d1c7a52-8a3e-4a43-9d7e-2f1f0f9f7a01";
const init = {
  method: "POST",
  body: JSON.stringify({ agent_id: agentId, agent_secret: secret, instance_id: instanceId }),
};
const credentials = { agentId, secretDigest: digest, instanceId };
const refusing = { secrets: { rotateOwn: () => Promise.resolve(false) } };

Deno.test("POST /rotate-secret answers a secret and nothing else, of which the database gets the digest", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, init);
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.body, { agent_secret: secret });
  assert.deepEqual(backend.calls, [
    { name: "secrets.rotateOwn", args: [credentials, { pendingDigest: digest, address: "192.0.2.1" }] },
  ]);
});

Deno.test("POST /rotate-secret that the database refuses → the same status, headers and body as a handshake's refusal", async () => {
  const headers = { "x-request-id": "one" };
  const reply = await ask(endpoint, await testBackend(refusing), { ...init, headers });
  const same = await ask(
    handshake,
    await testBackend({ sessions: { open: () => Promise.resolve(null) } }),
    { ...init, headers },
  );
  assertError(reply, "invalid_credentials", 401);
  assert.deepEqual(reply.body, same.body);
  assert.deepEqual([...reply.headers], [...same.headers]);
});

Deno.test("a refused rotation makes its secret all the same: no reason is quicker than another", async () => {
  const backend = await testBackend(refusing);
  const asked: number[] = [];
  const { randomBytes } = backend;
  await ask(
    endpoint,
    { ...backend, randomBytes: (length) => (asked.push(length), randomBytes(length)) },
    init,
  );
  assert.deepEqual(asked, [32]);
});

Deno.test("a refused rotation is counted on the row, as a handshake is", async () => {
  const backend = await testBackend(refusing);
  await ask(endpoint, backend, init);
  assert.deepEqual(backend.calls[1], {
    name: "sessions.recordRefusals",
    args: [[{ ...credentials, count: 1 }]],
  });
});

Deno.test("refused rotations and handshakes share the limit of their address", async () => {
  const backend = await testBackend({ ...refusing, sessions: { open: () => Promise.resolve(null) } });
  for (let count = 0; count < 10; count++) {
    assertError(await ask(endpoint, backend, init), "invalid_credentials", 401);
    assertError(await ask(handshake, backend, init), "invalid_credentials", 401);
  }
  assertError(await ask(endpoint, backend, init), "rate_limited", 429);
});

for (
  const [name, fields, field] of [
    ["no agent_id", { agent_secret: secret }, "agent_id"],
    ["no agent_secret", { agent_id: agentId }, "agent_secret"],
    [
      "a secret that was mistyped",
      { agent_id: agentId, agent_secret: `${secret.slice(0, 53)}B` },
      "agent_secret",
    ],
    ["a null instance_id", { agent_id: agentId, agent_secret: secret, instance_id: null }, "instance_id"],
  ] as const
) {
  Deno.test(`POST /rotate-secret with ${name} → invalid_request naming ${field}, before any work on the database`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, { method: "POST", body: JSON.stringify(fields) });
    assertError(reply, "invalid_request", 400);
    assert.ok(text(reply.body.error_description).includes(`"${field}"`));
    assert.deepEqual(backend.calls, []);
  });
}
