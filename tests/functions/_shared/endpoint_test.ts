import assert from "node:assert/strict";
import { type Endpoint, resource } from "../../../supabase/functions/_shared/http/routes.ts";
import { ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import { agentId, ask, failingDatabase, operatorKey, secret, testBackend } from "../../_support/backend.ts";
import { assertError, record } from "../../_support/client.ts";
import { credential, goodRequest, resources } from "../_resources.ts";
import { badAuthorizations, forge } from "../_tokens.ts";
import { operatorsWithUsers, userAuthorization } from "../_users.ts";

/** An endpoint that throws. */
function throwing(thrown: unknown): Endpoint {
  return resource("thrower", { GET: () => Promise.reject(thrown) });
}

function parse(line: string | undefined): Record<string, unknown> {
  const parsed: unknown = JSON.parse(line ?? "");
  return record(parsed);
}

for (
  const [name, thrown] of [
    ["an error", new Error("relation is gone")],
    ["an error with a cause", new Error("outside", { cause: new Error("relation is gone") })],
  ] as const
) {
  Deno.test(`${name} that nobody foresaw → internal: the cause in the log, under the request id, not in the reply`, async () => {
    const backend = await testBackend();
    const reply = await ask(throwing(thrown), backend);
    assertError(reply, "internal", 500);
    assert.ok(
      !JSON.stringify(reply.body).includes("cause") || !JSON.stringify(reply.body).includes("outside"),
    );
    assert.equal(backend.lines.length, 1);
    const line = parse(backend.lines[0]);
    assert.equal(line.level, "error");
    assert.equal(line.path, "thrower");
    assert.equal(line.request_id, reply.body.request_id);
    assert.match(String(line.cause), /Error: relation is gone$/);
  });
}

Deno.test("a thrown text → internal, and the text is neither in the reply nor in the log", async () => {
  const backend = await testBackend();
  assertError(await ask(throwing("a row of the database"), backend), "internal", 500);
  assert.ok(!backend.lines.join().includes("a row"));
});

Deno.test("a handler that throws before it returns a promise → internal", async () => {
  const endpoint = resource("thrower", {
    GET: () => {
      throw new TypeError("at once");
    },
  });
  assertError(await ask(endpoint, await testBackend()), "internal", 500);
});

Deno.test("the cause of a refusal below 500 is not logged: it is counted", async () => {
  const backend = await testBackend();
  await ask(throwing(new ContractError("invalid_request", "Cannot do it: no", { cause: secret })), backend);
  assert.equal(backend.lines.length, 1);
  assert.deepEqual(Object.keys(record(parse(backend.lines[0]).requests)), ["thrower 400"]);
});

Deno.test("every good request is counted under its path and status, with its request id", async () => {
  for (const one of resources) {
    const backend = await testBackend();
    const headers = { ...await credential(one), "x-request-id": "sample-1" };
    await ask(one.endpoint, backend, { ...await goodRequest(one), headers });
    assert.deepEqual(parse(backend.lines.at(-1)).requests, {
      [`${one.endpoint.name} ${one.status}`]: { count: 1, samples: ["sample-1"] },
    }, one.name);
  }
});

Deno.test("OPTIONS is counted too", async () => {
  const backend = await testBackend();
  await ask(throwing(null), backend, { method: "OPTIONS" });
  assert.deepEqual(Object.keys(record(parse(backend.lines[0]).requests)), ["thrower 204"]);
});

Deno.test("work after the reply does not hold it up, and is done although the reply is an error", async () => {
  const done: string[] = [];
  const endpoint = resource("later", {
    GET: (_request, { afterReply }) => {
      afterReply(() => Promise.resolve(void done.push("work")));
      done.push("reply");
      return Promise.reject(new ContractError("conflict", "Cannot do it: no"));
    },
  });
  assertError(await ask(endpoint, await testBackend()), "conflict", 409);
  assert.deepEqual(done, ["reply", "work"]);
});

Deno.test("no credential reaches a log line, whatever is asked with it", async () => {
  const token = await forge();
  const { authorization } = await userAuthorization();
  const bad = await Promise.all(badAuthorizations.map(({ make }) => make()));
  const held = [secret, secret.slice(0, 40), token, authorization.slice(7), operatorKey];
  const headerSets: Record<string, string>[] = [
    {},
    { apikey: operatorKey },
    { apikey: secret },
    { apikey: `${operatorKey}x` },
    { authorization },
    { authorization: `Bearer ${operatorKey}` },
    { authorization: `Bearer ${secret}` },
    { authorization: `Bearer ${token}`, "x-request-id": secret },
    ...bad.filter((value) => value !== null).map((value) => ({ authorization: value })),
  ];
  const bodies = [
    { agent_id: agentId, agent_secret: secret, name: "edge 1" },
    { agent_id: agentId, agent_secret: secret.slice(0, 40), name: secret, message: token },
  ];
  const lines: string[] = [];
  for (const failure of [null, new Error(`Cannot take ${secret} and ${token} with ${operatorKey}`)]) {
    for (const one of resources) {
      for (const headers of headerSets) {
        const backend = await testBackend(failure === null ? {} : failingDatabase(() => failure));
        backend.operators = await operatorsWithUsers();
        for (const body of one.body === null ? [null] : bodies) {
          const init = body === null ? {} : { body: JSON.stringify(body) };
          await ask(one.endpoint, backend, { method: one.method, rest: one.rest, headers, ...init });
        }
        lines.push(...backend.lines);
      }
    }
  }
  assert.ok(lines.length > 300, String(lines.length));
  for (const line of lines) {
    assert.ok(record(parse(line)));
    for (const value of held) assert.ok(!line.includes(value), line);
    for (const value of bad) {
      if ((value ?? "").length > 60) assert.ok(!line.includes(value?.slice(7) ?? ""), line);
    }
    assert.ok(!/authorization|agent_secret|bearer/i.test(line), line);
  }
});
