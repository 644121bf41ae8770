import assert from "node:assert/strict";
import { endpoint } from "../../supabase/functions/agents/routes.ts";
import { agent, agentId, ask, issuer, operatorKey, secret, testBackend } from "../_support/backend.ts";
import { assertError, record, text } from "../_support/client.ts";
import { assertPartly } from "../_support/partly.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";
import { agentSecretDigest as digest } from "../_support/vectors.ts";

const instanceId = "3d1c7a52-8a3e-4a43-9d7e-2f1f0f9f7a01";
const byKey = { ownerId: null, act: { actor: "key:default", address: "192.0.2.1" } };

function post(path: string, fields?: unknown) {
  const body = fields === undefined ? {} : { body: JSON.stringify(fields) };
  return { rest: `/${agentId}/${path}`, method: "POST", headers: { apikey: operatorKey }, ...body };
}

for (
  const [name, fields, overlapSeconds] of [
    ["no body", undefined, 3600],
    ["an empty object", {}, 3600],
    ["no overlap", { overlap_seconds: 0 }, 0],
    ["the longest overlap", { overlap_seconds: 604_800 }, 604_800],
  ] as const
) {
  Deno.test(`POST /agents/<id>/rotate-secret with ${name} shows the secret once, for an overlap of ${overlapSeconds} s`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, post("rotate-secret", fields));
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.body, { agent, agent_secret: secret });
    assert.deepEqual(backend.calls, [
      { name: "secrets.rotate", args: [agentId, { secretDigest: digest, overlapSeconds, ...byKey }] },
    ]);
    assert.ok(backend.lines.some((line) => line.includes('"event":"secret rotated"')));
    assert.ok(!backend.lines.join("").includes("ocs_"));
  });
}

Deno.test("POST /agents/<id>/rotate-secret makes an installer with the new secret", async () => {
  const reply = await ask(endpoint, await testBackend(), post("rotate-secret", { installer: "python" }));
  const installer = record(reply.body.installer);
  assert.equal(installer.filename, `install-openclaw-${agentId.slice(0, 8)}.py`);
  for (const part of [secret, agentId, issuer.replace("/functions/v1", "")]) {
    assert.ok(text(installer.content).includes(part), part);
  }
});

Deno.test("an installer for a URL that is neither https nor loopback → internal, and the secret stays as it is", async () => {
  const backend = { ...await testBackend(), issuer: "http://fleet.example/functions/v1" };
  assertError(await ask(endpoint, backend, post("rotate-secret", { installer: "bash" })), "internal", 500);
  assert.deepEqual(backend.calls, []);
});

for (
  const [name, fields, field] of [
    ["an overlap of -1", { overlap_seconds: -1 }, "overlap_seconds"],
    ["an overlap of 604801", { overlap_seconds: 604_801 }, "overlap_seconds"],
    ["an overlap of 1.5", { overlap_seconds: 1.5 }, "overlap_seconds"],
    ["an overlap that is a text", { overlap_seconds: "0" }, "overlap_seconds"],
    ["a null overlap", { overlap_seconds: null }, "overlap_seconds"],
    ["an installer that nobody knows", { installer: "perl" }, "installer"],
  ] as const
) {
  Deno.test(`POST /agents/<id>/rotate-secret with ${name} → invalid_request naming ${field}, and nothing changes`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, post("rotate-secret", fields));
    assertError(reply, "invalid_request", 400);
    assert.ok(text(reply.body.error_description).includes(`"${field}"`));
    assert.deepEqual(backend.calls, []);
  });
}

Deno.test("POST /agents/<id>/request-rotation answers the Agent", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, post("request-rotation"));
  assert.deepEqual(reply.body, agent);
  assert.deepEqual(backend.calls, [{ name: "secrets.request", args: [agentId, byKey] }]);
});

for (
  const [what, refused, says] of [
    ["a client that does not rotate", "unsupported", /its program does not rotate by itself/],
    ["an agent with the secret of before", "previous_secret", /it still has the secret from before/],
  ] as const
) {
  Deno.test(`POST /agents/<id>/request-rotation of ${what} → conflict`, async () => {
    const backend = await testBackend({ secrets: { request: () => Promise.resolve(refused) } });
    const reply = await ask(endpoint, backend, post("request-rotation"));
    assertError(reply, "conflict", 409);
    assert.match(JSON.stringify(reply.body), says);
    assert.ok(!backend.lines.some((line) => line.includes("rotation requested")));
  });
}

for (const path of ["adopt", "revoke-copy"]) {
  Deno.test(`POST /agents/<id>/${path} answers the Agent, and takes an instance_id in either case`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, post(path, { instance_id: instanceId.toUpperCase() }));
    assert.deepEqual(reply.body, agent);
    assertPartly(backend.calls, [{ args: [agentId, { instanceId, ...byKey }] }]);
  });

  Deno.test(`POST /agents/<id>/${path} of an instance that is no copy → not_found`, async () => {
    const unknown = () => Promise.resolve("unknown_copy" as const);
    const backend = await testBackend({ copies: { adopt: unknown, revoke: unknown } });
    assertError(await ask(endpoint, backend, post(path, { instance_id: instanceId })), "not_found", 404);
  });

  for (const fields of [{}, { instance_id: null }, { instance_id: "1" }]) {
    Deno.test(`POST /agents/<id>/${path} with ${JSON.stringify(fields)} → invalid_request, and nothing changes`, async () => {
      const backend = await testBackend();
      assertError(await ask(endpoint, backend, post(path, fields)), "invalid_request", 400);
      assert.deepEqual(backend.calls, []);
    });
  }
}

for (const refused of ["unsupported", "owner_limit"] as const) {
  Deno.test(`POST /agents/<id>/adopt that SQL refuses as ${refused} → conflict`, async () => {
    const backend = await testBackend({ copies: { adopt: () => Promise.resolve(refused) } });
    assertError(await ask(endpoint, backend, post("adopt", { instance_id: instanceId })), "conflict", 409);
  });
}

Deno.test("a user adopts within their own rows and limit, a key without one", async () => {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  const asked = post("adopt", { instance_id: instanceId });
  await ask(endpoint, backend, { ...asked, headers: await userAuthorization() });
  await ask(endpoint, backend, asked);
  assertPartly(backend.calls, [
    { args: [agentId, { ownerId: userId, ownerLimit: 1000 }] },
    { args: [agentId, { ownerId: null, ownerLimit: null }] },
  ]);
});
