import { ContractError } from "./errors.ts";
import ipaddr from "npm:ipaddr.js@2.5.0";

interface Bucket {
  tokens: number;
  at: number;
}

const burst = 20;
const perSecond = 1;
const maxAddresses = 10_000;

/**
 * Limits the refusals by address: a token bucket for each, 20 refusals at once and one more a second.
 *
 * Only refusals are counted and limited. A caller with a valid credential is never turned away, whatever else comes
 * from the same address. The map is bounded (the address that was refused the longest ago goes first) and belongs to
 * this process only.
 */
export class Refusals {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Counts a refusal. @throws {ContractError} `rate_limited` when this address has had too many. */
  count(address: string): void {
    const key = network(address);
    const at = this.#now().getTime() / 1000;
    const before = this.#buckets.get(key) ?? { tokens: burst, at };
    const elapsed = Math.max(0, at - before.at);
    const tokens = Math.min(burst, before.tokens + elapsed * perSecond);
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens < 1 ? tokens : tokens - 1, at });
    if (this.#buckets.size > maxAddresses) this.#forgetOldest();
    if (tokens < 1) {
      const retryAfterSeconds = Math.max(1, Math.ceil((1 - tokens) / perSecond));
      throw new ContractError(
        "rate_limited",
        `Cannot accept another attempt from this address: too many were refused, retry in ${retryAfterSeconds} s`,
        { retryAfterSeconds },
      );
    }
  }

  get size(): number {
    return this.#buckets.size;
  }

  #forgetOldest(): void {
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
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
export function callerAddress(request: Request, socketAddress: string, trustedProxies: number): string {
  if (trustedProxies === 0) return socketAddress;
  const hops = (request.headers.get("x-forwarded-for") ?? "").split(",").map((hop) => hop.trim());
  const hop = withoutPort(hops.at(-trustedProxies) ?? "");
  return ipaddr.isValid(hop) ? hop : socketAddress;
}

function withoutPort(hop: string): string {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+))(?::\d{1,5})?$/i.exec(hop) ?? [];
  return bracketed ?? plain ?? hop;
}
