import type { Environment } from "../places.ts";

/**
 * The proxy through which requests to this address go, or null. It tells what the runtime does by itself; it
 * sets nothing.
 */
export function proxyFor(url: URL, environment: Environment): URL | null {
  const names = url.protocol === "https:" ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"];
  const given = [...names, "ALL_PROXY", "all_proxy"].map(environment).find((text) => text !== undefined);
  if (given === undefined || isExempt(url, environment("NO_PROXY") ?? environment("no_proxy") ?? "")) {
    return null;
  }
  const text = given.includes("://") ? given : `http://${given}`;
  return URL.canParse(text) ? new URL(text) : null;
}

function isExempt({ hostname }: URL, list: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  return list.split(",").map((part) => part.trim().replace(/^\*?\./, "")).some((part) =>
    part === "*" || part !== "" && (host === part || host.endsWith(`.${part}`))
  );
}
