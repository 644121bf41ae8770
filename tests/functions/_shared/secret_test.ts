import assert from "node:assert/strict";
import { base64url } from "jose";
import {
  digestSecret,
  makeSecret,
  secretFault,
  type SecretPrefix,
} from "../../../supabase/functions/_shared/secret.ts";
import { secret } from "../../_support/backend.ts";
import { agentSecretDigest as digest, enrollmentCode, readerKey } from "../../_support/vectors.ts";

/** The contract's vectors: bytes 00 to 1f. */
const vectors: [prefix: SecretPrefix, what: string, text: string][] = [
  ["ocs_", "secret", secret],
  ["oce_", "code", enrollmentCode],
  ["ocr_", "reader's key", readerKey],
];

/** What is not a secret, and why. The handshake refuses each of them too. */
const malformed: [name: string, text: string, fault: RegExp][] = [
  ["an empty one", "", /has 0 characters/],
  ["one character short", secret.slice(0, -1), /has 53 characters/],
  ["one character long", `${secret}A`, /has 55 characters/],
  ["cut in its middle", secret.slice(0, 30), /has 30 characters/],
  ["a space at its end", `${secret} `, /has 55 characters/],
  ["a newline for its last character", `${secret.slice(0, -1)}\n`, /not of the form/],
  ["another prefix", secret.replace("ocs_", "oct_"), /not of the form/],
  ["an upper case prefix", secret.replace("ocs_", "OCS_"), /not of the form/],
  ["another separator before the checksum", `${secret.slice(0, 47)}-${secret.slice(48)}`, /not of the form/],
  [
    "a character of base64, not of base64url",
    `${secret.slice(0, 10)}+${secret.slice(11)}`,
    /not of the form/,
  ],
  ["a character outside ASCII", `${secret.slice(0, 10)}é${secret.slice(11)}`, /not of the form/],
  ["a NUL", `${secret.slice(0, 10)}\0${secret.slice(11)}`, /not of the form/],
  ["a mistyped body", `${secret.slice(0, 10)}X${secret.slice(11)}`, /checksum/],
  ["a mistyped checksum", `${secret.slice(0, 53)}B`, /checksum/],
  ["the other case", `ocs_${secret.slice(4).toLowerCase()}`, /checksum/],
];

for (const [prefix, what, text] of vectors) {
  Deno.test(`bytes 00 to 1f make the contract's ${what}, which is well-formed`, () => {
    assert.equal(makeSecret(Uint8Array.from({ length: 32 }, (_, index) => index), prefix), text);
    assert.equal(secretFault(text, prefix), null);
  });

  for (const [other] of vectors.filter(([one]) => one !== prefix)) {
    Deno.test(`a ${what} is nothing that begins with ${other}, not even with another prefix put before it`, () => {
      assert.equal(secretFault(text, other), `is not of the form "${other}…_…"`);
      assert.match(secretFault(`${other}${text.slice(4)}`, other) ?? "", /checksum/);
    });
  }
}

Deno.test("the contract's secret has the contract's digest", () => {
  assert.equal(digestSecret(secret), digest);
});

Deno.test("a secret is read by position: `_` at every place of its body is fine", () => {
  const bytes = Uint8Array.from(base64url.decode("_".repeat(42) + "8"));
  const underscores = makeSecret(bytes);
  assert.equal(underscores.slice(0, 47), `ocs_${"_".repeat(42)}8`);
  assert.equal(secretFault(underscores), null);
});

Deno.test("200 secrets of random bytes are well-formed, and each is another", () => {
  const made = new Set<string>();
  for (let round = 0; round < 200; round++) {
    const text = makeSecret(crypto.getRandomValues(new Uint8Array(32)));
    assert.equal(secretFault(text), null, text);
    made.add(text);
  }
  assert.equal(made.size, 200);
});

for (const length of [0, 31, 33]) {
  Deno.test(`no secret is made of ${length} bytes`, () => {
    assert.throws(() => makeSecret(new Uint8Array(length)), RangeError);
  });
}

for (const [name, text, fault] of malformed) {
  Deno.test(`a secret with ${name} is malformed, and the fault does not repeat it`, () => {
    const found = secretFault(text);
    assert.match(found ?? "", fault);
    if (text.length > 9) assert.ok(!found?.includes(text.slice(0, 10)), found ?? "");
  });
}
