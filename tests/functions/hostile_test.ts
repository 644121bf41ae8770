import assert from "node:assert/strict";
import { base64url } from "jose";
import { unavailable } from "../../supabase/functions/_shared/http/errors.ts";
import {
  agentId,
  ask,
  failingDatabase,
  operatorKey,
  readerKeyRow,
  secret,
  testBackend,
} from "../_support/backend.ts";
import { assertError, type Reply } from "../_support/client.ts";
import { enrollmentCode, readerKey } from "../_support/vectors.ts";
import { assertCommon, refused } from "./_hostile.ts";
import { credential, goodRequest, resources } from "./_resources.ts";
import { badAuthorizations, forge } from "./_tokens.ts";
import { operatorsWithUsers, strangerId, userAuthorization, userId } from "./_users.ts";

for (const resource of resources) {
  const { name, endpoint, rest, status } = resource;
  const cacheControl = endpoint.name === "jwks" ? "public, max-age=300" : "no-store";

  Deno.test(`${name}, asked well, answers ${status}`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, await goodRequest(resource));
    assert.equal(reply.status, status, JSON.stringify(reply.body));
    assertCommon(reply, { cacheControl });
    assert.equal(backend.calls.length, resource.calls ?? (resource.usesDatabase ? 1 : 0));
  });

  Deno.test(`OPTIONS of ${name} → 204 with CORS, whoever asks`, async () => {
    const backend = await testBackend();
    const headers = {
      origin: "https://app.example",
      "access-control-request-method": resource.method,
      "access-control-request-headers": "authorization,apikey,content-type,x-client-info",
    };
    const reply = await ask(endpoint, backend, { method: "OPTIONS", rest, headers });
    assert.equal(reply.status, 204);
    assert.deepEqual(reply.body, {});
    assertCommon(reply, { isPreflight: true });
    const allowed = reply.headers.get("access-control-allow-headers") ?? "";
    for (const name of ["authorization", "x-client-info", "apikey", "content-type", "x-request-id"]) {
      assert.ok(allowed.split(", ").includes(name), name);
    }
    const methods = reply.headers.get("access-control-allow-methods") ?? "";
    assert.ok(methods.split(", ").includes(resource.method), methods);
    assert.deepEqual(backend.calls, []);
  });

  const methods = ["PUT", "PATCH", "DELETE", "PROPFIND", "GET", "POST", "HEAD"];
  const isAllowed = (method: string) =>
    resource.allow.split(", ").includes(method === "HEAD" ? "GET" : method);
  for (const method of methods.filter((one) => !isAllowed(one))) {
    Deno.test(`${method} where ${name} is → method_not_allowed, allow: ${resource.allow}`, async () => {
      const init = { method, headers: await credential(resource) };
      const reply = await refused(resource, init, ["method_not_allowed", 405]);
      assert.equal(reply.headers.get("allow"), resource.allow);
    });
  }

  for (const given of ["a", "req_1.2-3", "A".repeat(64), "0"]) {
    Deno.test(`${name} gives the request id "${given}" back`, async () => {
      const good = await goodRequest(resource);
      const headers = { ...await credential(resource), "x-request-id": given };
      const reply = await ask(endpoint, await testBackend(), { ...good, headers });
      assert.equal(reply.headers.get("x-request-id"), given);
    });
  }

  for (const given of ["", "a b", "a/b", "é", "A".repeat(65), "a,b", '"a"', "<script>"]) {
    Deno.test(`${name} gives the request id "${given}" not back, but one of its own`, async () => {
      const good = await goodRequest(resource);
      const headers = { ...await credential(resource), "x-request-id": given };
      const reply = await ask(endpoint, await testBackend(), { ...good, headers });
      assert.match(reply.headers.get("x-request-id") ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    });
  }

  if (resource.usesDatabase) {
    Deno.test(`${name} without a database → unavailable with retry-after, and the log has the cause`, async () => {
      const cause = Object.assign(new Error("connect 10.0.0.7:5432"), { code: "ECONNREFUSED" });
      const backend = await testBackend(failingDatabase(() => unavailable("the database", cause)));
      const reply = await ask(endpoint, backend, await goodRequest(resource));
      assertError(reply, "unavailable", 503);
      assertCommon(reply);
      assert.equal(reply.headers.get("retry-after"), "5");
      assertCause(backend.lines, reply, "Error ECONNREFUSED: connect 10.0.0.7:5432");
    });

    Deno.test(`${name} with a database that fails as nobody foresaw → internal, and the log has the cause`, async () => {
      const backend = await testBackend(
        failingDatabase(() => new TypeError("relation agents does not exist")),
      );
      const reply = await ask(endpoint, backend, await goodRequest(resource));
      assertError(reply, "internal", 500);
      assertCommon(reply);
      assertCause(backend.lines, reply, "TypeError: relation agents does not exist");
    });
  } else {
    Deno.test(`${name} without a database answers all the same`, async () => {
      const backend = await testBackend(failingDatabase(() => unavailable("the database", null)));
      assert.equal((await ask(endpoint, backend, await goodRequest(resource))).status, status);
    });
  }
}

for (const resource of resources.filter(({ asks }) => asks === "session")) {
  for (const { name, code, make } of badAuthorizations) {
    Deno.test(`${resource.name} with ${name} → ${code}`, async () => {
      const authorization = await make();
      const good = await goodRequest(resource);
      const headers = new Headers(authorization === null ? {} : { authorization });
      const reply = await refused(resource, { ...good, headers }, [code, 401]);
      const challenge = code === "token_missing" ? "Bearer" : 'Bearer error="invalid_token"';
      assert.equal(reply.headers.get("www-authenticate"), challenge);
    });
  }

  Deno.test(`${resource.name} with an operator's key and no session → token_missing`, async () => {
    await refused(resource, { headers: { apikey: operatorKey } }, ["token_missing", 401]);
  });

  Deno.test(`${resource.name} with a user's token → token_invalid`, async () => {
    await refused(resource, { headers: await userAuthorization() }, ["token_invalid", 401]);
  });

  Deno.test(`${resource.name} with a session of a missing row → session_revoked, and nothing is written after`, async () => {
    const nothing = {
      sessions: { read: () => Promise.resolve(null) },
      heartbeats: { record: () => Promise.resolve([null]) },
    };
    const backend = await testBackend(nothing);
    const reply = await ask(resource.endpoint, backend, await goodRequest(resource));
    assertError(reply, "session_revoked", 401);
    assertCommon(reply);
    assert.equal(reply.headers.get("www-authenticate"), 'Bearer error="invalid_token"');
    assert.equal(backend.calls.length, 1);
  });
}

for (const resource of resources.filter(({ asks }) => asks === "operator" || asks === "reader")) {
  const { name, endpoint } = resource;
  const bad: [name: string, headers: () => Promise<Record<string, string>>][] = [
    ["no credential", () => Promise.resolve({})],
    ["garbage", () => Promise.resolve({ authorization: "Bearer garbage" })],
    ["a wrong key", () => Promise.resolve({ apikey: "sb_secret_wrong" })],
    ["an agent's session", async () => ({ authorization: `Bearer ${await forge()}` })],
    ["an agent's secret as key", () => Promise.resolve({ apikey: secret })],
    ["an enrollment code as key", () => Promise.resolve({ apikey: enrollmentCode })],
    ["a mistyped reader's key", () => Promise.resolve({ apikey: `${readerKey.slice(0, -1)}x` })],
    [
      "a cut reader's key as bearer token",
      () => Promise.resolve({ authorization: `Bearer ${readerKey.slice(0, -1)}` }),
    ],
    ["a user's token of another audience", () => userAuthorization({ aud: "openclaw:agent" })],
    ["a user's token of another role", () => userAuthorization({ role: "anon" })],
    ["a user's token that has expired", () => userAuthorization({ iat: 1, exp: 2 })],
    ["a token that says alg none", () => Promise.resolve({ authorization: `Bearer ${unsecured()}` })],
  ];
  for (const [what, headers] of bad) {
    Deno.test(`${name} with ${what} → operator_required`, async () => {
      const good = await goodRequest(resource);
      const reply = await refused(resource, { ...good, headers: await headers() }, [
        "operator_required",
        401,
      ]);
      assert.equal(reply.headers.get("www-authenticate"), "Bearer");
    });
  }

  Deno.test(`${name} with an anonymous user's token → forbidden`, async () => {
    const headers = await userAuthorization({ is_anonymous: true });
    await refused(resource, { ...await goodRequest(resource), headers }, ["forbidden", 403]);
  });

  Deno.test(`${name} when the issuer's keys cannot be had → unavailable, not a 401`, async () => {
    const backend = await testBackend();
    const broken = unavailable("the issuer of users' tokens", new Error("no route"));
    const identify = () => Promise.reject(broken);
    backend.operators = { identify, identifyReader: identify };
    const reply = await ask(endpoint, backend, await goodRequest(resource));
    assertError(reply, "unavailable", 503);
    assert.equal(reply.headers.get("retry-after"), "5");
    assert.deepEqual(backend.calls, []);
  });
}

const readerHeaders: [how: string, headers: Record<string, string>][] = [
  ["as API key", { apikey: readerKey }],
  ["as bearer token", { authorization: `Bearer ${readerKey}` }],
  ["as both, as supabase-js sends a key", { apikey: readerKey, authorization: `bearer ${readerKey}` }],
];

for (const resource of resources.filter(({ asks }) => asks === "reader")) {
  for (const [how, headers] of readerHeaders) {
    Deno.test(`${resource.name} with a reader's key ${how} answers ${resource.status}, and shows its maker's rows`, async () => {
      const find = () => Promise.resolve({ ...readerKeyRow, owner_id: userId });
      const backend = await testBackend({ readerKeys: { find } });
      const reply = await ask(resource.endpoint, backend, { ...await goodRequest(resource), headers });
      assert.equal(reply.status, resource.status, JSON.stringify(reply.body));
      assert.equal(backend.calls.length, 2);
      const isAsked = JSON.stringify(backend.calls[1]?.args).includes(userId);
      assert.equal(isAsked, resource.isOfNobody !== true);
    });
  }
}

for (const resource of resources.filter(({ asks }) => asks === "operator")) {
  for (const [how, headers] of readerHeaders) {
    Deno.test(`${resource.name} with a reader's key ${how} → forbidden, and nothing is done`, async () => {
      const backend = await testBackend();
      const reply = await ask(resource.endpoint, backend, { ...await goodRequest(resource), headers });
      assertError(reply, "forbidden", 403);
      assertCommon(reply);
      assert.deepEqual(backend.calls.map(({ name }) => name), ["readerKeys.find"]);
      assert.equal(backend.refusals.size, 0);
    });
  }
}

for (const resource of resources.filter(({ asks }) => asks === "operator" || asks === "reader")) {
  Deno.test(`${resource.name} with an unknown reader's key → operator_required, counted, and nothing is done`, async () => {
    const backend = await testBackend({ readerKeys: { find: () => Promise.resolve(null) } });
    const headers = { apikey: readerKey };
    const reply = await ask(resource.endpoint, backend, { ...await goodRequest(resource), headers });
    assertError(reply, "operator_required", 401);
    assertCommon(reply);
    assert.deepEqual(backend.calls.map(({ name }) => name), ["readerKeys.find"]);
    assert.equal(backend.refusals.size, 1);
  });
}

for (const resource of resources.filter(({ rest }) => rest.includes(agentId))) {
  const { name, endpoint } = resource;
  const none = () => Promise.resolve(null);
  const nobody = { get: none, revoke: none };
  const missing = {
    agents: { ...nobody, edit: none, restore: none, endSessions: none, delete: none },
    events: { list: none },
    history: { read: none },
    enrollments: nobody,
    incidents: { get: none, acknowledge: none },
    readerKeys: { revoke: none },
    secrets: { rotate: none, request: none },
    copies: { adopt: none, revoke: none },
    channels: { find: none, edit: none, remove: none },
  };

  Deno.test(`${name} of a missing row → not_found`, async () => {
    const reply = await ask(endpoint, await testBackend(missing), await goodRequest(resource));
    assertError(reply, "not_found", 404);
    assertCommon(reply);
  });

  Deno.test(`${name} of another owner → not_found, as if it were not there, and no line of an act`, async () => {
    const backend = await testBackend(missing);
    backend.operators = await operatorsWithUsers();
    const headers = await userAuthorization();
    const reply = await ask(endpoint, backend, { ...await goodRequest(resource), headers });
    assertError(reply, "not_found", 404);
    const [call] = backend.calls;
    assert.ok(JSON.stringify(call?.args).includes(userId), "the database is asked for the user's own rows");
    assert.ok(
      backend.lines.every((line) => !/"event":"(agent|channel|enrollment|incident|reader key)/.test(line)),
      backend.lines.join("\n"),
    );
  });

  const badIds = [
    "1",
    "agent",
    agentId.slice(1),
    `${agentId}0`,
    "%00",
    "...",
    "'; drop table agents; --",
    "null",
  ];
  for (const id of badIds) {
    Deno.test(`${name} with the id ${id} → invalid_request`, async () => {
      const badRest = resource.rest.replace(agentId, id);
      await refused({ ...resource, rest: badRest }, { headers: { apikey: operatorKey } }, [
        "invalid_request",
        400,
      ]);
    });
  }

  Deno.test(`${name} with a bad id and no credential → operator_required: strangers learn nothing`, async () => {
    await refused({ ...resource, rest: resource.rest.replace(agentId, "1") }, {}, ["operator_required", 401]);
  });

  Deno.test(`${name} with an uppercase id is answered, and asks for the lower case`, async () => {
    const backend = await testBackend();
    const rest = resource.rest.replace(agentId, agentId.toUpperCase());
    const reply = await ask(endpoint, backend, { ...await goodRequest(resource), rest });
    assert.equal(reply.status, 200);
    const args = JSON.stringify(backend.calls[0]?.args);
    assert.ok(args.includes(agentId) && !args.includes(agentId.toUpperCase()), args);
  });
}

for (const resource of resources) {
  const { routes } = resource.endpoint;
  const hasIds = routes.some(({ path }) => path.includes(":id"));
  const paths = [
    ...(hasIds
      ? ["/", `/${agentId}/`, `/${agentId}/remove`, `/${agentId}/revoke/now`, "//revoke"]
      : ["/", "/more", `/${agentId}`]),
  ];
  for (const rest of paths) {
    Deno.test(`${resource.method} /${resource.endpoint.name}${rest} → not_found (beside ${resource.name})`, async () => {
      await refused({ ...resource, rest }, { headers: await credential(resource) }, ["not_found", 404]);
    });
  }
}

Deno.test("HEAD is GET without its body, on every resource that has GET", async () => {
  for (const resource of resources.filter(({ method }) => method === "GET")) {
    const backend = await testBackend();
    const good = await goodRequest(resource);
    const reply = await ask(resource.endpoint, backend, { ...good, method: "HEAD" });
    assert.equal(reply.status, 200, resource.name);
    assert.deepEqual(reply.body, {});
  }
});

Deno.test("what somebody else owns cannot be enrolled for them by a user → forbidden", async () => {
  const [createAgent] = resources;
  assert.ok(createAgent !== undefined);
  const init = {
    headers: await userAuthorization(),
    body: JSON.stringify({ name: "a", owner_id: strangerId }),
  };
  await refused(createAgent, init, ["forbidden", 403]);
});

function assertCause(lines: string[], reply: Reply, cause: string): void {
  const text = JSON.stringify(reply.body);
  const line = lines.find((one) => one.includes(`"request_id":"${reply.headers.get("x-request-id")}"`)) ?? "";
  assert.ok(line.includes('"level":"error"'), line);
  assert.ok(line.includes(cause), line);
  assert.ok(!text.includes("10.0.0.7") && !text.includes("relation"), text);
}

function unsecured(): string {
  const part = (value: unknown): string => base64url.encode(JSON.stringify(value));
  return `${part({ alg: "none", kid: "users-1" })}.${part({ sub: userId, aud: "authenticated" })}.`;
}
