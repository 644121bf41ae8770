import { base64url, errors, jwtVerify, SignJWT } from "npm:jose@6.2.18";
import { ContractError } from "./http/errors.ts";
import { algorithm, type KeyRing } from "./keys.ts";
import { uuid } from "./values.ts";
import type { Expected, VerifiedTokens } from "./verified_tokens.ts";

const audience = "openclaw:agent";
const type = "at+jwt";
const maxTokenLength = 4096;
const clockSkewSeconds = 30;
/** The database's integer ends there. */
const maxEpoch = 2 ** 31 - 1;

/** What a valid session token holds. Whether the session still stands, the database decides by its epoch. */
export interface Session {
  agentId: string;
  epoch: number;
}

interface Issuance extends Session {
  issuer: string;
  lifetimeSeconds: number;
  now: Date;
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
 * It does not tell whether the agent was revoked since: the database does, by the epoch.
 *
 * A token that was verified before is looked up, with the same verdict.
 *
 * @throws {ContractError} `token_missing` for null, `token_expired` for a token that is valid but for its
 * age, `token_invalid` for anything else.
 */
export async function verifySession(
  token: string | null,
  expected: Expected & { verifiedTokens: VerifiedTokens<Session> },
): Promise<Readonly<Session>> {
  if (token === null) {
    throw new ContractError(
      "token_missing",
      "Cannot identify the agent: expected an Authorization: Bearer header",
    );
  }
  // Garbage costs a look at its form, and no hash.
  if (!isFormed(token)) throw invalid("it is not a JWT in canonical form");
  const known = expected.verifiedTokens.find(token, expected);
  if (known !== null) return known;
  const verified = await verify(token, expected);
  expected.verifiedTokens.add(token, verified, expected);
  return verified.session;
}

async function verify(token: string, expected: Expected): Promise<{ session: Session; expiresAt: number }> {
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
    // That it is there, and a number, was checked.
    return { session: parseClaims(payload, expected.now), expiresAt: Number(payload.exp) };
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw expired(error, expected.now);
    if (error instanceof errors.JOSEError) throw invalid(faultOf(error));
    throw error;
  }
}

function parseClaims(claims: Readonly<Record<string, unknown>>, now: Date): Session {
  const { sub, client_id, epoch, iat } = claims;
  if (typeof sub !== "string" || !uuid.test(sub) || client_id !== sub) throw invalid("it names no agent");
  if (typeof epoch !== "number" || !Number.isInteger(epoch) || epoch < 1 || epoch > maxEpoch) {
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
    `Cannot accept the session: it expired ${age} s ago, do the handshake again`,
  );
}

function invalid(fault: string): ContractError {
  return new ContractError("token_invalid", `Cannot accept the session: ${fault}`);
}

function faultOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature does not fit";
  if (error instanceof errors.JOSEAlgNotAllowed) return "its algorithm is not EdDSA";
  if (error instanceof errors.JWTClaimValidationFailed) return `its "${error.claim}" is not as expected`;
  if (error instanceof errors.JWKSNoMatchingKey) return "it names no key of ours";
  return "it is not a JWT of ours";
}

function verifyingKey(keys: KeyRing, kid: string | undefined): CryptoKey {
  const key = kid === undefined ? undefined : keys.verifying.get(kid);
  if (key === undefined) throw new errors.JWKSNoMatchingKey();
  return key;
}

/** Whether it could be a JWT, as far as its length and characters tell. */
function isFormed(token: string): boolean {
  return token.length <= maxTokenLength && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

/** Whether each part encodes back to itself: the last character's spare bits would make twins otherwise. */
function isCanonical(token: string): boolean {
  return token.split(".").every((part) => {
    try {
      return base64url.encode(base64url.decode(part)) === part;
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
  });
}
