import { NoReply, type Post, type PostReply } from "./send.ts";
import { assertTargets, literalAddress, type TargetPolicy } from "./targets.ts";

const longestReply = 4096;

/**
 * Posts by `fetch`, for the functions. A host that is an address is checked, and a name where the platform resolves
 * names; the connection cannot be pinned to what was checked, since `fetch` resolves the name once more.
 */
export function fetchPost(
  policy: TargetPolicy,
  { limitMs = 15_000 }: { limitMs?: number } = {},
): (post: Post) => Promise<PostReply> {
  return async ({ url, headers, body }) => {
    const literal = isThisHost(url.hostname) ? "127.0.0.1" : literalAddress(url.hostname);
    const addresses = literal === null ? await resolve(url.hostname) : [literal];
    if (addresses !== null) assertTargets(url.hostname, addresses, policy);
    const signal = AbortSignal.timeout(limitMs);
    try {
      const reply = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
      const text = await beginningOf(reply);
      return { status: reply.status, retryAfter: reply.headers.get("retry-after"), text };
    } catch (error) {
      if (signal.aborted) throw new NoReply(`no reply from ${url.host} within ${limitMs / 1000} s`);
      // What fetch says of a failure holds the whole address, which may be a secret.
      if (error instanceof TypeError) throw new NoReply(`cannot reach ${url.host}`);
      throw error;
    }
  };
}

/** By its name alone, whatever the DNS says of it (RFC 6761, section 6.3). */
function isThisHost(name: string): boolean {
  return /^(.*\.)?localhost\.?$/i.test(name);
}

/** All addresses of a name; null where the platform does not tell. */
async function resolve(name: string): Promise<string[] | null> {
  if (typeof Deno.resolveDns !== "function") return null;
  const found = await Promise.allSettled([Deno.resolveDns(name, "A"), Deno.resolveDns(name, "AAAA")]);
  const addresses = found.flatMap((one) => one.status === "fulfilled" ? one.value : []);
  if (addresses.length > 0) return addresses;
  // A name that the DNS does not know may stand in a file of the host, and is then not a public one.
  const isUnknown = found.some((one) =>
    one.status === "fulfilled" || one.reason instanceof Deno.errors.NotFound
  );
  if (isUnknown) throw new NoReply(`the name ${name} was not resolved`);
  return null;
}

/** The first bytes of a body as text; the rest is not waited for. */
async function beginningOf(reply: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of reply.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= longestReply) break;
  }
  return text.slice(0, longestReply);
}
