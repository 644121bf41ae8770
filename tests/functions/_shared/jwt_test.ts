import assert from "node:assert/strict";
import { base64url, errors, importJWK, jwtVerify } from "jose";
import { verifySession } from "../../../supabase/functions/_shared/auth.ts";
import { ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import { VerifiedTokens } from "../../../supabase/functions/_shared/verified_tokens.ts";
import { issuer, keys, makeKeyRing, now } from "../../_support/backend.ts";
import { badAuthorizations, forge, seconds } from "../_tokens.ts";

// What a session token is, jose decides: the service's own reader has to come to the same verdict.

const { publicKeys: [publicKey], signing } = await keys;
const joseKey = await importJWK({ ...publicKey }, "EdDSA");
const stranger = await makeKeyRing();
/** The order of the group: a signature whose second half is larger by it is another text for the same signature. */
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

async function byJose(token: string): Promise<string> {
  try {
    await jwtVerify(token, ({ kid }) => {
      if (kid !== signing.kid) throw new errors.JWKSNoMatchingKey();
      return joseKey;
    }, {
      algorithms: ["EdDSA"],
      audience: "openclaw:agent",
      issuer,
      typ: "at+jwt",
      currentDate: now,
      requiredClaims: ["iat", "exp", "jti"],
    });
    return "accepted";
  } catch (error) {
    if (error instanceof errors.JWTExpired) return "token_expired";
    if (error instanceof errors.JOSEError) return "token_invalid";
    throw error;
  }
}

async function byService(token: string): Promise<string> {
  try {
    verifySession(token, { keys: await keys, issuer, now, verifiedTokens: new VerifiedTokens() });
    return "accepted";
  } catch (error) {
    if (error instanceof ContractError) return error.code;
    throw error;
  }
}

/** Whole numbers below a bound, the same ones in each run. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

const strange = [undefined, null, "", 0, -1, 1.5, 1e300, true, [], {}, "JWT", [null], "é\u0000"];
/** What each member may be; the first one is right. */
const headers: Record<string, unknown[]> = {
  alg: ["EdDSA", "none", "HS256", "Ed25519", "eddsa", ...strange],
  typ: ["at+jwt", "application/jwt", ...strange],
  kid: [signing.kid, stranger.signing.kid, ...strange],
  b64: [undefined, true, false, ...strange],
  jwk: [undefined, { ...publicKey }, ...strange],
};
const claims: Record<string, unknown[]> = {
  iss: [issuer, `${issuer}/`, [issuer], ...strange],
  aud: ["openclaw:agent", ["openclaw:agent"], ["x", "openclaw:agent", 1], [["openclaw:agent"]], ...strange],
  iat: [seconds, seconds - 900, String(seconds), ...strange.filter((value) => value !== 1e300)],
  exp: [seconds + 900, seconds + 1, seconds, seconds - 1, String(seconds + 900), ...strange],
  nbf: [undefined, seconds, seconds + 1, seconds - 1, String(seconds), ...strange],
  jti: ["1", ...strange],
};
const signatures: ((bytes: Uint8Array, random: (below: number) => number) => Uint8Array)[] = [
  (bytes) => bytes,
  (bytes, random) => bytes.with(random(64), random(256)),
  (bytes, random) => bytes.slice(0, random(64)),
  (bytes) => new Uint8Array([...bytes, 0]),
  () => new Uint8Array(64),
  (bytes) => new Uint8Array([...bytes.slice(0, 32), ...littleEndian(numberOf(bytes.slice(32)) + order)]),
];

for (const seed of [1, 2, 3, 4]) {
  Deno.test(`the service takes a token exactly when jose does: 250 of them by the seed ${seed}`, async () => {
    const random = chance(seed);
    const seen = new Set<string>();
    for (let times = 0; times < 250; times++) {
      const token = await randomToken(random);
      const expected = await byJose(token);
      assert.equal(await byService(token), expected, token);
      seen.add(expected);
    }
    assert.deepEqual([...seen].sort(), ["accepted", "token_expired", "token_invalid"]);
  });
}

Deno.test("what no token of ours has is refused, though jose takes it: a crit, and another spelling of the type", async () => {
  for (const header of [{ crit: ["b64"], b64: true }, { typ: "AT+JWT" }, { typ: "application/at+jwt" }]) {
    const token = await forge({ header });
    assert.equal(await byJose(token), "accepted");
    assert.equal(await byService(token), "token_invalid");
  }
});

for (const { name, code, make } of badAuthorizations) {
  if (code === "token_missing") continue;
  Deno.test(`jose takes no token, either, with ${name}, unless a rule of ours alone refuses it`, async () => {
    const token = (await make() ?? "").replace(/^Bearer /, "");
    assert.equal(await byService(token), code);
    const ours = /spare bits|4 KiB|padding|no sub|sub that|client_id|epoch|iat 31 s/.test(name);
    if (!ours) assert.equal(await byJose(token), code);
  });
}

/** One with at most two faults: of many at once, only the first would be looked at. */
async function randomToken(random: (below: number) => number): Promise<string> {
  const wrong = Array.from(
    { length: random(3) },
    () => random(Object.keys({ ...headers, ...claims }).length),
  );
  const member = ([name, values]: [string, unknown[]], place: number) => [
    name,
    values[wrong.includes(place) ? random(values.length) : 0],
  ];
  const header = Object.entries(headers).map(member);
  const body = Object.entries(claims).map((entry, place) => member(entry, header.length + place));
  const token = await forge(
    { header: Object.fromEntries(header), claims: Object.fromEntries(body) },
    random(20) === 0 ? { ...stranger, signing: { ...stranger.signing, kid: signing.kid } } : null,
  );
  const cut = token.lastIndexOf(".") + 1;
  const change = random(3) === 0 ? signatures[random(signatures.length)] : undefined;
  const bytes = Uint8Array.from(base64url.decode(token.slice(cut)));
  return change === undefined ? token : token.slice(0, cut) + base64url.encode(change(bytes, random));
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

function littleEndian(number: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, place) => Number((number >> BigInt(8 * place)) & 255n));
}
