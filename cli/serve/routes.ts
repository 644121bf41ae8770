import type { Endpoint } from "../../supabase/functions/_shared/http/routes.ts";
import { endpoints } from "../../supabase/functions/endpoints.ts";

const byName = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));

/** The paths that agents used before there were functions, and the names of the functions that answer there now. */
const olderPaths: ReadonlyMap<string, string> = new Map([
  ["/api/agents", "create-agent"],
  ["/api/agents/handshake", "handshake"],
  ["/api/heartbeat", "heartbeat"],
]);

const nowhere: Endpoint = { name: "(unknown)", routes: [] };

/** The endpoint that a path leads to, and what follows the endpoint's name in the path. */
export function findEndpoint(pathname: string): { endpoint: Endpoint; subpath: string } {
  const path = pathname.replace(/\/$/, "");
  const [, name = olderPaths.get(path) ?? "", subpath = ""] =
    /^\/functions\/v1\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  return { endpoint: byName.get(name) ?? nowhere, subpath };
}
