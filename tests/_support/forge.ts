import { join } from "node:path";
import { base64url, importJWK, SignJWT } from "jose";
import { record, text } from "./client.ts";

/** What goes into a token that a stranger might bring. What is undefined is left out. */
export interface Forgery {
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
}

/** A private Ed25519 key as `jwt-keys.json` holds it. */
export interface ForgingKey {
  kid: string;
  x: string;
  d: string;
}

/** The first signing key of a server's data folder. */
export async function readKey(data: string): Promise<ForgingKey> {
  const set = record(JSON.parse(await Deno.readTextFile(join(data, "jwt-keys.json"))));
  const [first] = Array.isArray(set.keys) ? set.keys : [];
  const { kid, x, d } = record(first);
  return { kid: text(kid), x: text(x), d: text(d) };
}

/** The claims of a sound session of epoch 1 that began a second ago. */
export function soundClaims(agentId: string, base: string): Record<string, unknown> {
  const iat = Math.floor(Date.now() / 1000) - 1;
  return {
    iss: base,
    aud: "openclaw:agent",
    sub: agentId,
    client_id: agentId,
    iat,
    exp: iat + 900,
    jti: crypto.randomUUID(),
    epoch: 1,
  };
}

/** Signs with EdDSA, whatever is signed. */
export async function forge(key: ForgingKey, { header = {}, claims = {} }: Forgery): Promise<string> {
  const signing = await importJWK({ kty: "OKP", crv: "Ed25519", x: key.x, d: key.d }, "EdDSA");
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid: key.kid, ...header })
    .sign(signing);
}

/** A token that claims to need no signature. */
export function forgeUnsigned(claims: Record<string, unknown>): string {
  return `${encode({ alg: "none", typ: "at+jwt" })}.${encode(claims)}.AA`;
}

/** The old trick: the public key taken for a shared secret. */
export async function forgeHs256(key: ForgingKey, claims: Record<string, unknown>): Promise<string> {
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: key.kid })
    .sign(base64url.decode(key.x));
}

function encode(value: unknown): string {
  return base64url.encode(JSON.stringify(value));
}
