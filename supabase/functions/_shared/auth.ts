import { base64url, calculateJwkThumbprint, errors, importJWK, jwtVerify, SignJWT } from "npm:jose@6.2.18";
import { ContractError } from "./errors.ts";

const algorithm = "EdDSA";
const audience = "openclaw:agent";
const type = "at+jwt";
const longestToken = 4096;
const clockSkewSeconds = 30;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

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
  signing: { kid: string; key: CryptoKey };
  verifying: ReadonlyMap<string, CryptoKey>;
  /** What `/jwks` shows (RFC 7517). */
  publicKeys: readonly PublicJwk[];
}

/** What a sound session token says. It does not say that the session still stands: its epoch does, in the database. */
export interface Session {
  agentId: string;
  epoch: number;
}

interface Issuance extends Session {
  issuer: string;
  lifetimeSeconds: number;
  now: Date;
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
    throw new TypeError('a JWK Set is wanted: {"keys": [ … ]} with at least one key');
  }
  const verifying = new Map<string, CryptoKey>();
  const publicKeys: PublicJwk[] = [];
  const signing: CryptoKey[] = [];
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

/** A session token: a JWT access token (RFC 9068) for one agent, good for `lifetimeSeconds` from `now`. */
export async function issueSession(keys: KeyRing, issuance: Issuance): Promise<string> {
  const issuedAt = Math.floor(issuance.now.getTime() / 1000);
  return await new SignJWT({ client_id: issuance.agentId, epoch: issuance.epoch })
    .setProtectedHeader({ alg: algorithm, typ: type, kid: keys.signing.kid })
    .setIssuer(issuance.issuer)
    .setAudience(audience)
    .setSubject(issuance.agentId)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + issuance.lifetimeSeconds)
    .setJti(crypto.randomUUID())
    .sign(keys.signing.key);
}

/**
 * The token of `Authorization: Bearer <token>` (RFC 6750 section 2.1, the scheme in any case), or null
 * when no bearer token is presented.
 */
export function bearerToken(request: Request): string | null {
  return /^bearer +(\S.*)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? null;
}

/**
 * Checks the form, signature, type, issuer, audience and times of a session token.
 *
 * Whether its agent was revoked since is for the database to say, from the epoch.
 *
 * @throws {ContractError} `token_missing` for null, `token_expired` for a token that is sound but for its
 * age, `token_invalid` for anything else.
 */
export async function verifySession(
  token: string | null,
  expected: { keys: KeyRing; issuer: string; now: Date },
): Promise<Session> {
  if (token === null) {
    throw new ContractError(
      "token_missing",
      "Cannot tell who is asking: an Authorization: Bearer header is wanted",
    );
  }
  if (!isCanonical(token)) throw invalid("it is not a JWT in canonical form");
  try {
    const { payload } = await jwtVerify(token, ({ kid }) => verifyingKey(expected.keys, kid), {
      algorithms: [algorithm],
      audience,
      issuer: expected.issuer,
      typ: type,
      currentDate: expected.now,
      requiredClaims: ["iat", "exp", "jti", "client_id", "epoch"],
    });
    return parseClaims(payload, expected.now);
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw expired(error, expected.now);
    if (error instanceof errors.JOSEError) throw invalid(faultOf(error));
    throw error;
  }
}

function parseClaims(claims: Readonly<Record<string, unknown>>, now: Date): Session {
  const { sub, client_id, epoch, iat } = claims;
  if (typeof sub !== "string" || !uuid.test(sub) || client_id !== sub) throw invalid("it names no agent");
  if (typeof epoch !== "number" || !Number.isSafeInteger(epoch) || epoch < 1) {
    throw invalid("it has no epoch");
  }
  if (typeof iat !== "number" || iat > now.getTime() / 1000 + clockSkewSeconds) {
    throw invalid("it was issued in the future");
  }
  return { agentId: sub, epoch };
}

function expired(error: errors.JWTExpired, now: Date): ContractError {
  const age = Math.floor(now.getTime() / 1000) - Number(error.payload.exp);
  return new ContractError(
    "token_expired",
    `Cannot accept the session: it expired ${age} s ago, shake hands again`,
  );
}

function invalid(fault: string): ContractError {
  return new ContractError("token_invalid", `Cannot accept the session: ${fault}`);
}

function faultOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature does not fit";
  if (error instanceof errors.JOSEAlgNotAllowed) return "its algorithm is not EdDSA";
  if (error instanceof errors.JWTClaimValidationFailed) return `its "${error.claim}" is not as wanted`;
  if (error instanceof errors.JWKSNoMatchingKey) return "it names no key of ours";
  return "it is not a JWT of ours";
}

function verifyingKey(keys: KeyRing, kid: string | undefined): CryptoKey {
  const key = kid === undefined ? undefined : keys.verifying.get(kid);
  if (key === undefined) throw new errors.JWKSNoMatchingKey();
  return key;
}

/** Whether each part encodes back to itself: the last character's spare bits would make twins otherwise. */
function isCanonical(token: string): boolean {
  if (token.length > longestToken || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return false;
  return token.split(".").every((part) => {
    try {
      return base64url.encode(base64url.decode(part)) === part;
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
  });
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
  try {
    const privateKey = await importKey({ kty: "OKP", crv: "Ed25519", x, d });
    const publicKey = await importKey({ kty: "OKP", crv: "Ed25519", x });
    const probe = new TextEncoder().encode(kid);
    const signature = await crypto.subtle.sign("Ed25519", privateKey, probe);
    if (await crypto.subtle.verify("Ed25519", publicKey, signature, probe)) {
      return { privateKey, publicKey, jwk };
    }
  } catch (error) {
    if (!(error instanceof DOMException || error instanceof TypeError || error instanceof errors.JOSEError)) {
      throw error;
    }
  }
  throw new TypeError(`${name} has an x and a d that are no pair`);
}

async function importKey(jwk: { kty: "OKP"; crv: "Ed25519"; x: string; d?: string }): Promise<CryptoKey> {
  const key = await importJWK(jwk, algorithm);
  if (!(key instanceof CryptoKey)) throw new TypeError("an Ed25519 key is wanted");
  return key;
}

async function named(x: string): Promise<Pick<PublicJwk, "kid" | "alg" | "use">> {
  return { kid: await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x }), alg: "EdDSA", use: "sig" };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
