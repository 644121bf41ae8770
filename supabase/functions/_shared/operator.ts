import { createRemoteJWKSet, decodeProtectedHeader, type JSONWebKeySet } from "npm:jose@6.2.18";
import { verifyCredentials } from "npm:@supabase/server@1.8.1/core";
import { bearerToken } from "./auth.ts";
import type { Act, Database } from "./database/port.ts";
import { type Environment, readSupabase } from "./env.ts";
import { ContractError, unavailable } from "./http/errors.ts";
import type { Incoming } from "./http/messages.ts";
import type { Refusals } from "./http/refusals.ts";
import { digestSecret, secretFault } from "./secret.ts";
import { uuid } from "./values.ts";

/** An administrator: a Supabase user, for their own agents, or a secret API key, for all agents. */
export type Operator =
  /** `email` is the address that the user signs in with, which Supabase has confirmed; null when there is none. */
  { kind: "user"; id: string; email: string | null } | { kind: "key"; name: string };

/** Who may read: an operator, or a reader's key, which sees what its maker sees. */
export type Reader = Operator | { kind: "reader"; ownerId: string | null };

/** A request, as far as a credential is looked for in it. */
type Presenting = Pick<Incoming, "headers">;

/** What is known of a request that is to be identified. */
interface From {
  address: string;
  refusals: Refusals;
  /** Asked only when a well-formed reader's key is presented. */
  database: { readerKeys: Pick<Database["readerKeys"], "find"> };
}

/** Identifies the operator or reader of a request. */
export interface Operators {
  /**
   * @throws {ContractError} `operator_required` when there is no credential or an invalid one,
   * `forbidden` for an anonymous user and for a reader's key that holds, `unavailable` when the issuer's keys are
   * unreachable.
   */
  identify: (request: Presenting, from: From) => Promise<Operator>;
  /** The same, but a reader's key that holds is let in. */
  identifyReader: (request: Presenting, from: From) => Promise<Reader>;
}

export interface OperatorSettings {
  url: string;
  secretKeys: Record<string, string>;
  /** The digest of a reader's key beside those of the database, which sees all rows; null: there is none. */
  readerKeyDigest?: string | null;
  /** The keys that sign users' tokens; asked for only when a token is presented. */
  userKeys: (kid: string | undefined) => Promise<JSONWebKeySet>;
}

/** Operators by Supabase's own rules, as `@supabase/server` checks them (modes `user` and `secret:*`), and readers. */
export function supabaseOperators(settings: OperatorSettings): Operators {
  const operators: Operators = {
    async identifyReader(request, from) {
      const key = readerKeyOf(request);
      if (key === null) return await identifyOperator(request, from, settings);
      const reader = await findReader(key, from, settings);
      if (reader !== null) return reader;
      from.refusals.count(from.address);
      throw operatorRequired("the reader's key that was sent is not valid");
    },
    async identify(request, from) {
      const reader = await operators.identifyReader(request, from);
      if (reader.kind !== "reader") return reader;
      throw new ContractError(
        "forbidden",
        "Cannot do this with a reader's key: it only reads, expected a user's access token or a secret API key",
      );
    },
  };
  return operators;
}

async function identifyOperator(
  request: Presenting,
  { address, refusals }: From,
  settings: OperatorSettings,
): Promise<Operator> {
  const token = bearerToken(request);
  const apikey = request.headers.get("apikey");
  const isUserToken = token !== null && !token.startsWith("sb_");
  const jwks = isUserToken ? await settings.userKeys(kidOf(token)) : { keys: [] };
  const { data } = await verifyCredentials({ token, apikey }, {
    auth: ["user", "secret:*"],
    env: { url: settings.url, publishableKeys: {}, secretKeys: settings.secretKeys, jwks },
  });
  const operator = data === null ? null : operatorOf(data);
  if (operator !== null) return operator;
  refusals.count(address);
  const what = token === null && apikey === null
    ? "none was sent"
    : apikey === null && !isUserToken
    ? "a secret API key was sent as a bearer token, and belongs in the header apikey"
    : "the one that was sent is not valid";
  throw operatorRequired(what);
}

/** The reader's key that a request presents, or null. A bearer token counts before an API key, as for operators. */
function readerKeyOf(request: Presenting): string | null {
  const key = bearerToken(request) ?? request.headers.get("apikey");
  return key?.startsWith("ocr_") ? key : null;
}

async function findReader(
  key: string,
  { database }: From,
  { readerKeyDigest = null }: OperatorSettings,
): Promise<Reader | null> {
  if (secretFault(key, "ocr_") !== null) return null;
  const digest = digestSecret(key);
  if (digest === readerKeyDigest) return { kind: "reader", ownerId: null };
  const found = await database.readerKeys.find(digest);
  return found === null ? null : { kind: "reader", ownerId: found.owner_id };
}

/** The refusal of a request without a valid operator. */
export function operatorRequired(what: string): ContractError {
  return new ContractError(
    "operator_required",
    `Cannot do this without an operator's credential: ${what}, expected a user's access token or a secret API key`,
  );
}

/** How the events call an operator. */
export function actorOf(operator: Operator): string {
  return operator.kind === "user" ? `user:${operator.id}` : `key:${operator.name}`;
}

/** What the events note of an act. @param address the caller's; empty where the platform does not tell it */
export function actOf(operator: Operator, address: string): Act {
  return { actor: actorOf(operator), address: address || null };
}

/** The owner to whose rows an operator or reader is limited, or null for all rows. */
export function scopeOf(reader: Reader): string | null {
  if (reader.kind === "reader") return reader.ownerId;
  return reader.kind === "user" ? reader.id : null;
}

/** The operators of the Supabase project that a function runs in. @throws {ConfigurationError} */
export function projectOperators(env: Environment): Operators {
  const { url, secretKeys, jwks } = readSupabase(env);
  const userKeys = jwks === null
    ? remoteUserKeys(new URL(`${url}/auth/v1/.well-known/jwks.json`))
    : () => Promise.resolve(jwks);
  return supabaseOperators({ url, secretKeys, userKeys });
}

/** The keys of a project that gave us no JWK Set: fetched, kept, and fetched again for a key that is not among them. */
export function remoteUserKeys(url: URL): OperatorSettings["userKeys"] {
  const remote = createRemoteJWKSet(url, { timeoutDuration: 4000 });
  return async (kid) => {
    const known = remote.jwks();
    const isKnown = known?.keys.some((key) => key.kid === kid) ?? false;
    if (known !== undefined && remote.fresh && (isKnown || remote.coolingDown)) return known;
    try {
      await remote.reload();
    } catch (error) {
      throw unavailable("the issuer of users' tokens", error);
    }
    return remote.jwks() ?? { keys: [] };
  };
}

type Verified = NonNullable<Awaited<ReturnType<typeof verifyCredentials>>["data"]>;

function operatorOf({ authMode, jwtClaims, keyName }: Verified): Operator | null {
  if (authMode === "secret") return { kind: "key", name: keyName ?? "default" };
  if (authMode !== "user" || jwtClaims === null) return null;
  const { sub, aud, role, exp, is_anonymous, email } = jwtClaims;
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (
    !audiences.includes("authenticated") || role !== "authenticated" || exp === undefined || !uuid.test(sub)
  ) return null;
  if (is_anonymous === true) {
    throw new ContractError(
      "forbidden",
      "Cannot let an anonymous user administer agents: sign in with an account first",
    );
  }
  return { kind: "user", id: sub, email: typeof email === "string" && email !== "" ? email : null };
}

/** The key that a token names, before the token is verified. */
function kidOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
