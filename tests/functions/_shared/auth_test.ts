import assert from "node:assert/strict";
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader } from "jose";
import {
  bearerToken,
  issueSession,
  type Session,
  verifySession,
} from "../../../supabase/functions/_shared/auth.ts";
import { generateSigningKey, importKeyRing, type KeyRing } from "../../../supabase/functions/_shared/keys.ts";
import { VerifiedTokens } from "../../../supabase/functions/_shared/verified_tokens.ts";
import { ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import { agentId, issuer, keys, now } from "../../_support/backend.ts";
import { badAuthorizations, forge, seconds } from "../_tokens.ts";

const session: Session = { agentId, epoch: 1 };

async function verify(token: string | null, ring?: KeyRing): Promise<Session> {
  return await verifySession(token, {
    keys: ring ?? await keys,
    issuer,
    now,
    verifiedTokens: new VerifiedTokens(),
  });
}

async function refusal(token: string | null, ring?: KeyRing): Promise<string> {
  try {
    await verify(token, ring);
  } catch (error) {
    if (error instanceof ContractError) return error.code;
    throw error;
  }
  return "accepted";
}

async function issue(ring: KeyRing): Promise<string> {
  return await issueSession(ring, { ...session, issuer, lifetimeSeconds: 900, now });
}

Deno.test("a session token is a JWT access token with the contract's header and claims, and no more", async () => {
  const token = await issue(await keys);
  assert.deepEqual(decodeProtectedHeader(token), {
    alg: "EdDSA",
    typ: "at+jwt",
    kid: (await keys).signing.kid,
  });
  const { jti, ...claims } = decodeJwt(token);
  assert.match(String(jti), /^[0-9a-f-]{36}$/);
  assert.deepEqual(claims, {
    client_id: agentId,
    epoch: 1,
    iss: issuer,
    aud: "openclaw:agent",
    sub: agentId,
    iat: seconds,
    exp: seconds + 900,
  });
});

Deno.test("two session tokens of one moment have different ids", async () => {
  assert.notEqual(decodeJwt(await issue(await keys)).jti, decodeJwt(await issue(await keys)).jti);
});

Deno.test("an issued token verifies, and says who it is for and its epoch", async () => {
  assert.deepEqual(await verify(await issue(await keys)), session);
});

for (
  const [name, claims] of [
    ["the service's own header and claims", {}],
    ["iat 29 s ahead", { iat: seconds + 29 }],
    ["iat 30 s ahead", { iat: seconds + 30 }],
    ["exp 1 s ahead", { exp: seconds + 1 }],
    ["nbf that is now", { nbf: seconds }],
    ["an aud that is a list with ours in it (RFC 7519 section 4.1.3)", { aud: ["x", "openclaw:agent"] }],
    ["claims that nobody knows", { scope: "fleet", nested: { deep: [1] } }],
  ] as const
) {
  Deno.test(`a token with ${name} is accepted`, async () => {
    assert.deepEqual(await verify(await forge({ claims })), session);
  });
}

Deno.test("the greatest epoch that the database can hold is accepted, the next is token_invalid", async () => {
  assert.equal((await verify(await forge({ claims: { epoch: 2 ** 31 - 1 } }))).epoch, 2 ** 31 - 1);
  assert.equal(await refusal(await forge({ claims: { epoch: 2 ** 31 } })), "token_invalid");
});

Deno.test("a token of exactly 4096 characters is accepted, one more is token_invalid", async () => {
  assert.equal((await tokenOfLength(4096)).length, 4096);
  assert.equal(await refusal(await tokenOfLength(4096)), "accepted");
  assert.equal(await refusal(await tokenOfLength(4097)), "token_invalid");
});

for (const { name, code, make } of badAuthorizations) {
  Deno.test(`an authorization with ${name} → ${code}`, async () => {
    const value = await make();
    const headers = new Headers(value === null ? {} : { authorization: value });
    assert.equal(await refusal(bearerToken(new Request("https://fleet.example", { headers }))), code);
  });
}

Deno.test("an expired token's refusal says how long ago it expired", async () => {
  const token = await forge({ claims: { iat: seconds - 900, exp: seconds - 12 } });
  await assert.rejects(verify(token), /^ContractError: Cannot accept the session: it expired 12 s ago/);
});

Deno.test("no refusal repeats the token", async () => {
  for (const { code, make } of badAuthorizations) {
    if (code === "token_missing") continue;
    const token = (await make() ?? "").replace(/^Bearer /, "");
    await assert.rejects(verify(token), (error: Error) => !error.message.includes(token.slice(-40)), token);
  }
});

for (const scheme of ["Bearer", "bearer", "BEARER", "bEaReR"]) {
  Deno.test(`the scheme may be written ${scheme}`, () => {
    const headers = { authorization: `${scheme} a.b.c` };
    assert.equal(bearerToken(new Request("https://fleet.example", { headers })), "a.b.c");
  });
}

for (const value of ["", "Bearer", "Bearer ", "Basic YTpi", "BearerX a.b.c", "a.b.c", "Token Bearer a.b.c"]) {
  Deno.test(`"${value}" presents no bearer token`, () => {
    const headers = { authorization: value };
    assert.equal(bearerToken(new Request("https://fleet.example", { headers })), null);
  });
}

Deno.test("with two keys the first one signs and both verify", async () => {
  const [first, second] = [await generateSigningKey(), await generateSigningKey()];
  const before = await importKeyRing({ keys: [first] });
  const appended = await importKeyRing({ keys: [first, second] });
  const promoted = await importKeyRing({ keys: [second, first] });
  assert.equal(decodeProtectedHeader(await issue(appended)).kid, first.kid);
  assert.equal(decodeProtectedHeader(await issue(promoted)).kid, second.kid);
  assert.deepEqual(await verify(await issue(before), promoted), session);
  assert.deepEqual(await verify(await issue(promoted), appended), session);
});

Deno.test("a token of a key that was dropped → token_invalid", async () => {
  const [first, second] = [await generateSigningKey(), await generateSigningKey()];
  const token = await issue(await importKeyRing({ keys: [first] }));
  assert.equal(await refusal(token, await importKeyRing({ keys: [second] })), "token_invalid");
});

Deno.test("a key is named by its RFC 7638 thumbprint, and its public half has no d", async () => {
  const key = await generateSigningKey();
  assert.equal(key.kid, await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x: key.x }));
  const { publicKeys } = await importKeyRing({ keys: [key] });
  assert.deepEqual(publicKeys, [
    { kty: "OKP", crv: "Ed25519", x: key.x, kid: key.kid, alg: "EdDSA", use: "sig" },
  ]);
});

Deno.test("a key without the optional alg and use is taken", async () => {
  const { kty, crv, x, d, kid } = await generateSigningKey();
  assert.equal((await importKeyRing({ keys: [{ kty, crv, x, d, kid }] })).signing.kid, kid);
});

const good = await generateSigningKey();
const other = await generateSigningKey();
const badSets: [name: string, set: unknown, message: RegExp][] = [
  ["null", null, /expected a JWK Set/],
  ["a text", "keys", /expected a JWK Set/],
  ["a list", [good], /expected a JWK Set/],
  ["a key without a set", good, /expected a JWK Set/],
  ["a set without keys", {}, /expected a JWK Set/],
  ["an empty set", { keys: [] }, /at least one key/],
  ["a set whose keys are an object", { keys: { 0: good } }, /expected a JWK Set/],
  ["a set with null", { keys: [null] }, /^TypeError: key 1 is not an Ed25519 key/],
  ["a second key that is a text", { keys: [good, good.d] }, /^TypeError: key 2 is not an Ed25519 key/],
  ["an EC key", { keys: [{ ...good, kty: "EC", crv: "P-256" }] }, /key 1 is not an Ed25519 key/],
  ["an X25519 key", { keys: [{ ...good, crv: "X25519" }] }, /key 1 is not an Ed25519 key/],
  ["a symmetric key", { keys: [{ kty: "oct", k: good.d }] }, /key 1 is not an Ed25519 key/],
  ["a public key", { keys: [without("d")] }, /key 1 is not a private key/],
  ["a key without x", { keys: [without("x")] }, /key 1 is not a private key/],
  ["a key without kid", { keys: [without("kid")] }, /key 1 has a kid that is not its RFC 7638 thumbprint/],
  ["a key of another name", { keys: [{ ...good, kid: "main" }] }, /key 1 has a kid that is not its RFC 7638/],
  [
    "the halves of two keys",
    { keys: [{ ...good, d: other.d }] },
    /key 1 has an x and a d that are not a pair/,
  ],
  ["a d that was cut", { keys: [{ ...good, d: good.d.slice(0, 20) }] }, /not a pair/],
  ["a d that is empty", { keys: [{ ...good, d: "" }] }, /not a pair/],
  ["a d that is not base64url", { keys: [{ ...good, d: "*".repeat(43) }] }, /not a pair/],
  ["one key twice", { keys: [good, other, good] }, /key 3 is in the set twice/],
];

for (const [name, set, message] of badSets) {
  Deno.test(`the service does not start with ${name}, and the message holds no key material`, async () => {
    await assert.rejects(importKeyRing(set), (error: Error) => {
      assert.ok(error instanceof TypeError);
      assert.match(String(error), message);
      for (const part of [good.d, good.x, other.d]) assert.ok(!error.message.includes(part.slice(0, 12)));
      return true;
    });
  });
}

function without(member: "d" | "x" | "kid"): Record<string, unknown> {
  return { ...good, [member]: undefined };
}

/** A token with claims so long that it is of this length; the padding's base64url grows in steps of 4 and 3. */
async function tokenOfLength(length: number): Promise<string> {
  for (let padding = 2000; padding < 3200; padding++) {
    for (const kid of ["", "x"]) {
      const token = await forge({ header: { more: kid }, claims: { more: "x".repeat(padding) } });
      if (token.length === length) return token;
      if (token.length > length + 8) throw new Error(`Cannot make a token of ${length} characters`);
    }
  }
  throw new Error(`Cannot make a token of ${length} characters`);
}
