import { keepLoopbackDirect, proxyFor } from "../api/proxy.ts";
import { type Connection, printable } from "../api/agent.ts";
import { type Identity, type IdentityFlags, readIdentity } from "./credentials.ts";
import { CliError } from "../terminal/errors.ts";
import { type Environment, type Places, placesHere } from "../host/paths.ts";
import { shellQuote } from "../host/shell_quote.ts";

/** What a command line says of the way to the server. */
export interface ConnectionFlags {
  url?: string | undefined;
  caFile?: string | undefined;
  insecureHttp?: true | undefined;
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

/** The server alone, for who has no identity yet. `stored` is the one that the credentials file names. */
export async function readConnection(
  flags: ConnectionFlags,
  environment: Environment,
  stored: string | null,
): Promise<Connection> {
  return await openConnection(flags, { environment, stored });
}

/**
 * A service's address without `/` or `/functions/v1` at its end. `from` is where it was found, for the
 * message; null: it was just typed.
 *
 * @throws {CliError} `usage` when it is not an http or https address, or plain http to another host.
 */
export function parseUrl(
  text: string,
  { insecureHttp, from = null }: { insecureHttp: boolean; from?: string | null },
): string {
  const url = parseAddress(text, from, "https://fleet.example.com");
  if (url.search !== "" || url.hash !== "") {
    throw new CliError(
      "usage",
      `Cannot use the URL "${shown(text)}"${of(from)}: an address like https://fleet.example.com is wanted`,
      { hint: `openclaw configure --url ${url.origin}` },
    );
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname) && !insecureHttp) {
    throw new CliError(
      "usage",
      `Cannot send a secret to ${url.origin}: http is not encrypted, https is wanted`,
      { hint: `--url https://${url.host}, or --insecure-http where the network itself is trusted` },
    );
  }
  return url.href.replace(/\/+$/, "").replace(/\/functions\/v1$/, "").replace(/\/+$/, "");
}

/**
 * The address of a page, whole but for its fragment. It may be on any host and without TLS.
 *
 * @throws {CliError} `usage` when it is not an http or https address
 */
export function parseProbeUrl(text: string): string {
  const url = parseAddress(text, "--probe-url", "http://127.0.0.1:8080/health");
  url.hash = "";
  return url.href;
}

function parseAddress(text: string, from: string | null, example: string): URL {
  const hint = from === "--probe-url"
    ? `openclaw monitor --probe-url ${example}`
    : `openclaw configure --url ${example}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && (url.username !== "" || url.password !== "")) {
    // It is not repeated: it holds a password.
    throw new CliError("usage", `Cannot use the URL${of(from)}: there is a user or a password in it`, {
      hint,
    });
  }
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CliError(
      "usage",
      `Cannot use the URL "${shown(text)}"${of(from)}: an address like ${example} is wanted`,
      { hint },
    );
  }
  return url;
}

function of(from: string | null): string {
  return from === null ? "" : ` of ${from}`;
}

/** Without what may be a password: nobody knows what a text is that is no address. */
function shown(text: string): string {
  return printable(text.replace(/\/\/[^/]*@/, "//…@")).slice(0, 100);
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
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
  const [text, from] = flags.url !== undefined
    ? [flags.url, "--url"]
    : environment("OPENCLAW_URL") !== undefined
    ? [environment("OPENCLAW_URL") ?? "", "OPENCLAW_URL"]
    : stored !== null
    ? [stored, "the credentials file"]
    : [defaultUrl, "the default"];
  const url = parseUrl(text, { insecureHttp: flags.insecureHttp === true, from });
  keepLoopbackDirect(environment);
  proxyFor(new URL(url), environment);
  const path = caFileOf(flags, environment);
  return path === undefined ? { url } : { url, client: openClient(path, await readAuthority(path)) };
}

function caFileOf({ caFile }: ConnectionFlags, environment: Environment): string | undefined {
  return caFile ?? environment("SSL_CERT_FILE");
}

function openClient(path: string, authority: string): Deno.HttpClient {
  try {
    return Deno.createHttpClient({ caCerts: [authority] });
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
    const text = await Deno.readTextFile(path);
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
