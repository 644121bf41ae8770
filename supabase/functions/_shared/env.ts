import { importKeyRing, type KeyRing } from "./keys.ts";
import { isRecord } from "./values.ts";

/** Reads one environment variable. */
export type Environment = (name: string) => string | undefined;

/** What the functions and the embedded server have in common. */
export interface Settings {
  sessionLifetimeSeconds: number;
  agentLimitPerOwner: number;
  /** How many proxies in front of the service add to `x-forwarded-for`; 0 when the header counts for nothing. */
  trustedProxies: number;
  /** What the service calls itself, without a slash at its end; null when nothing names it. */
  publicUrl: string | null;
  /** Whether a channel may lead to an address that is neither public nor this host's. */
  privateTargets: boolean;
  /** For how many days history is kept; 0 when none is. */
  historyDays: number;
}

/** The service that takes our mail: an SMTP server, or an HTTP API. */
export interface MailSettings {
  url: string;
  /** The sender's address. */
  from: string;
}

/** What Supabase tells a function about its project. */
export interface SupabaseSettings {
  url: string;
  secretKeys: Record<string, string>;
  /** The inline JWK Set, or null: then the project's own address has it. */
  jwks: { keys: Record<string, unknown>[] } | null;
}

/** The configuration cannot be used. The message names the variable and the way to mend it. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

/** The name under which the service signs sessions. */
export function issuerOf(publicUrl: string): string {
  return `${publicUrl}/functions/v1`;
}

/** @throws {ConfigurationError} A malformed variable is an error, never a default. An empty one counts as unset. */
export function readSettings(env: Environment): Settings {
  return {
    sessionLifetimeSeconds: wholeNumber(env, "AGENT_SESSION_TTL_SECONDS", {
      from: 60,
      to: 86_400,
      otherwise: 900,
    }),
    agentLimitPerOwner: wholeNumber(env, "AGENT_LIMIT_PER_OWNER", {
      from: 1,
      to: 1_000_000,
      otherwise: 1000,
    }),
    trustedProxies: wholeNumber(env, "OPENCLAW_TRUST_PROXY", { from: 0, to: 10, otherwise: 0 }),
    publicUrl: readPublicUrl(env),
    privateTargets: wholeNumber(env, "OPENCLAW_PRIVATE_TARGETS", { from: 0, to: 1, otherwise: 0 }) === 1,
    historyDays: wholeNumber(env, "OPENCLAW_HISTORY_DAYS", { from: 0, to: 3650, otherwise: 30 }),
  };
}

/** @throws {ConfigurationError} when `AGENT_JWT_KEYS` is missing or is not a private JWK Set. */
export async function readKeyRing(env: Environment): Promise<KeyRing> {
  const text = env("AGENT_JWT_KEYS") || undefined;
  if (text === undefined) throw keysFault("it is not set");
  return await parseKeyRing(text, keysFault);
}

/** Reads a private JWK Set from its JSON text. `fault` makes the error from what is wrong with it. */
export async function parseKeyRing(text: string, fault: (what: string) => Error): Promise<KeyRing> {
  try {
    return await importKeyRing(parseJson(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw fault("it is not JSON");
    if (error instanceof TypeError) throw fault(error.message);
    throw error;
  }
}

/**
 * Where `OPENCLAW_SMTP_URL` has mail sent: `smtp://` or `smtps://`, with `?from=` where its user is no mail address.
 *
 * @throws {ConfigurationError} that repeats nothing of it: it holds a password
 */
export function readSmtp(env: Environment): MailSettings | null {
  return readMail(env, "OPENCLAW_SMTP_URL", {
    schemes: /^smtps?:$/,
    example: "smtps://user:password@mail.example.com?from=openclaw@example.com",
  });
}

/** The mail API of `OPENCLAW_MAIL_URL` and `OPENCLAW_MAIL_KEY`; null without the first. */
export function readMailApi(env: Environment): (MailSettings & { key: string }) | null {
  const mail = readMail(env, "OPENCLAW_MAIL_URL", {
    schemes: /^https:$/,
    example: "https://api.example.com/emails?from=openclaw@example.com",
  });
  if (mail === null) return null;
  const key = env("OPENCLAW_MAIL_KEY") || undefined;
  if (key === undefined) {
    throw new ConfigurationError("Cannot start: OPENCLAW_MAIL_KEY is not set, OPENCLAW_MAIL_URL needs it");
  }
  return { ...mail, key };
}

function readMail(
  env: Environment,
  name: string,
  { schemes, example }: { schemes: RegExp; example: string },
): MailSettings | null {
  const text = env(name) || undefined;
  if (text === undefined) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  // A user in an address is percent-encoded, and may be so wrongly.
  const user = new URLSearchParams(`user=${(url?.username ?? "").replaceAll("+", "%2B")}`).get("user");
  const from = url?.searchParams.get("from") ?? user ?? "";
  if (url === null || !schemes.test(url.protocol) || url.hostname === "" || !/^[^\s@]+@[^\s@]+$/.test(from)) {
    throw new ConfigurationError(`Cannot start: ${name} is not an address with a sender, like ${example}`);
  }
  url.searchParams.delete("from");
  return { url: url.href, from };
}

/** @throws {ConfigurationError} when Supabase's own variables are missing or malformed. */
export function readSupabase(env: Environment): SupabaseSettings {
  const url = env("SUPABASE_URL") || undefined;
  if (url === undefined) {
    throw new ConfigurationError("Cannot start: SUPABASE_URL is not set, Supabase sets it");
  }
  const secretKeys = strings(json(env, "SUPABASE_SECRET_KEYS"));
  if (secretKeys === null || Object.keys(secretKeys).length === 0) {
    throw new ConfigurationError(
      "Cannot start: SUPABASE_SECRET_KEYS is not a JSON object of keys by name, make a secret API key for the project",
    );
  }
  return { url: parsePublicUrl(url, "SUPABASE_URL"), secretKeys, jwks: readJwks(env) };
}

function readJwks(env: Environment): SupabaseSettings["jwks"] {
  const value = json(env, "SUPABASE_JWKS");
  if (value === undefined) return null;
  const keys = isRecord(value) ? value.keys : value;
  if (!Array.isArray(keys) || !keys.every(isRecord)) {
    throw new ConfigurationError(
      "Cannot start: SUPABASE_JWKS is not a JWK Set, leave it to Supabase to set it",
    );
  }
  return { keys };
}

function readPublicUrl(env: Environment): string | null {
  for (const name of ["OPENCLAW_PUBLIC_URL", "SUPABASE_URL"]) {
    const text = env(name) || undefined;
    if (text !== undefined) return parsePublicUrl(text, name);
  }
  return null;
}

/**
 * A service's address without the `/` or `/functions/v1` at its end.
 *
 * @throws {ConfigurationError} naming `name` when it is not the http or https address of a host.
 */
export function parsePublicUrl(text: string, name: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (
    url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "" ||
    url.search !== "" || url.hash !== ""
  ) {
    throw new ConfigurationError(`Cannot start: ${name} is not an address like https://fleet.example.com`);
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "").replace(/\/functions\/v1$/, "").replace(
    /\/+$/,
    "",
  );
}

function wholeNumber(
  env: Environment,
  name: string,
  range: { from: number; to: number; otherwise: number },
): number {
  const text = env(name) || undefined;
  if (text === undefined) return range.otherwise;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (!(value >= range.from && value <= range.to)) {
    throw new ConfigurationError(
      `Cannot start: ${name} is "${text}", expected a whole number from ${range.from} to ${range.to}`,
    );
  }
  return value;
}

function json(env: Environment, name: string): unknown {
  const text = env(name) || undefined;
  if (text === undefined) return undefined;
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new ConfigurationError(`Cannot start: ${name} is not JSON`);
    throw error;
  }
}

/** The mark that editors of Windows put before UTF-8 (BOM) is no part of it. */
function parseJson(text: string): unknown {
  return JSON.parse(text.replace(/^\uFEFF/, ""));
}

function keysFault(what: string): ConfigurationError {
  return new ConfigurationError(
    `Cannot start: AGENT_JWT_KEYS does not hold the signing keys: ${what}; "deno task keys" makes a set`,
  );
}

function strings(value: unknown): Record<string, string> | null {
  if (!isRecord(value)) return null;
  const entries = Object.entries(value);
  if (!entries.every((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== "")) {
    return null;
  }
  return Object.fromEntries(entries);
}
