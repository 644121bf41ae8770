import type { Endpoint } from "../../supabase/functions/_shared/http/endpoint.ts";
import { endpoint as agents } from "../../supabase/functions/agents/handler.ts";
import { endpoint as createAgent } from "../../supabase/functions/create-agent/handler.ts";
import { endpoint as handshake } from "../../supabase/functions/handshake/handler.ts";
import { endpoint as health } from "../../supabase/functions/health/handler.ts";
import { endpoint as heartbeat } from "../../supabase/functions/heartbeat/handler.ts";
import { endpoint as install } from "../../supabase/functions/install/handler.ts";
import { endpoint as jwks } from "../../supabase/functions/jwks/handler.ts";

const endpoints = [agents, createAgent, handshake, health, heartbeat, install, jwks];
const byName = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));

/** The paths that agents used before there were functions. */
const older = new Map([
  ["/api/agents", createAgent],
  ["/api/agents/handshake", handshake],
  ["/api/heartbeat", heartbeat],
]);

const nowhere: Endpoint = { name: "(unknown)", methods: () => null };

/** The endpoint that a path leads to, and the rest of the path. */
export function route(pathname: string): { endpoint: Endpoint; rest: string } {
  const path = pathname.replace(/\/$/, "");
  const [, name = "", rest = ""] = /^\/functions\/v1\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  const endpoint = byName.get(name) ?? older.get(path);
  return endpoint === undefined ? { endpoint: nowhere, rest: "" } : { endpoint, rest };
}
