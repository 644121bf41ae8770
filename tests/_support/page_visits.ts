import { Dashboard } from "../../cli/dashboard/dashboard.ts";
import { embeddedUpstream } from "../../cli/dashboard/embedded.ts";
import type { Front } from "../../cli/dashboard/front.ts";
import type { PageReply } from "../../cli/dashboard/replies.ts";
import { findEndpoint } from "../../cli/serve/routes.ts";
import type { Reply } from "../../supabase/functions/_shared/http/messages.ts";
import { incomingOf } from "../../supabase/functions/_shared/http/web.ts";
import { randomBytes } from "../../supabase/functions/_shared/random.ts";
import { operatorKey, type TestBackend } from "./backend.ts";

export const pageUrl = "http://127.0.0.1:54321";
/** The peer of every request. */
export const viewerAddress = "192.0.2.7";

/** The page over a backend whose database is a fake. */
export function dashboardOver(
  backend: TestBackend,
  { publicUrl = null, front }: { publicUrl?: string | null; front?: Front } = {},
): Dashboard {
  return new Dashboard({
    upstream: embeddedUpstream(backend, findEndpoint),
    url: pageUrl,
    publicUrl,
    servedUrl: publicUrl ?? pageUrl,
    version: "1.2.3",
    log: backend.log,
    meter: null,
    now: () => backend.clock.now,
    randomBytes,
    ...(front === undefined ? {} : { front }),
  });
}

/** A request as a browser makes it: its `Host` is the page's, unless another one is given. */
export async function visit(
  dashboard: Dashboard,
  path: string,
  init: RequestInit & { headers?: Record<string, string> } = {},
): Promise<PageReply> {
  const { pathname } = new URL(path, pageUrl);
  const headers = { host: "127.0.0.1:54321", ...init.headers };
  const request = { ...incomingOf(new Request(new URL(path, pageUrl), { ...init, headers })), pathname };
  return await dashboard.respond(request, viewerAddress);
}

/** The same, for a reply that ends. */
export async function see(...given: Parameters<typeof visit>): Promise<Reply & { text: string }> {
  const reply = await visit(...given);
  if ("stream" in reply) throw new Error(`${given[1]} goes on`);
  const { body } = reply;
  return { ...reply, text: typeof body === "string" ? body : new TextDecoder().decode(body ?? undefined) };
}

/** The request that the login form makes. */
export function loginWith(fields: Record<string, string>, headers: Record<string, string> = {}): {
  method: "POST";
  headers: Record<string, string>;
  body: string;
} {
  return {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", origin: pageUrl, ...headers },
    body: new URLSearchParams(fields).toString(),
  };
}

/** Somebody who is logged in. */
export interface LoggedIn {
  cookie: string;
  token: string;
}

export async function logIn(dashboard: Dashboard, key = operatorKey): Promise<LoggedIn> {
  const { status, headers, text } = await see(dashboard, "/page/login", loginWith({ key }));
  if (status !== 303) throw new Error(`Cannot log in: ${status} ${text}`);
  const cookie = headers["set-cookie"]?.split(";")[0] ?? "";
  const page = await see(dashboard, "/", { headers: { cookie } });
  return { cookie, token: /"token":"([\w-]+)"/.exec(page.text)?.[1] ?? "" };
}
