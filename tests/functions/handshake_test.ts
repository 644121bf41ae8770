import assert from "node:assert/strict";
import { decodeJwt, importJWK, jwtVerify } from "jose";
import { respond } from "../../supabase/functions/_shared/http/endpoint.ts";
import { incomingOf } from "../../supabase/functions/_shared/http/web.ts";
import { makeSecret } from "../../supabase/functions/_shared/secret.ts";
import { endpoint } from "../../supabase/functions/handshake/handler.ts";
import {
  agent,
  agentId,
  ask,
  issuer,
  keys,
  now,
  openedSession,
  secret,
  testBackend,
} from "../_support/backend.ts";
import { assertError, type Reply, text } from "../_support/client.ts";
import { agentSecretDigest as digest } from "../_support/vectors.ts";

const body = { agent_id: agentId, agent_secret: secret };
const credentials = { agentId, secretDigest: digest, instanceId: null };
const instanceId = "3d1c7a52-8a3e-4a43-9d7e-2f1f0f9f7a01";
const refusing = { sessions: { open: () => Promise.resolve(null) } };

function post(fields: unknown): { method: string; body: string } {
  return { method: "POST", body: typeof fields === "string" ? fields : JSON.stringify(fields) };
}

/** Asserts a refusal that names the field, before any work on the database. */
async function badField(fields: unknown, field: string): Promise<Reply> {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, post(fields));
  assertError(reply, "invalid_request", 400);
  assert.match(text(reply.body.error_description), new RegExp(`"${field}"`));
  assert.deepEqual(backend.calls, []);
  return reply;
}

Deno.test("POST /handshake answers a session, exactly as the contract shows it", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, post(body));
  const { token, ...rest } = reply.body;
  assert.equal(reply.status, 200);
  assert.deepEqual(rest, {
    token_type: "Bearer",
    expires_in: 900,
    refresh_in: 720,
    heartbeat_interval_seconds: 60,
    next_heartbeat_in: 0,
    agent: { id: agentId, name: agent.name },
    secret_age_seconds: 86_400,
    server_time: now.toISOString(),
  });
  assert.equal(text(token).split(".").length, 3);
});

Deno.test("POST /handshake opens the session by the secret's digest, in one call, and never shows the secret", async () => {
  const backend = await testBackend();
  await ask(endpoint, backend, post(body));
  assert.deepEqual(backend.calls, [
    { name: "sessions.open", args: [credentials, { client: {}, address: "192.0.2.1" }] },
  ]);
});

Deno.test("any JWT library verifies the session's token with the public key", async () => {
  const { publicKeys: [publicKey] } = await keys;
  const reply = await ask(endpoint, await testBackend(), post(body));
  const key = await importJWK({ ...publicKey });
  const { payload } = await jwtVerify(text(reply.body.token), key, {
    currentDate: now,
    audience: "openclaw:agent",
  });
  assert.equal(payload.iss, issuer);
  assert.equal(payload.sub, agentId);
  assert.equal(payload.epoch, 1);
  assert.equal(Number(payload.exp) - Number(payload.iat), 900);
});

Deno.test("POST /handshake puts the row's epoch in the token, not its own", async () => {
  const opened = { ...openedSession, epoch: 7, heartbeatIntervalSeconds: 5 };
  const reply = await ask(
    endpoint,
    await testBackend({ sessions: { open: () => Promise.resolve(opened) } }),
    post(body),
  );
  assert.equal(decodeJwt(text(reply.body.token)).epoch, 7);
  assert.equal(reply.body.heartbeat_interval_seconds, 5);
});

for (const lifetime of [60, 61, 99, 130, 900, 86_400]) {
  for (const random of [0, 0.25, 0.5, 1 - 2 ** -32]) {
    Deno.test(`a session of ${lifetime} s with the chance ${random} is refreshed between 70 and 90 % of it`, async () => {
      const backend = { ...await testBackend(), sessionLifetimeSeconds: lifetime, random: () => random };
      const { body: { expires_in, refresh_in } } = await ask(endpoint, backend, post(body));
      assert.equal(expires_in, lifetime);
      assert.ok(Number.isInteger(refresh_in), String(refresh_in));
      const tenth = 10 * Number(refresh_in);
      assert.ok(tenth >= 7 * lifetime && tenth <= 9 * lifetime, `${refresh_in} of ${lifetime}`);
    });
  }
}

const goodFields: [name: string, fields: Record<string, unknown>, client: Record<string, string>][] = [
  ["an uppercase agent_id", { agent_id: agentId.toUpperCase() }, {}],
  ["an empty client", { client: {} }, {}],
  [
    "a whole client",
    { client: { version: "1.0.0", hostname: "edge-1", os: "linux", arch: "x86_64" } },
    { version: "1.0.0", hostname: "edge-1", os: "linux", arch: "x86_64" },
  ],
  ["a client field of one character", { client: { os: "a" } }, { os: "a" }],
  ["a client field of 255 characters", { client: { os: "a".repeat(255) } }, { os: "a".repeat(255) }],
  ["a client field of 255 emoji", { client: { os: "🦊".repeat(255) } }, { os: "🦊".repeat(255) }],
  ["a client field that nobody knows", { client: { colour: 1, os: "linux" } }, { os: "linux" }],
  ["a field that nobody knows", { colour: ["red"], token: null }, {}],
];

for (const [name, fields, client] of goodFields) {
  Deno.test(`POST /handshake takes ${name}`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, post({ ...body, ...fields }));
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    assert.deepEqual(backend.calls[0]?.args, [credentials, { client, address: "192.0.2.1" }]);
  });
}

Deno.test("POST /handshake takes an instance_id in either case, and asks for the lower one", async () => {
  const backend = await testBackend();
  await ask(endpoint, backend, post({ ...body, instance_id: instanceId.toUpperCase() }));
  assert.deepEqual(backend.calls[0]?.args[0], { ...credentials, instanceId });
});

Deno.test("POST /handshake of a copy that was adopted brings its identity, with a secret that only its digest leaves here", async () => {
  const newId = crypto.randomUUID();
  const backend = await testBackend({
    sessions: { open: () => Promise.resolve({ ...openedSession, adopting: true }) },
    copies: { identify: () => Promise.resolve(newId) },
  });
  const reply = await ask(endpoint, backend, post({ ...body, instance_id: instanceId }));
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.body.identity, { agent_id: newId, agent_secret: secret });
  assert.deepEqual(backend.calls[1], { name: "copies.identify", args: [agentId, instanceId, digest] });
});

Deno.test("POST /handshake of a copy whose identity is gone is a handshake as any other", async () => {
  const backend = await testBackend({
    sessions: { open: () => Promise.resolve({ ...openedSession, adopting: true }) },
  });
  const reply = await ask(endpoint, backend, post({ ...body, instance_id: instanceId }));
  assert.equal(reply.status, 200);
  assert.ok(!("identity" in reply.body));
});

Deno.test("the first handshake of an agent that was a copy is told to the other one after the reply", async () => {
  const backend = await testBackend({
    sessions: { open: () => Promise.resolve({ ...openedSession, adopted: true }) },
  });
  assert.equal((await ask(endpoint, backend, post(body))).status, 200);
  assert.deepEqual(backend.calls[1], { name: "copies.confirm", args: [agentId] });
});

const badSecrets: [name: string, value: unknown][] = [
  ["missing", undefined],
  ["null", null],
  ["a number", 1],
  ["a list", [secret]],
  ["empty", ""],
  ["one character short", secret.slice(0, -1)],
  ["one character long", `${secret}A`],
  ["of another prefix", secret.replace("ocs_", "oct_")],
  ["of another separator", `${secret.slice(0, 47)}-${secret.slice(48)}`],
  ["of base64, not base64url", `${secret.slice(0, 10)}/${secret.slice(11)}`],
  ["mistyped in its body", `${secret.slice(0, 10)}X${secret.slice(11)}`],
  ["mistyped in its checksum", `${secret.slice(0, 53)}B`],
  ["with a newline at its end", `${secret}\n`],
  ["its digest", digest],
];

for (const [name, value] of badSecrets) {
  for (const [whose, id] of [["a known", agentId], ["an unknown", crypto.randomUUID()]] as const) {
    Deno.test(`POST /handshake for ${whose} agent with an agent_secret that is ${name} → invalid_request`, async () => {
      const reply = await badField({ agent_id: id, agent_secret: value }, "agent_secret");
      if (typeof value === "string" && value !== "") {
        assert.ok(!JSON.stringify(reply.body).includes(value.slice(0, 12)));
      }
    });
  }
}

const badFields: [name: string, fields: Record<string, unknown>, field: string][] = [
  ["no agent_id", { agent_id: undefined }, "agent_id"],
  ["a null agent_id", { agent_id: null }, "agent_id"],
  ["an agent_id that is no uuid", { agent_id: "edge-1" }, "agent_id"],
  ["an agent_id in braces", { agent_id: `{${agentId}}` }, "agent_id"],
  ["an agent_id with a space", { agent_id: `${agentId} ` }, "agent_id"],
  ["a null client", { client: null }, "client"],
  ["a list for client", { client: [] }, "client"],
  ["a text for client", { client: "edge" }, "client"],
  ["a number for a client field", { client: { version: 1 } }, "client.version"],
  ["a null client field", { client: { hostname: null } }, "client.hostname"],
  ["an empty client field", { client: { os: "" } }, "client.os"],
  ["a client field of 256 characters", { client: { arch: "a".repeat(256) } }, "client.arch"],
  ["a client field with a NUL", { client: { os: "a\0" } }, "client.os"],
  ["a client field with a newline", { client: { hostname: "a\nb" } }, "client.hostname"],
  ["a client field with C1", { client: { hostname: "a\u009bb" } }, "client.hostname"],
  ["a client field with a lone surrogate", { client: { hostname: "\ud800" } }, "client.hostname"],
  ["a null instance_id", { instance_id: null }, "instance_id"],
  ["an instance_id that is no uuid", { instance_id: "1" }, "instance_id"],
];

for (const [name, fields, field] of badFields) {
  Deno.test(`POST /handshake with ${name} → invalid_request naming ${field}`, async () => {
    await badField({ ...body, ...fields }, field);
  });
}

Deno.test("POST /handshake that the database refuses → invalid_credentials, without a challenge", async () => {
  const backend = await testBackend(refusing);
  const reply = await ask(endpoint, backend, post(body));
  assertError(reply, "invalid_credentials", 401);
  assert.equal(reply.headers.get("www-authenticate"), null);
  assert.ok(!JSON.stringify(reply.body).includes(agentId));
});

Deno.test("a refusal is left on the row after the reply, not before", async () => {
  const backend = await testBackend(refusing);
  const request = new Request(`${issuer}/handshake`, post(body));
  const from = { subpath: "", socketAddress: "192.0.2.1" };
  assert.equal((await respond(endpoint, incomingOf(request), backend, from)).status, 401);
  assert.deepEqual(backend.calls.map(({ name }) => name), ["sessions.open"]);
  await Promise.all(backend.work);
  backend.log.flush();
  assert.deepEqual(backend.calls.slice(1), [
    { name: "sessions.recordRefusals", args: [[{ ...credentials, count: 1 }]] },
  ]);
});

Deno.test("what goes wrong after the reply is logged with the request id, and changes nothing for the caller", async () => {
  const recordRefusals = () => Promise.reject(new Error("no connection"));
  const backend = await testBackend({ sessions: { ...refusing.sessions, recordRefusals } });
  const reply = await ask(endpoint, backend, post(body));
  assertError(reply, "invalid_credentials", 401);
  const line = backend.lines.find((one) => one.includes("no connection")) ?? "";
  assert.ok(line.includes(text(reply.body.request_id)), line);
});

Deno.test("a handshake that succeeds leaves no refusal", async () => {
  const backend = await testBackend();
  await ask(endpoint, backend, post(body));
  assert.deepEqual(backend.calls.map(({ name }) => name), ["sessions.open"]);
});

Deno.test("after 20 refused handshakes → rate_limited with retry-after, and the row is left alone", async () => {
  const backend = await testBackend(refusing);
  for (let index = 0; index < 20; index++) {
    assertError(await ask(endpoint, backend, post(body)), "invalid_credentials", 401);
  }
  backend.calls.splice(0);
  const reply = await ask(endpoint, backend, post(body));
  assertError(reply, "rate_limited", 429);
  assert.equal(reply.headers.get("retry-after"), "1");
  assert.deepEqual(backend.calls.map(({ name }) => name), ["sessions.open"]);
  backend.clock.now = new Date(now.getTime() + 1000);
  assertError(await ask(endpoint, backend, post(body)), "invalid_credentials", 401);
  assertError(await ask(endpoint, backend, post(body)), "rate_limited", 429);
});

Deno.test("a valid secret is never turned away, whatever comes from its address", async () => {
  let open: typeof openedSession | null = null;
  const backend = await testBackend({ sessions: { open: () => Promise.resolve(open) } });
  for (let index = 0; index < 30; index++) await ask(endpoint, backend, post(body));
  open = openedSession;
  assert.equal((await ask(endpoint, backend, post(body))).status, 200);
});

Deno.test("malformed requests are not refusals: 100 of them, and the first wrong secret is still answered", async () => {
  const backend = await testBackend(refusing);
  for (let index = 0; index < 50; index++) {
    assertError(await ask(endpoint, backend, post({ ...body, agent_secret: "x" })), "invalid_request", 400);
    assertError(await ask(endpoint, backend, post("no json")), "invalid_request", 400);
  }
  assertError(await ask(endpoint, backend, post(body)), "invalid_credentials", 401);
});

Deno.test("another address has its own 20 refusals", async () => {
  const backend = await testBackend(refusing);
  for (let index = 0; index < 21; index++) await ask(endpoint, backend, post(body));
  const reply = await ask(endpoint, backend, { ...post(body), address: "192.0.2.2" });
  assertError(reply, "invalid_credentials", 401);
});

Deno.test("x-forwarded-for makes no new address without OPENCLAW_TRUST_PROXY", async () => {
  const backend = await testBackend(refusing);
  for (let index = 0; index < 20; index++) {
    const headers = { "x-forwarded-for": `198.51.100.${index}` };
    assertError(await ask(endpoint, backend, { ...post(body), headers }), "invalid_credentials", 401);
  }
  const headers = { "x-forwarded-for": "198.51.100.99" };
  assertError(await ask(endpoint, backend, { ...post(body), headers }), "rate_limited", 429);
});

Deno.test("with OPENCLAW_TRUST_PROXY=1 the last address of x-forwarded-for counts, and what is before it does not", async () => {
  const backend = { ...await testBackend(refusing), trustedProxies: 1 };
  for (let index = 0; index < 21; index++) {
    const headers = { "x-forwarded-for": `10.0.0.${index}, 198.51.100.1` };
    await ask(endpoint, backend, { ...post(body), headers });
  }
  const same = { "x-forwarded-for": "198.51.100.1" };
  assertError(await ask(endpoint, backend, { ...post(body), headers: same }), "rate_limited", 429);
  const other = { "x-forwarded-for": "198.51.100.2" };
  assertError(await ask(endpoint, backend, { ...post(body), headers: other }), "invalid_credentials", 401);
});

Deno.test("a secret with underscores in its body is taken", async () => {
  const made = makeSecret(new Uint8Array(32).fill(0xff));
  assert.ok(made.slice(4, 47).includes("_"));
  const reply = await ask(endpoint, await testBackend(), post({ ...body, agent_secret: made }));
  assert.equal(reply.status, 200);
});
