import { Buffer } from "node:buffer";
import { sign } from "node:crypto";
import { base64url } from "jose";
import type { KeyRing } from "../../supabase/functions/_shared/keys.ts";
import { agentId, issuer, keys, makeKeyRing, now } from "../_support/backend.ts";

type Part = Record<string, unknown>;

interface Changes {
  /** What is other than in a sound token; `undefined` leaves a member out. */
  header?: Part;
  claims?: Part;
}

/** An `authorization` header that is no session, and what it is answered with. */
interface BadAuthorization {
  name: string;
  code: "token_missing" | "token_invalid" | "token_expired";
  make: () => Promise<string | null>;
}

export const seconds = Math.floor(now.getTime() / 1000);

/** A session token as the service issues them, but for the changes, and signed all the same. */
export async function forge(
  { header = {}, claims = {} }: Changes = {},
  ring: KeyRing | null = null,
): Promise<string> {
  const { kid, key } = (ring ?? await keys).signing;
  const input = unsigned({ header: { kid, ...header }, claims });
  return `${input}.${sign(null, Buffer.from(input), key).toString("base64url")}`;
}

/** The first two parts of a token. */
export function unsigned({ header = {}, claims = {} }: Changes): string {
  const soundClaims = {
    iss: issuer,
    aud: "openclaw:agent",
    sub: agentId,
    client_id: agentId,
    iat: seconds,
    exp: seconds + 900,
    jti: "c1f7e1a2-7b0c-4f0e-9f55-2b8f3a1d7c60",
    epoch: 1,
  };
  return `${part({ alg: "EdDSA", typ: "at+jwt", ...header })}.${part({ ...soundClaims, ...claims })}`;
}

/** Another ring whose key calls itself as ours does. */
export async function impostor(): Promise<KeyRing> {
  const other = await makeKeyRing();
  return { ...other, signing: { ...other.signing, kid: (await keys).signing.kid } };
}

/** A token signed by HMAC with the bytes of the public key, which everybody has. */
async function signedWithPublicKey(): Promise<string> {
  const { publicKeys, signing } = await keys;
  const bytes = Uint8Array.from(base64url.decode(publicKeys[0]?.x ?? ""));
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
  const input = unsigned({ header: { alg: "HS256", kid: signing.kid } });
  const signature = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(input));
  return `${input}.${base64url.encode(new Uint8Array(signature))}`;
}

/** The same bytes, written in another way: the last character of a signature has four bits to spare. */
async function twin(): Promise<string> {
  const token = await forge();
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.slice(-1)) + 1];
}

async function withoutPart(): Promise<string> {
  return (await forge()).split(".").slice(0, 2).join(".");
}

function part(value: Part): string {
  return base64url.encode(JSON.stringify(value));
}

function bearer(make: () => Promise<string> | string): BadAuthorization["make"] {
  return async () => `Bearer ${await make()}`;
}

function withClaims(name: string, claims: Part): BadAuthorization {
  return { name, code: "token_invalid", make: bearer(() => forge({ claims })) };
}

function withHeader(name: string, header: Part): BadAuthorization {
  return { name, code: "token_invalid", make: bearer(() => forge({ header })) };
}

/** What no endpoint takes for a session. */
export const badAuthorizations: readonly BadAuthorization[] = [
  { name: "nothing", code: "token_missing", make: () => Promise.resolve(null) },
  { name: "an empty value", code: "token_missing", make: () => Promise.resolve("") },
  { name: "another scheme", code: "token_missing", make: () => Promise.resolve("Basic YTpi") },
  { name: "a scheme alone", code: "token_missing", make: () => Promise.resolve("Bearer ") },
  { name: "a token without a scheme", code: "token_missing", make: () => forge() },
  { name: "garbage", code: "token_invalid", make: bearer(() => "garbage") },
  { name: "two parts", code: "token_invalid", make: bearer(withoutPart) },
  { name: "four parts", code: "token_invalid", make: bearer(async () => `${await forge()}.AAAA`) },
  { name: "an empty signature", code: "token_invalid", make: bearer(async () => `${await withoutPart()}.`) },
  {
    name: "two tokens",
    code: "token_invalid",
    make: bearer(async () => `${await forge()} ${await forge()}`),
  },
  { name: "padding", code: "token_invalid", make: bearer(async () => `${await forge()}==`) },
  { name: "other spare bits", code: "token_invalid", make: bearer(twin) },
  {
    name: "more than 4 KiB",
    code: "token_invalid",
    make: bearer(() => forge({ claims: { more: "x".repeat(4096) } })),
  },
  {
    name: "alg none and a signature",
    code: "token_invalid",
    make: bearer(() => forge({ header: { alg: "none" } })),
  },
  {
    name: "alg none and no signature",
    code: "token_invalid",
    make: bearer(() => `${unsigned({ header: { alg: "none" } })}.`),
  },
  { name: "HS256 with the public key", code: "token_invalid", make: bearer(signedWithPublicKey) },
  {
    name: "another key of the same kid",
    code: "token_invalid",
    make: bearer(async () => forge({}, await impostor())),
  },
  {
    name: "somebody else's sound token",
    code: "token_invalid",
    make: bearer(async () => forge({}, await makeKeyRing())),
  },
  withHeader("an unknown kid", { kid: "kid-of-nobody" }),
  withHeader("no kid", { kid: undefined }),
  withHeader("a kid that is no string", { kid: 1 }),
  withHeader("another typ", { typ: "JWT" }),
  withHeader("no typ", { typ: undefined }),
  withHeader("an unknown crit", { crit: ["x"], x: 1 }),
  withClaims("another iss", { iss: "https://other.example/functions/v1" }),
  withClaims("no iss", { iss: undefined }),
  withClaims("another aud", { aud: "authenticated" }),
  withClaims("no aud", { aud: undefined }),
  withClaims("a list of other auds", { aud: ["authenticated", "openclaw"] }),
  withClaims("a sub that is no uuid", { sub: "agent-1", client_id: "agent-1" }),
  withClaims("no sub", { sub: undefined }),
  withClaims("a client_id other than sub", { client_id: "11111111-1111-4111-8111-111111111111" }),
  withClaims("no client_id", { client_id: undefined }),
  withClaims("no epoch", { epoch: undefined }),
  withClaims("epoch 0", { epoch: 0 }),
  withClaims("epoch 2^31, more than the database's integer", { epoch: 2 ** 31 }),
  withClaims("epoch 2^53 - 1", { epoch: Number.MAX_SAFE_INTEGER }),
  withClaims("epoch 1.5", { epoch: 1.5 }),
  withClaims("epoch as a string", { epoch: "1" }),
  withClaims("no exp", { exp: undefined }),
  withClaims("exp as a string", { exp: String(seconds + 900) }),
  withClaims("no iat", { iat: undefined }),
  withClaims("iat 31 s ahead", { iat: seconds + 31 }),
  withClaims("nbf ahead", { nbf: seconds + 60 }),
  withClaims("no jti", { jti: undefined }),
  withClaims("exp passed and another aud", { exp: seconds - 60, aud: "authenticated" }),
  {
    name: "exp passed and another key of the same kid",
    code: "token_invalid",
    make: bearer(async () => forge({ claims: { exp: seconds - 60 } }, await impostor())),
  },
  {
    name: "exp that is now",
    code: "token_expired",
    make: bearer(() => forge({ claims: { iat: seconds - 900, exp: seconds } })),
  },
  {
    name: "exp 1 s ago",
    code: "token_expired",
    make: bearer(() => forge({ claims: { iat: seconds - 900, exp: seconds - 1 } })),
  },
];
