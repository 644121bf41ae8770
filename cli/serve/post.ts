import { lookup } from "node:dns/promises";
import http from "node:http";
import https from "node:https";
import { NoReply, type Post, type PostReply } from "../../supabase/functions/_shared/channels/send.ts";
import {
  assertTargets,
  literalAddress,
  type TargetPolicy,
} from "../../supabase/functions/_shared/channels/targets.ts";

const longestReply = 4096;

/** Whether a TLS connection can go to an address that was checked, under the name that its certificate has. */
export const canPin = Number(Deno.version.deno.split(".")[0]) > 2 ||
  Number(Deno.version.deno.split(".")[1]) >= 9;

interface Options {
  resolve?: (name: string) => Promise<string[]>;
  /** The limit of a whole exchange, however its bytes trickle in. */
  limitMs?: number;
  /** Authorities to trust in the place of the system's, in PEM. */
  ca?: string;
}

/**
 * Posts for the server: resolves the name once, checks every address of it, and connects to one that it checked, so
 * that a name that changes its address between the two leads nowhere else. Redirects are not followed.
 */
export function pinnedPost(
  policy: TargetPolicy,
  { resolve = addressesOf, limitMs = 15_000, ca }: Options = {},
): (post: Post) => Promise<PostReply> {
  return async (post) => {
    const { hostname } = post.url;
    const literal = literalAddress(hostname);
    const addresses = literal === null ? await resolve(hostname) : [literal];
    assertTargets(hostname, addresses, policy);
    return await send(post, addresses[0] ?? hostname, { limitMs, ca, isName: literal === null });
  };
}

/** IPv4 first: where a host has both and one is broken, it is IPv6. */
async function addressesOf(name: string): Promise<string[]> {
  try {
    const found = await lookup(name, { all: true });
    return found.sort((a, b) => a.family - b.family).map(({ address }) => address);
  } catch (error) {
    if (error instanceof Error && "code" in error) throw new NoReply(`the name ${name} was not resolved`);
    throw error;
  }
}

function send(
  { url, headers, body }: Post,
  address: string,
  { limitMs, ca, isName }: { limitMs: number; ca: string | undefined; isName: boolean },
): Promise<PostReply> {
  const isTls = url.protocol === "https:";
  const { promise, resolve, reject } = Promise.withResolvers<PostReply>();
  const request = (isTls ? https : http).request({
    method: "POST",
    host: isTls && isName && !canPin ? url.hostname : address,
    port: Number(url.port) || (isTls ? 443 : 80),
    path: `${url.pathname}${url.search}`,
    headers: { ...headers, "host": url.host, "content-length": new TextEncoder().encode(body).length },
    agent: false,
    // An address is no name: TLS has no place for it, and the certificate is the address's own.
    ...(isTls && isName ? { servername: url.hostname } : {}),
    ...(isTls && ca !== undefined ? { ca } : {}),
  });
  const fail = (error: Error): void => reject(new NoReply(`${url.host}: ${error.message}`));
  const timer = setTimeout(() => fail(new Error(`no reply within ${limitMs / 1000} s`)), limitMs);
  request.on("error", fail);
  request.on("response", (reply) => {
    let text = "";
    const taken = (): void =>
      resolve({
        status: reply.statusCode ?? 0,
        retryAfter: reply.headers["retry-after"] ?? null,
        text: text.slice(0, longestReply),
      });
    reply.setEncoding("utf8");
    reply.on("data", (chunk: string) => (text += chunk).length >= longestReply && taken());
    reply.on("end", taken);
    reply.on("error", fail);
  });
  request.end(body);
  return promise.finally(() => {
    clearTimeout(timer);
    request.destroy();
  });
}
