import type { Connection } from "./api.ts";
import { type Identity, type IdentityFlags, readIdentity } from "./credentials.ts";
import { CliError } from "./errors.ts";
import { type Environment, type Places, placesHere } from "./places.ts";

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

const defaultUrl = "http://127.0.0.1:54321";

/** Server and identity: flags, environment, file, default, in that order. */
export async function readSetup(
  flags: ConnectionFlags & IdentityFlags,
  around: Surroundings,
): Promise<Setup> {
  const identity = await readIdentity(flags, around);
  const { environment } = around;
  const url = flags.url ?? environment("OPENCLAW_URL") ?? identity.url ?? defaultUrl;
  const connection = await openConnection({ ...flags, url }, environment);
  return { connection, identity, places: await placesHere(environment) };
}

/** The server alone, for who has no identity yet. */
export async function readConnection(flags: ConnectionFlags, environment: Environment): Promise<Connection> {
  return await openConnection(
    { ...flags, url: flags.url ?? environment("OPENCLAW_URL") ?? defaultUrl },
    environment,
  );
}

/**
 * A service's address without `/` or `/functions/v1` at its end.
 *
 * @throws {CliError} `usage` when it is not an http or https address, or plain http to another host.
 */
export function parseUrl(text: string, { insecureHttp }: { insecureHttp: boolean }): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (
    url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "" ||
    url.search !== "" || url.hash !== ""
  ) {
    throw new CliError("usage", "Cannot use the URL: an address like https://fleet.example.com is wanted", {
      hint: "openclaw configure --url https://fleet.example.com",
    });
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname) && !insecureHttp) {
    throw new CliError(
      "usage",
      `Cannot send a secret to ${url.origin}: http is not encrypted, https is wanted`,
      {
        hint: `use https://${url.host}, or say --insecure-http if the network itself is trusted`,
      },
    );
  }
  return url.href.replace(/\/+$/, "").replace(/\/functions\/v1$/, "").replace(/\/+$/, "");
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** The PEM files to trust besides the public authorities. */
export async function readAuthorities(
  { caFile }: ConnectionFlags,
  environment: Environment,
): Promise<string[]> {
  const path = caFile ?? environment("SSL_CERT_FILE");
  return path === undefined ? [] : [await readAuthority(path)];
}

async function openConnection(
  flags: ConnectionFlags & { url: string },
  environment: Environment,
): Promise<Connection> {
  const url = parseUrl(flags.url, { insecureHttp: flags.insecureHttp === true });
  const caCerts = await readAuthorities(flags, environment);
  return caCerts.length === 0 ? { url } : { url, client: Deno.createHttpClient({ caCerts }) };
}

async function readAuthority(path: string): Promise<string> {
  try {
    const text = await Deno.readTextFile(path);
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CliError("usage", `Cannot read the certificates in "${path}": ${error.message}`, {
      hint: "name a PEM file with --ca-file or SSL_CERT_FILE",
      cause: error,
    });
  }
  throw new CliError("usage", `Cannot read the certificates in "${path}": there is none in PEM`, {
    hint: "name a PEM file with --ca-file or SSL_CERT_FILE",
  });
}
