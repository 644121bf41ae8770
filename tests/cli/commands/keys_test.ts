import assert from "node:assert/strict";
import { calculateJwkThumbprint, importJWK, jwtVerify, SignJWT } from "jose";
import { run } from "../../_support/program.ts";
import { temporaryFolder } from "../../_support/server.ts";

Deno.test("openclaw keys generate prints one private Ed25519 key on one line, named by its thumbprint", async () => {
  await using home = await temporaryFolder();
  const [first, second] = await Promise.all([1, 2].map(() => run(["keys", "generate"], { home: home.path })));
  const { code, stdout, stderr } = first ?? assert.fail();
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^[^\n]+\n$/);
  const { keys } = JSON.parse(stdout);
  assert.equal(keys.length, 1);
  const [key] = keys;
  assert.deepEqual([key.kty, key.crv], ["OKP", "Ed25519"]);
  assert.match(key.d, /^[\w-]{43}$/);
  assert.equal(key.kid, await calculateJwkThumbprint(key, "sha256"));
  const { d: _, key_ops: __, ...open } = key;
  const signed = await new SignJWT({}).setProtectedHeader({ alg: "EdDSA" }).sign(
    await importJWK(key, "EdDSA"),
  );
  await jwtVerify(signed, await importJWK(open, "EdDSA"));
  assert.notEqual(JSON.parse(second?.stdout ?? "").keys[0].kid, key.kid);
});
