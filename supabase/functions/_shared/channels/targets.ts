import ipaddr from "npm:ipaddr.js@2.5.0";

/** Which targets besides public ones a server may reach. */
export interface TargetPolicy {
  /** This host: the embedded server's own tools. */
  loopback: boolean;
  /** Everything that is neither public nor loopback: private networks, link-local and what is reserved. */
  private: boolean;
}

/** The target may not be reached. The message names neither the address's path nor a setting. */
export class TargetRefused extends Error {
  override readonly name = "TargetRefused";
}

/**
 * @param addresses all that the host's name stands for, as the system resolved it once
 * @throws {TargetRefused} when a single one of them may not be reached
 */
export function assertTargets(host: string, addresses: readonly string[], policy: TargetPolicy): void {
  if (addresses.length === 0) throw new TargetRefused(`the name ${host} has no address`);
  for (const address of addresses) {
    const reach = reachOf(address);
    if (reach === "public" || policy[reach]) continue;
    throw new TargetRefused(
      reach === "loopback"
        ? `${host} is this host itself, which a channel cannot reach here`
        : `${host} is not a public address; OPENCLAW_PRIVATE_TARGETS=1 allows private ones`,
    );
  }
}

/** The address that a URL's host is, without brackets; null when it is a name. */
export function literalAddress(hostname: string): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  return ipaddr.isValid(bare) ? bare : null;
}

/** What is assigned to the Internet. The rest of IPv6 is special, or nobody's. */
const assigned = ipaddr.IPv6.parseCIDR("2000::/3");
/** A public address by its form, by which a virtual machine in Azure reaches the agent of its host. */
const azureHost = "168.63.129.16";

/**
 * What an IP address can reach. An IPv4 address in an IPv6 one (::ffff:127.0.0.1) is that IPv4 address; tunnels and
 * translations (6to4, Teredo, NAT64, ::127.0.0.1) may lead anywhere, and count as private. A connection to no address
 * (0.0.0.0) is one to this host.
 */
function reachOf(address: string): "public" | "loopback" | "private" {
  if (!ipaddr.isValid(address)) return "private";
  const target = ipaddr.process(address);
  const range = target.range();
  if (range === "loopback" || range === "unspecified") return "loopback";
  const isAssigned = target instanceof ipaddr.IPv4 || target.match(assigned);
  return range === "unicast" && isAssigned && target.toString() !== azureHost ? "public" : "private";
}
