import { CliError } from "../terminal/errors.ts";
import type { Environment } from "../host/paths.ts";

/** This host itself, as the runtime understands it in a list of hosts without a proxy. */
const loopback = ["127.0.0.0/8", "localhost", "::1"];

let isSet = false;

/**
 * Keeps every request to this host itself from a proxy, which would see the secret in the clear. It has to be
 * called before the first request, and while the environment may still be written.
 */
export function keepLoopbackDirect(environment: Environment): void {
  if (isSet) return;
  Deno.env.set("NO_PROXY", exemptions(environment).join(","));
  isSet = true;
}

/**
 * The proxy through which requests to this address go, or null: what the runtime does once
 * `keepLoopbackDirect` was called, `ALL_PROXY` before the scheme's own and `*` for names only.
 *
 * @throws {CliError} `usage` for one that is not an address
 */
export function proxyFor(url: URL, environment: Environment): URL | null {
  const names = url.protocol === "https:" ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"];
  const name = ["ALL_PROXY", "all_proxy", ...names].find((one) => environment(one) !== undefined);
  if (name === undefined || isExempt(url, exemptions(environment))) return null;
  const given = environment(name) ?? "";
  const text = given.includes("://") ? given : `http://${given}`;
  if (URL.canParse(text)) return new URL(text);
  // It is not repeated: there may be a password in it. The runtime would go without a proxy.
  throw new CliError("usage", `Cannot use the proxy of ${name}: it is not an address`, {
    hint: `export ${name}=http://proxy.example.com:3128`,
  });
}

/** The runtime does not know the form `*.example.com`, which others take for `.example.com`. */
function exemptions(environment: Environment): string[] {
  const list = environment("NO_PROXY") ?? environment("no_proxy") ?? "";
  const given = list.split(",").map((part) => part.trim().replace(/^\*\./, ".")).filter((part) =>
    part !== ""
  );
  return [...given, ...loopback];
}

function isExempt({ hostname }: URL, list: string[]): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  if (host.includes(":")) return list.includes(host);
  const address = addressOf(host);
  if (address !== null) return list.some((part) => isWithin(address, part));
  return list.map((part) => part.replace(/^\./, "").toLowerCase())
    .some((part) => part === "*" || host === part || host.endsWith(`.${part}`));
}

/** Whether an IPv4 address is this one, or in this network. */
function isWithin(address: number, part: string): boolean {
  const [base = "", bits = "32"] = part.split("/");
  const network = addressOf(base);
  if (network === null || !/^\d{1,2}$/.test(bits)) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(address / size) === Math.floor(network / size);
}

function addressOf(text: string): number | null {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return null;
  return text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
