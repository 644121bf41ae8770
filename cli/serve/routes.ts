import { type Endpoint, resource } from "../../supabase/functions/_shared/http/routes.ts";
import { version } from "../../supabase/functions/_shared/version.ts";
import { endpoints } from "../../supabase/functions/endpoints.ts";
import { olderPaths } from "./older_paths.ts";

const byName = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));
const nowhere: Endpoint = { name: "(unknown)", routes: [] };
const root = resource("(root)", {
  GET: () =>
    Promise.resolve({
      status: 200,
      headers: { "content-type": "text/plain; charset=utf-8" },
      body: `openclaw ${version}: a server that agents send heartbeats to. Its API is under /functions/v1.\n`,
    }),
});

/** Paths that lead to an endpoint by themselves, as that of every heartbeat does. */
const byPath = new Map([
  ["", root],
  ...olderPaths,
  ...endpoints.map((endpoint) => [`/functions/v1/${endpoint.name}`, endpoint] as const),
]);

/** The endpoint that a path leads to, and what follows the endpoint's name in the path. */
export function findEndpoint(pathname: string): { endpoint: Endpoint; subpath: string } {
  const path = pathname.endsWith("/") ? pathname.slice(0, -1) : pathname;
  const found = byPath.get(path);
  if (found !== undefined) return { endpoint: found, subpath: "" };
  const [, name = "", subpath = ""] = /^\/functions\/v1\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  return { endpoint: byName.get(name) ?? nowhere, subpath };
}
