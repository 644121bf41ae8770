/**
 * Whether a host, as `URL.hostname` gives it, can only be this one: 127.0.0.0/8, ::1 and localhost (RFC 1122, RFC 4291,
 * RFC 6761). A name under localhost is not: some resolvers ask the network for it.
 */
export function isLoopback(hostname: string): boolean {
  return /^(127(\.\d{1,3}){3}|\[?::1\]?|localhost)$/.test(hostname);
}

/** Whether a secret that is sent to the URL is encrypted, or does not leave the host. */
export function isFitForSecrets(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
}
