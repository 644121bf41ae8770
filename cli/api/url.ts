import { CliError } from "../terminal/errors.ts";
import { printable } from "../terminal/printable.ts";

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
      `Cannot use the URL "${shown(text)}"${of(from)}: an address like https://fleet.example.com is expected`,
      { hint: `openclaw configure --url ${url.origin}` },
    );
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname) && !insecureHttp) {
    throw new CliError(
      "usage",
      `Cannot send a secret to ${url.origin}: http is not encrypted, use https`,
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

/**
 * The port of the AI gateway that `--watch openclaw` or `--watch openclaw:<port>` names.
 *
 * @throws {CliError} `usage` for anything else
 */
export function parseWatch(text: string): number {
  const named = /^openclaw(?::([1-9]\d{0,4}))?$/.exec(text);
  const port = Number(named?.[1] ?? gatewayPort);
  if (named !== null && port < 65_536) return port;
  throw new CliError("usage", `Cannot watch "${printable(text)}": openclaw or openclaw:<port> is expected`, {
    hint: "openclaw monitor --watch openclaw",
  });
}

/** The gateway's own default. */
const gatewayPort = 18_789;

function parseAddress(text: string, from: string | null, example: string): URL {
  const hint = from === "--probe-url"
    ? `openclaw monitor --probe-url ${example}`
    : from === "--url"
    ? `--url ${example}`
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
      `Cannot use the URL "${shown(text)}"${of(from)}: an address like ${example} is expected`,
      { hint },
    );
  }
  return url;
}

function of(from: string | null): string {
  return from === null ? "" : ` of ${from}`;
}

/** Without what may be a password: a text that is not an address may be anything. */
function shown(text: string): string {
  return printable(text.replace(/\/\/[^/]*@/, "//…@")).slice(0, 100);
}

/**
 * Whether a URL's hostname is this host by its own name or address (RFC 1122, RFC 4291): nothing leaves the host. The
 * service decides so by its `address.ts`, of which this program has no part; one table of cases holds both.
 */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
