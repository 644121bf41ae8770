import { Buckets } from "./buckets.ts";
import { ContractError } from "./errors.ts";
import ipaddr from "npm:ipaddr.js@2.5.0";
import type { Incoming } from "./messages.ts";

/**
 * Limits the refusals by address: a token bucket for each, 20 refusals at once and one more a second.
 *
 * Only refusals are counted and limited. A caller with a valid credential is never turned away, whatever else comes
 * from the same address.
 */
export class Refusals {
  readonly #buckets: Buckets;

  constructor(now: () => Date) {
    this.#buckets = new Buckets({ burst: 20, perSecond: 1 }, now);
  }

  /** Counts a refusal. @throws {ContractError} `rate_limited` when this address has had too many. */
  count(address: string): void {
    const retryAfterSeconds = this.#buckets.take(network(address));
    if (retryAfterSeconds === null) return;
    throw new ContractError(
      "rate_limited",
      `Cannot accept another attempt from this address: too many were refused, retry in ${retryAfterSeconds} s`,
      { retryAfterSeconds },
    );
  }

  get size(): number {
    return this.#buckets.size;
  }
}

/** The network that counts as one address: an IPv4 address, or the /64 of an IPv6 address. */
export function network(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return parsed.toByteArray().slice(0, 8).join(".");
}

/**
 * The caller's address: the socket's; with `trustedProxies` n above 0, the nth from the right of
 * `x-forwarded-for`, if it has that many. Some proxies add the port, and brackets to IPv6.
 */
export function callerAddress(
  { headers }: Pick<Incoming, "headers">,
  socketAddress: string,
  trustedProxies: number,
): string {
  if (trustedProxies === 0) return socketAddress;
  const hops = (headers.get("x-forwarded-for") ?? "").split(",").map((hop) => hop.trim());
  // The zone of an IPv6 address (RFC 4007) says something only to the proxy, and may be of any length.
  const hop = withoutPort(hops.at(-trustedProxies) ?? "").replace(/%.*$/s, "");
  return ipaddr.isValid(hop) ? hop : socketAddress;
}

function withoutPort(hop: string): string {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+))(?::\d{1,5})?$/i.exec(hop) ?? [];
  return bracketed ?? plain ?? hop;
}
