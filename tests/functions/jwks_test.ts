import assert from "node:assert/strict";
import { createLocalJWKSet, jwtVerify } from "jose";
import { generateSigningKey, importKeyRing } from "../../supabase/functions/_shared/keys.ts";
import { endpoint } from "../../supabase/functions/jwks/handler.ts";
import { ask, issuer, keys, now, testBackend } from "../_support/backend.ts";
import { forge } from "./_tokens.ts";

Deno.test("GET /jwks shows the public halves alone, for five minutes of cache", async () => {
  const reply = await ask(endpoint, await testBackend());
  assert.deepEqual(reply.body, { keys: (await keys).publicKeys });
  assert.equal(reply.headers.get("cache-control"), "public, max-age=300");
  assert.ok(!JSON.stringify(reply.body).includes('"d"'));
});

Deno.test("GET /jwks shows every key of the ring, in its order", async () => {
  const made = [await generateSigningKey(), await generateSigningKey()];
  const backend = { ...await testBackend(), keys: await importKeyRing({ keys: made }) };
  const { body } = await ask(endpoint, backend);
  assert.deepEqual(body.keys, made.map(({ d: _, ...publicKey }) => publicKey));
});

Deno.test("a JWT library verifies a session with what GET /jwks shows", async () => {
  const jwks = createLocalJWKSet({ keys: [...(await keys).publicKeys] });
  const { payload } = await jwtVerify(await forge(), jwks, { issuer, currentDate: now, typ: "at+jwt" });
  assert.equal(payload.epoch, 1);
});

Deno.test("an error of /jwks is not cached", async () => {
  const reply = await ask(endpoint, await testBackend(), { method: "POST" });
  assert.equal(reply.headers.get("cache-control"), "no-store");
});
