import { ContractError } from "./http/errors.ts";
import type { Incoming } from "./http/messages.ts";
import { readJwt, signJwt } from "./jwt.ts";
import type { KeyRing } from "./keys.ts";
import { uuid } from "./values.ts";
import type { Expected, VerifiedTokens } from "./verified_tokens.ts";

const audience = "openclaw:agent";
const typ = "at+jwt";
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
export function issueSession(keys: KeyRing, issuance: Issuance): string {
  const { agentId, epoch, issuer, lifetimeSeconds, now } = issuance;
  const issuedAt = secondsOf(now);
  const claims = {
    client_id: agentId,
    epoch,
    iss: issuer,
    aud: audience,
    sub: agentId,
    iat: issuedAt,
    exp: issuedAt + lifetimeSeconds,
    jti: crypto.randomUUID(),
  };
  return signJwt(claims, keys.signing, { typ });
}

/**
 * The token of `Authorization: Bearer <token>` (RFC 6750 section 2.1, the scheme in any case), or null
 * when no bearer token is presented.
 */
export function bearerToken({ headers }: Pick<Incoming, "headers">): string | null {
  const header = headers.get("authorization") ?? "";
  const scheme = /^bearer +(?=\S)/i.exec(header);
  return scheme === null ? null : header.slice(scheme[0].length);
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
export function verifySession(
  token: string | null,
  expected: Expected & { verifiedTokens: VerifiedTokens<Session> },
): Readonly<Session> {
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
  const verified = verify(token, expected);
  expected.verifiedTokens.add(token, verified, expected);
  return verified.session;
}

function verify(token: string, expected: Expected): { session: Session; expiresAt: number } {
  const claims = readJwt(token, expected.keys, { typ });
  if (typeof claims === "string") throw invalid(claims);
  return { session: parseClaims(claims, expected), expiresAt: parseTimes(claims, expected.now) };
}

function parseClaims(claims: Readonly<Record<string, unknown>>, { issuer }: Expected): Session {
  const { iss, aud, sub, client_id, jti, epoch } = claims;
  if (iss !== issuer) throw unexpected("iss");
  // It may be a list (RFC 7519 section 4.1.3).
  if (![aud].flat().includes(audience)) throw unexpected("aud");
  if (typeof sub !== "string" || !uuid.test(sub) || client_id !== sub) throw invalid("it names no agent");
  if (jti === undefined) throw unexpected("jti");
  if (typeof epoch !== "number" || !Number.isInteger(epoch) || epoch < 1 || epoch > maxEpoch) {
    throw invalid("it has no epoch");
  }
  return { agentId: sub, epoch };
}

/** When it ends. Its age comes last: what is only too old is told so. */
function parseTimes({ iat, nbf, exp }: Readonly<Record<string, unknown>>, now: Date): number {
  if (typeof iat !== "number") throw unexpected("iat");
  if (iat > now.getTime() / 1000 + clockSkewSeconds) throw invalid("it was issued in the future");
  if (nbf !== undefined && (typeof nbf !== "number" || nbf > secondsOf(now))) throw unexpected("nbf");
  if (typeof exp !== "number") throw unexpected("exp");
  const age = secondsOf(now) - exp;
  if (age < 0) return exp;
  throw new ContractError(
    "token_expired",
    `Cannot accept the session: it expired ${age} s ago, do the handshake again`,
  );
}

function unexpected(claim: string): ContractError {
  return invalid(`its "${claim}" is not as expected`);
}

function invalid(fault: string): ContractError {
  return new ContractError("token_invalid", `Cannot accept the session: ${fault}`);
}

/** Whether it could be a JWT, as far as its length and characters tell. */
function isFormed(token: string): boolean {
  return token.length <= maxTokenLength && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

/** The second that the checks of a token's times go by. */
function secondsOf(now: Date): number {
  return Math.floor(now.getTime() / 1000);
}
