import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { calculateJwkThumbprint } from "npm:jose@6.2.18";
import { isRecord } from "./values.ts";

/** The one algorithm of session tokens (RFC 8037). */
export const algorithm = "EdDSA";

/** The public half of a signing key (RFC 8037). */
export interface PublicJwk {
  kty: "OKP";
  crv: "Ed25519";
  x: string;
  kid: string;
  alg: "EdDSA";
  use: "sig";
}

/** A signing key as `AGENT_JWT_KEYS` holds it. */
export interface PrivateJwk extends PublicJwk {
  d: string;
}

/** Signs with its first key, verifies with all of them. */
export interface KeyRing {
  signing: { kid: string; key: KeyObject };
  verifying: ReadonlyMap<string, KeyObject>;
  /** What `/jwks` shows (RFC 7517). */
  publicKeys: readonly PublicJwk[];
}

/** A new Ed25519 signing key, named by its RFC 7638 thumbprint. */
export async function generateSigningKey(): Promise<PrivateJwk> {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new TypeError("Cannot make a signing key: no key pair came back");
  const { d, x } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  if (d === undefined || x === undefined) throw new TypeError("Cannot make a signing key: it has no halves");
  return { kty: "OKP", crv: "Ed25519", x, d, ...await named(x) };
}

/**
 * Reads a private JWK Set. Throws a `TypeError` whose message says what is wrong with which key; the
 * message never has key material in it.
 */
export async function importKeyRing(value: unknown): Promise<KeyRing> {
  const list = isRecord(value) ? value.keys : undefined;
  if (!Array.isArray(list) || list.length === 0) {
    throw new TypeError('expected a JWK Set: {"keys": [ … ]} with at least one key');
  }
  const verifying = new Map<string, KeyObject>();
  const publicKeys: PublicJwk[] = [];
  const signing: KeyObject[] = [];
  for (const [index, entry] of list.entries()) {
    const { privateKey, publicKey, jwk } = await importSigningKey(entry, `key ${index + 1}`);
    if (verifying.has(jwk.kid)) throw new TypeError(`key ${index + 1} is in the set twice`);
    verifying.set(jwk.kid, publicKey);
    publicKeys.push(jwk);
    signing.push(privateKey);
  }
  const [first] = publicKeys;
  const [key] = signing;
  if (first === undefined || key === undefined) throw new TypeError("the set has no key");
  return { signing: { kid: first.kid, key }, verifying, publicKeys };
}

async function importSigningKey(value: unknown, name: string) {
  if (!isRecord(value) || value.kty !== "OKP" || value.crv !== "Ed25519") {
    throw new TypeError(`${name} is not an Ed25519 key (kty "OKP", crv "Ed25519")`);
  }
  const { x, d, kid } = value;
  if (typeof x !== "string" || typeof d !== "string") {
    throw new TypeError(`${name} is not a private key (x and d)`);
  }
  const jwk: PublicJwk = { kty: "OKP", crv: "Ed25519", x, ...await named(x) };
  if (kid !== jwk.kid) throw new TypeError(`${name} has a kid that is not its RFC 7638 thumbprint`);
  const pair = importPair(x, d);
  if (pair === null) throw new TypeError(`${name} has an x and a d that are not a pair`);
  return { ...pair, jwk };
}

function importPair(x: string, d: string): { privateKey: KeyObject; publicKey: KeyObject } | null {
  const jwk = { kty: "OKP", crv: "Ed25519", x };
  if (![x, d].every((half) => Buffer.from(half, "base64url").toString("base64url") === half)) return null;
  try {
    const privateKey = createPrivateKey({ key: { ...jwk, d }, format: "jwk" });
    const publicKey = createPublicKey({ key: jwk, format: "jwk" });
    const probe = Buffer.from(x);
    return verify(null, probe, publicKey, sign(null, probe, privateKey)) ? { privateKey, publicKey } : null;
  } catch (error) {
    // What node:crypto throws of a half that is cut is of no kind of its own.
    if (error instanceof Error) return null;
    throw error;
  }
}

async function named(x: string): Promise<Pick<PublicJwk, "kid" | "alg" | "use">> {
  return { kid: await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x }), alg: "EdDSA", use: "sig" };
}
