import assert from "node:assert/strict";
import { findEndpoint } from "../../../cli/serve/routes.ts";
import { incomingOf } from "../../../supabase/functions/_shared/http/web.ts";
import { agentId, ask, secret, type TestBackend, testBackend } from "../../_support/backend.ts";
import { assertError, type Reply, text } from "../../_support/client.ts";

/** What a path of the embedded server answers. */
async function askPath(path: string, backend: TestBackend, init: RequestInit = {}): Promise<Reply> {
  const { endpoint, subpath } = findEndpoint(path);
  return await ask(endpoint, backend, { ...init, rest: subpath });
}

async function beatBody(path: string, body: unknown): Promise<{ reply: Reply; backend: TestBackend }> {
  const backend = await testBackend();
  const credentials = JSON.stringify({ agent_id: agentId, agent_secret: secret });
  const { body: session } = await askPath("/api/agents/handshake", backend, {
    method: "POST",
    body: credentials,
  });
  backend.calls.length = 0;
  const headers = { authorization: `Bearer ${text(session.token)}` };
  const reply = await askPath(path, backend, { method: "POST", headers, body: JSON.stringify(body) });
  return { reply, backend };
}

const told: [what: string, body: Record<string, unknown>, recorded: Record<string, unknown>][] = [
  ["idle", { status: "idle" }, { status: "healthy" }],
  ["error", { status: "error", message: "down" }, { status: "unhealthy", message: "down" }],
  ["degraded", { status: "degraded" }, { status: "degraded" }],
  [
    "metrics of which one is text, one null and one a list",
    { metrics: { cpu_percent: 5, model: "large", load: null, disks: [1] } },
    { status: "healthy", metrics: { cpu_percent: 5 } },
  ],
  ["no status and no metrics", {}, { status: "healthy", metrics: {} }],
];

for (const [what, body, recorded] of told) {
  Deno.test(`POST /api/heartbeat with ${what} → recorded as ${JSON.stringify(recorded)}`, async () => {
    const { reply, backend } = await beatBody("/api/heartbeat", body);
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    assert.partialDeepStrictEqual(backend.calls, [{ name: "heartbeats.record", args: [[recorded]] }]);
  });
}

for (const body of [{ status: "idle" }, { status: "error" }, { metrics: { model: "large" } }]) {
  Deno.test(`POST /functions/v1/heartbeat with ${JSON.stringify(body)} → invalid_request, as ever`, async () => {
    const { reply, backend } = await beatBody("/functions/v1/heartbeat", body);
    assertError(reply, "invalid_request", 400);
    assert.deepEqual(backend.calls, []);
  });
}

for (const body of [{ status: "toString" }, { status: 5 }, { metrics: "many" }]) {
  Deno.test(`POST /api/heartbeat with ${JSON.stringify(body)} → invalid_request`, async () => {
    const { reply, backend } = await beatBody("/api/heartbeat", body);
    assertError(reply, "invalid_request", 400);
    assert.deepEqual(backend.calls, []);
  });
}

Deno.test("POST /api/heartbeat with a bad body and no token → token_missing: the token is looked at first", async () => {
  const backend = await testBackend();
  assertError(await askPath("/api/heartbeat", backend, { method: "POST", body: "[]" }), "token_missing", 401);
});

Deno.test("POST /api/agents/handshake with a signature and no secret → invalid_request that names the installers", async () => {
  const backend = await testBackend();
  const body = JSON.stringify({ agent_id: agentId, signature: "ab", timestamp: 1 });
  const reply = await askPath("/api/agents/handshake", backend, { method: "POST", body });
  assertError(reply, "invalid_request", 400);
  const description = text(reply.body.error_description);
  assert.match(description, /keeps no secret to check it with/);
  assert.match(description, /GET \/functions\/v1\/install/);
  assert.deepEqual(backend.calls, []);
});

Deno.test("GET / → one line of text that says what answers", async () => {
  const { endpoint, subpath } = findEndpoint("/");
  const handler = endpoint.routes[0]?.methods.get("GET");
  assert.ok(handler !== undefined && subpath === "");
  const backend = await testBackend();
  const exchange = { requestId: "r", address: "192.0.2.1", params: {}, afterReply: () => undefined };
  const reply = await handler(incomingOf(new Request("https://fleet.example/")), { ...backend, ...exchange });
  assert.match(String(reply.body), /^openclaw \d+\.\d+\.\d+: [^\n]+\n$/);
  assert.match(reply.headers["content-type"] ?? "", /^text\/plain/);
});

for (const path of ["/api", "/functions/v1", "/nothing", "//", "/api/agents/x"]) {
  Deno.test(`GET ${path} → not_found`, async () => {
    assertError(await askPath(path, await testBackend()), "not_found", 404);
  });
}
