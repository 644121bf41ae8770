import assert from "node:assert/strict";
import { fingerprint, secretFault } from "../../../cli/identity/secret.ts";
import { makeSecret, secretFault as serverSecretFault } from "../../../supabase/functions/_shared/secret.ts";
import { agentSecret as vector } from "../../_support/vectors.ts";

Deno.test("the contract's vector is a secret", () => assert.equal(secretFault(vector), null));

const bad: [string, string][] = [
  ["nothing", ""],
  ["a cut secret", vector.slice(0, -1)],
  ["a long one", `${vector}A`],
  ["another prefix", `ocx_${vector.slice(4)}`],
  ["a mistyped body", vector.replace("CAwQ", "CAwR")],
  ["a mistyped checksum", `${vector.slice(0, -1)}B`],
  ["base64 that is not base64url", vector.replace("AAEC", "AA+C")],
  ["no underscore before the checksum", `${vector.slice(0, 47)}-${vector.slice(48)}`],
  ["a line end", `${vector.slice(0, 53)}\n`],
];

for (const [name, text] of bad) {
  Deno.test(`${name} is no secret, here as on the server, and the fault does not repeat it`, async () => {
    const fault = secretFault(text);
    assert.notEqual(fault, null);
    assert.notEqual(await serverSecretFault(text), null);
    if (text.length > 8) assert.ok(!fault?.includes(text.slice(4, 12)));
  });
}

Deno.test("a thousand secrets of the server's are secrets here", () => {
  for (let index = 0; index < 1000; index++) {
    const secret = makeSecret(crypto.getRandomValues(new Uint8Array(32)));
    assert.equal(secretFault(secret), null, secret);
  }
});

Deno.test("a fingerprint tells agents, secrets and servers apart, and holds none of them", () => {
  const one = { url: "https://a.example", agentId: "a", secret: vector };
  const prints = [one, { ...one, url: "https://b.example" }, { ...one, agentId: "b" }, {
    ...one,
    secret: "x",
  }]
    .map(fingerprint);
  assert.equal(new Set(prints).size, 4);
  assert.ok(prints.every((print) => !print.includes(vector.slice(4, 20))));
});
