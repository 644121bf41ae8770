import assert from "node:assert/strict";
import { ContractError, unavailable } from "../../../supabase/functions/_shared/http/errors.ts";
import {
  actorOf,
  type Operator,
  remoteUserKeys,
  scopeOf,
  supabaseOperators,
} from "../../../supabase/functions/_shared/operator.ts";
import { Refusals } from "../../../supabase/functions/_shared/http/refusals.ts";
import { digestSecret } from "../../../supabase/functions/_shared/secret.ts";
import { operatorKey, readerKeyRow } from "../../_support/backend.ts";
import { readerKey } from "../../_support/vectors.ts";
import { forge } from "../_tokens.ts";
import { makeUserIssuer, operatorsWithUsers, userAuthorization, userId, users } from "../_users.ts";
import { serveLoopback } from "../_loopback.ts";

const key: Operator = { kind: "key", name: "default" };
const user: Operator = { kind: "user", id: userId, email: null };

async function identify(headers: Record<string, string>, refusals = newRefusals()): Promise<Operator> {
  const request = new Request("https://fleet.example/functions/v1/create-agent", { method: "POST", headers });
  return await (await operatorsWithUsers()).identify(request, fromWhom(refusals));
}

/** A request's sender, and a database that knows no reader's key and must not be asked for one. */
function fromWhom(refusals = newRefusals()) {
  const find = () => Promise.reject(new Error("not asked for"));
  return { address: "192.0.2.1", refusals, database: { readerKeys: { find } } };
}

function newRefusals(): Refusals {
  return new Refusals(() => new Date());
}

/** Asserts a refusal by its code, and that nothing of the credentials is in its message. */
async function refused(headers: Record<string, string>, code: string): Promise<void> {
  const refusals = newRefusals();
  await assert.rejects(identify(headers, refusals), (error: Error) => {
    assert.ok(error instanceof ContractError, String(error));
    assert.equal(error.code, code);
    for (const value of Object.values(headers)) {
      if (value !== "") assert.ok(!error.message.includes(value));
    }
    return true;
  });
  assert.equal(refusals.size, code === "operator_required" ? 1 : 0, "what is counted");
}

Deno.test("a secret API key administers, under its name", async () => {
  assert.deepEqual(await identify({ apikey: operatorKey }), key);
});

Deno.test("a second secret API key administers, under its own name", async () => {
  const operators = supabaseOperators({
    url: "https://fleet.example",
    secretKeys: { default: operatorKey, ci: "sb_secret_for_ci" },
    userKeys: () => Promise.reject(new Error("not asked for")),
  });
  const request = new Request("https://fleet.example", { headers: { apikey: "sb_secret_for_ci" } });
  const from = fromWhom();
  assert.deepEqual(await operators.identify(request, from), { kind: "key", name: "ci" });
});

Deno.test("a secret API key administers when supabase-js sends it as the bearer token, too", async () => {
  assert.deepEqual(await identify({ apikey: operatorKey, authorization: `Bearer ${operatorKey}` }), key);
});

Deno.test("a user's access token administers, as that user", async () => {
  assert.deepEqual(await identify(await userAuthorization()), user);
});

Deno.test("a user's access token beside a publishable key administers, as supabase-js sends them", async () => {
  assert.deepEqual(await identify({ apikey: "sb_publishable_x", ...await userAuthorization() }), user);
});

Deno.test("a user's access token with a list for its aud administers", async () => {
  assert.deepEqual(await identify(await userAuthorization({ aud: ["authenticated"] })), user);
});

Deno.test("a credential that holds is not counted as a refusal", async () => {
  const refusals = newRefusals();
  await identify({ apikey: operatorKey }, refusals);
  await identify(await userAuthorization(), refusals);
  assert.equal(refusals.size, 0);
});

const moment = Math.floor(Date.now() / 1000);
const wrongClaims: [name: string, claims: Record<string, unknown>][] = [
  ["another audience", { aud: "openclaw:agent" }],
  ["no audience", { aud: undefined }],
  ["no end", { exp: undefined }],
  ["the role of anon", { role: "anon" }],
  ["the role service_role", { role: "service_role" }],
  ["no role", { role: undefined }],
  ["no subject", { sub: undefined }],
  ["a subject that is no uuid", { sub: "admin" }],
  ["an age that has passed", { iat: moment - 7200, exp: moment - 3600 }],
  ["a start that is ahead", { nbf: moment + 3600 }],
];

for (const [name, claims] of wrongClaims) {
  Deno.test(`a user's token with ${name} → operator_required`, async () => {
    await refused(await userAuthorization(claims), "operator_required");
  });
}

Deno.test("an anonymous user's token → forbidden", async () => {
  await refused(await userAuthorization({ is_anonymous: true }), "forbidden");
});

Deno.test("an anonymous user's token with another audience → operator_required", async () => {
  await refused(await userAuthorization({ is_anonymous: true, aud: "x" }), "operator_required");
});

const wrongCredentials: [name: string, headers: () => Promise<Record<string, string>>][] = [
  ["nothing", () => Promise.resolve({})],
  ["a wrong secret API key", () => Promise.resolve({ apikey: "sb_secret_wrong" })],
  ["a cut secret API key", () => Promise.resolve({ apikey: operatorKey.slice(0, -1) })],
  ["a secret API key in the other case", () => Promise.resolve({ apikey: operatorKey.toUpperCase() })],
  ["an empty API key", () => Promise.resolve({ apikey: "" })],
  ["a publishable key", () => Promise.resolve({ apikey: "sb_publishable_x" })],
  [
    "a secret API key as bearer token alone",
    () => Promise.resolve({ authorization: `Bearer ${operatorKey}` }),
  ],
  ["another scheme", () => Promise.resolve({ authorization: "Basic YTpi" })],
  ["garbage", () => Promise.resolve({ authorization: "Bearer garbage" })],
  ["garbage in three parts", () => Promise.resolve({ authorization: "Bearer a.b.c" })],
  ["an agent's session", async () => ({ authorization: `Bearer ${await forge()}` })],
  ["a token of an issuer of the same kid", async () => {
    return { authorization: `Bearer ${await (await makeUserIssuer()).token()}` };
  }],
  ["a token of an unknown kid", async () => {
    return { authorization: `Bearer ${await (await makeUserIssuer("users-9")).token()}` };
  }],
  ["a token without a signature", async () => {
    const [header = "", claims = ""] = (await (await users).token()).split(".");
    return { authorization: `Bearer ${header}.${claims}.` };
  }],
];

for (const [name, headers] of wrongCredentials) {
  Deno.test(`${name} → operator_required, and the refusal is counted`, async () => {
    await refused(await headers(), "operator_required");
  });
}

Deno.test("a bad token beside a good secret key is not passed over: presented and wrong stops", async () => {
  await refused({ apikey: operatorKey, authorization: "Bearer a.b.c" }, "operator_required");
});

Deno.test("users' keys are asked for only when a user's token is presented", async () => {
  let asked = 0;
  const operators = supabaseOperators({
    url: "https://fleet.example",
    secretKeys: { default: operatorKey },
    userKeys: () => {
      asked++;
      return Promise.resolve({ keys: [] });
    },
  });
  const from = fromWhom();
  await operators.identify(new Request("https://fleet.example", { headers: { apikey: operatorKey } }), from);
  await assert.rejects(operators.identify(new Request("https://fleet.example"), from), ContractError);
  assert.equal(asked, 0);
});

Deno.test("an operator's act and scope: a user's own rows, a key's all rows", () => {
  assert.equal(actorOf(user), `user:${userId}`);
  assert.equal(scopeOf(user), userId);
  assert.equal(actorOf(key), "key:default");
  assert.equal(scopeOf(key), null);
});

/** A database that knows the reader's key of bytes 00 to 1f, as its maker's. */
function knowing(ownerId: string | null) {
  const asked: string[] = [];
  const find = (digest: string) => {
    asked.push(digest);
    return Promise.resolve({ ...readerKeyRow, owner_id: ownerId });
  };
  return { from: { ...fromWhom(), database: { readerKeys: { find } } }, asked };
}

for (const ownerId of [userId, null]) {
  Deno.test(`a reader's key reads what its maker sees (${ownerId ?? "all rows"}), and the database is asked by its digest`, async () => {
    const { from, asked } = knowing(ownerId);
    const request = new Request("https://fleet.example", { headers: { apikey: readerKey } });
    const reader = await (await operatorsWithUsers()).identifyReader(request, from);
    assert.deepEqual(reader, { kind: "reader", ownerId });
    assert.equal(scopeOf(reader), ownerId);
    assert.deepEqual(asked, [digestSecret(readerKey)]);
  });
}

Deno.test("the reader's key of the data folder reads all rows, and no database is asked", async () => {
  const operators = supabaseOperators({
    url: "https://fleet.example",
    secretKeys: { default: operatorKey },
    readerKeyDigest: digestSecret(readerKey),
    userKeys: () => Promise.resolve({ keys: [] }),
  });
  const request = new Request("https://fleet.example", { headers: { apikey: readerKey } });
  assert.deepEqual(await operators.identifyReader(request, fromWhom()), { kind: "reader", ownerId: null });
  await assert.rejects(operators.identify(request, fromWhom()), { code: "forbidden" });
});

const beside: [what: string, headers: () => Promise<Record<string, string>>, read: object | string][] = [
  ["a user's token with a reader's key for API key", async () => ({
    apikey: readerKey,
    ...await userAuthorization(),
  }), user],
  [
    "a bad token with a reader's key for API key",
    () => Promise.resolve({ apikey: readerKey, authorization: "Bearer a.b.c" }),
    "operator_required",
  ],
  [
    "a reader's key with a secret API key",
    () => Promise.resolve({ apikey: operatorKey, authorization: `Bearer ${readerKey}` }),
    {
      kind: "reader",
      ownerId: userId,
    },
  ],
  [
    "another scheme with a reader's key for API key",
    () => Promise.resolve({ apikey: readerKey, authorization: "Basic YTpi" }),
    { kind: "reader", ownerId: userId },
  ],
];
for (const [what, headers, read] of beside) {
  Deno.test(`${what} → the bearer token counts, else the API key`, async () => {
    const operators = await operatorsWithUsers();
    const request = new Request("https://fleet.example", { headers: await headers() });
    const reader = operators.identifyReader(request, knowing(userId).from);
    if (typeof read === "string") await assert.rejects(reader, { code: read });
    else assert.deepEqual(await reader, read);
  });
}

Deno.test("a database that is unreachable → unavailable, and the reader's key is not refused", async () => {
  const from = fromWhom();
  from.database.readerKeys.find = () => Promise.reject(unavailable("the database", null));
  const request = new Request("https://fleet.example", { headers: { apikey: readerKey } });
  await assert.rejects((await operatorsWithUsers()).identifyReader(request, from), { code: "unavailable" });
  assert.equal(from.refusals.size, 0);
});

Deno.test("the issuer's keys are fetched once, and kept", async () => {
  const { jwks } = await users;
  await using server = await serveLoopback(() => Response.json(jwks));
  const userKeys = remoteUserKeys(server.url);
  assert.deepEqual((await userKeys("users-1")).keys, jwks.keys);
  await userKeys("users-1");
  await userKeys("users-1");
  assert.equal(server.requests, 1);
});

Deno.test("a key that was not seen yet is fetched 30 s after the last fetch, not sooner", async () => {
  const [before, after] = [await makeUserIssuer("old"), await makeUserIssuer("new")];
  let { jwks } = before;
  await using server = await serveLoopback(() => Response.json(jwks));
  const userKeys = remoteUserKeys(server.url);
  await userKeys("old");
  jwks = { keys: [...after.jwks.keys, ...before.jwks.keys] };
  assert.deepEqual((await userKeys("new")).keys.map(({ kid }) => kid), ["old"]);
  await later(31, async () => {
    assert.deepEqual((await userKeys("new")).keys.map(({ kid }) => kid), ["new", "old"]);
  });
  assert.equal(server.requests, 2);
});

Deno.test("tokens of unknown keys make one fetch in 30 s, however many there are", async () => {
  const { jwks } = await users;
  await using server = await serveLoopback(() => Response.json(jwks));
  const userKeys = remoteUserKeys(server.url);
  for (let index = 0; index < 50; index++) await userKeys(`nobody-${index}`);
  await userKeys(undefined);
  assert.equal(server.requests, 1);
});

const noKeys: [name: string, answer: () => Response][] = [
  ["answers 500", () => new Response("broken", { status: 500 })],
  ["answers 404", () => Response.json({}, { status: 404 })],
  ["answers no JSON", () => new Response("<html>")],
  ["answers no JWK Set", () => Response.json({ error: "no" })],
  ["answers a set of no keys", () => Response.json({ keys: ["a"] })],
  ["redirects", () => new Response(null, { status: 302, headers: { location: "/elsewhere" } })],
];

for (const [name, answer] of noKeys) {
  Deno.test({
    name: `an issuer that ${name} → unavailable, and is asked again the next time`,
    // jose leaves the body of a reply that is not 200 to the garbage collector.
    sanitizeResources: false,
    async fn() {
      const { jwks } = await users;
      let broken = true;
      await using server = await serveLoopback(() => broken ? answer() : Response.json(jwks));
      const userKeys = remoteUserKeys(server.url);
      await isUnavailable(userKeys("users-1"));
      broken = false;
      assert.deepEqual((await userKeys("users-1")).keys, jwks.keys);
    },
  });
}

Deno.test("an issuer that nobody reaches → unavailable", async () => {
  const server = await serveLoopback(() => Response.json({ keys: [] }));
  await server[Symbol.asyncDispose]();
  await isUnavailable(remoteUserKeys(server.url)("users-1"));
});

Deno.test("a user's token is unavailable, not refused, while the issuer's keys cannot be had", async () => {
  const server = await serveLoopback(() => Response.json({ keys: [] }));
  await server[Symbol.asyncDispose]();
  const operators = supabaseOperators({
    url: "https://fleet.example",
    secretKeys: { default: operatorKey },
    userKeys: remoteUserKeys(server.url),
  });
  const refusals = newRefusals();
  const request = new Request("https://fleet.example", { headers: await userAuthorization() });
  await isUnavailable(operators.identify(request, fromWhom(refusals)));
  assert.equal(refusals.size, 0);
});

async function isUnavailable(work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error: Error) => {
    assert.ok(error instanceof ContractError, String(error));
    assert.equal(error.code, "unavailable");
    assert.ok((error.retryAfterSeconds ?? 0) > 0);
    assert.notEqual(error.cause, undefined);
    return true;
  });
}

/** Does the work as if it were so many seconds later. */
async function later(seconds: number, work: () => Promise<void>): Promise<void> {
  const real = Date.now;
  Date.now = () => real() + seconds * 1000;
  try {
    await work();
  } finally {
    Date.now = real;
  }
}
