import { keepLoopbackDirect, proxyFor } from "../api/proxy.ts";
import type { Connection } from "../api/agent.ts";
import { Pool } from "../api/pool.ts";
import { parseUrl } from "../api/url.ts";
import { type Identity, readIdentity } from "./identity.ts";
import type { IdentityFlags } from "./named_agent.ts";
import { repeatConnection } from "../terminal/called.ts";
import { CliError } from "../terminal/errors.ts";
import { type Environment, type Places, placesHere } from "../host/paths.ts";
import { withoutMark } from "../host/json.ts";
import { shellQuote } from "../host/shell_quote.ts";

/** What a command line says of the way to the server. */
export interface ConnectionFlags {
  url?: string | undefined;
  caFile?: string | undefined;
  insecureHttp?: true | undefined;
}

/** A server's address as it was written, and where. */
export interface NamedUrl {
  url: string;
  from: string;
}

/** What every command of the agent's side works with. */
export interface Setup {
  connection: Connection;
  identity: Identity;
  places: Places;
}

interface Surroundings {
  environment: Environment;
  warn: (text: string) => void;
}

/** The server, where none is named: this host's own. */
export const defaultUrl = "http://127.0.0.1:54321";

/** Server and identity: flags, environment, file, default, in that order. */
export async function readSetup(
  flags: ConnectionFlags & IdentityFlags,
  around: Surroundings,
): Promise<Setup> {
  const identity = await readIdentity(flags, around);
  const { environment } = around;
  const connection = await openConnection(flags, { environment, stored: identity.url });
  return { connection, identity, places: await placesHere(environment) };
}

/** Only the server, for a command without an agent. `stored` is the one that the credentials file names. */
export async function readConnection(
  flags: ConnectionFlags,
  environment: Environment,
  stored: string | null,
): Promise<Connection> {
  return await openConnection(flags, { environment, stored });
}

/** The PEM files to trust besides the public authorities. */
export async function readAuthorities(flags: ConnectionFlags, environment: Environment): Promise<string[]> {
  const path = caFileOf(flags, environment);
  return path === undefined ? [] : [await readAuthority(path)];
}

async function openConnection(
  flags: ConnectionFlags,
  { environment, stored }: { environment: Environment; stored: string | null },
): Promise<Connection> {
  const named = namedUrl(flags, environment) ??
    (stored !== null
      ? { url: stored, from: "the credentials file" }
      : { url: defaultUrl, from: "the default" });
  return await connectTo(named, flags, environment);
}

/** The server that a flag or the environment names, and which of them; null where neither does. */
export function namedUrl(flags: ConnectionFlags, environment: Environment): NamedUrl | null {
  if (flags.url !== undefined) return { url: flags.url, from: "--url" };
  const url = environment("OPENCLAW_URL");
  return url === undefined ? null : { url, from: "OPENCLAW_URL" };
}

/** The way to a server that was named. */
export async function connectTo(
  { url: text, from }: NamedUrl,
  flags: ConnectionFlags,
  environment: Environment,
): Promise<Connection> {
  const url = parseUrl(text, { insecureHttp: flags.insecureHttp === true, from });
  // Without the agent's own flags, the hint would send another server the secret of the credentials file.
  if (from === "--url" && !namesAgent(flags)) {
    repeatConnection(` --url ${plainOrQuoted(text)}${otherFlags(flags)}`);
  }
  keepLoopbackDirect(environment);
  proxyFor(new URL(url), environment);
  const path = caFileOf(flags, environment);
  return { url, pool: path === undefined ? new Pool() : openPool(path, await readAuthority(path)) };
}

function namesAgent({ agentId, agentSecret, agentSecretFile }: ConnectionFlags & IdentityFlags): boolean {
  return [agentId, agentSecret, agentSecretFile].some((flag) => flag !== undefined);
}

function otherFlags({ caFile, insecureHttp }: ConnectionFlags): string {
  return (caFile === undefined ? "" : ` --ca-file ${plainOrQuoted(caFile)}`) +
    (insecureHttp === true ? " --insecure-http" : "");
}

/** As a person would type it. */
function plainOrQuoted(word: string): string {
  return /^[\w.:/@%+-]+$/.test(word) ? word : shellQuote(word);
}

function caFileOf({ caFile }: ConnectionFlags, environment: Environment): string | undefined {
  return caFile ?? environment("SSL_CERT_FILE");
}

function openPool(path: string, authority: string): Pool {
  try {
    return new Pool([authority]);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CliError("usage", `Cannot use the certificates in "${path}": ${error.message}`, {
      hint: `openssl x509 -in ${shellQuote(path)} -noout -text`,
      cause: error,
    });
  }
}

async function readAuthority(path: string): Promise<string> {
  try {
    const text = withoutMark(await Deno.readTextFile(path));
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CliError("usage", `Cannot read the certificates in "${path}": ${error.message}`, {
      hint: "--ca-file <file>, or SSL_CERT_FILE=<file>, with a file of certificates in PEM",
      cause: error,
    });
  }
  throw new CliError("usage", `Cannot read the certificates in "${path}": there is none in PEM`, {
    hint: "--ca-file <file>, or SSL_CERT_FILE=<file>, with a file of certificates in PEM",
  });
}
