import type { Endpoint } from "../../supabase/functions/_shared/http/endpoint.ts";
import { endpoint as agents } from "../../supabase/functions/agents/handler.ts";
import { endpoint as createAgent } from "../../supabase/functions/create-agent/handler.ts";
import { endpoint as handshake } from "../../supabase/functions/handshake/handler.ts";
import { endpoint as health } from "../../supabase/functions/health/handler.ts";
import { endpoint as heartbeat } from "../../supabase/functions/heartbeat/handler.ts";
import { endpoint as install } from "../../supabase/functions/install/handler.ts";
import { endpoint as jwks } from "../../supabase/functions/jwks/handler.ts";
import { agentId, operatorKey, secret } from "../_support/backend.ts";
import { forge } from "./_tokens.ts";

/** One method of one resource, and the request that it answers well. */
export interface Resource {
  name: string;
  endpoint: Endpoint;
  rest: string;
  method: "GET" | "POST";
  /** The status of its good reply. */
  status: number;
  allow: string;
  /** Who may ask. */
  asks: "operator" | "session" | "anybody";
  /** The body that it reads, or null when it reads none. */
  body: Record<string, unknown> | null;
  /** Whether it needs the database. */
  usesDatabase: boolean;
}

const common = { rest: "", status: 200, body: null, usesDatabase: true } as const;
const one = `/${agentId}`;

/** Every method of every resource of the contract. */
export const resources: readonly Resource[] = [
  {
    ...common,
    name: "POST /create-agent",
    endpoint: createAgent,
    method: "POST",
    status: 201,
    allow: "POST, OPTIONS",
    asks: "operator",
    body: { name: "edge 1" },
  },
  {
    ...common,
    name: "GET /agents/<id>",
    endpoint: agents,
    rest: one,
    method: "GET",
    allow: "GET, OPTIONS",
    asks: "operator",
  },
  {
    ...common,
    name: "POST /agents/<id>/revoke",
    endpoint: agents,
    rest: `${one}/revoke`,
    method: "POST",
    allow: "POST, OPTIONS",
    asks: "operator",
  },
  {
    ...common,
    name: "POST /handshake",
    endpoint: handshake,
    method: "POST",
    allow: "POST, OPTIONS",
    asks: "anybody",
    body: { agent_id: agentId, agent_secret: secret },
  },
  {
    ...common,
    name: "POST /heartbeat",
    endpoint: heartbeat,
    method: "POST",
    allow: "GET, POST, OPTIONS",
    asks: "session",
    body: { status: "healthy" },
  },
  {
    ...common,
    name: "GET /heartbeat",
    endpoint: heartbeat,
    method: "GET",
    allow: "GET, POST, OPTIONS",
    asks: "session",
  },
  {
    ...common,
    name: "GET /install",
    endpoint: install,
    method: "GET",
    allow: "GET, OPTIONS",
    asks: "anybody",
    usesDatabase: false,
  },
  {
    ...common,
    name: "GET /jwks",
    endpoint: jwks,
    method: "GET",
    allow: "GET, OPTIONS",
    asks: "anybody",
    usesDatabase: false,
  },
  { ...common, name: "GET /health", endpoint: health, method: "GET", allow: "GET, OPTIONS", asks: "anybody" },
];

/** The credential that a resource asks for. */
export async function credential({ asks }: Resource): Promise<Record<string, string>> {
  if (asks === "operator") return { apikey: operatorKey };
  return asks === "session" ? { authorization: `Bearer ${await forge()}` } : {};
}

/** The request that a resource answers well. */
export async function goodRequest(resource: Resource): Promise<RequestInit & { rest: string }> {
  const { method, rest, body } = resource;
  const headers = await credential(resource);
  return { method, rest, headers, ...(body === null ? {} : { body: JSON.stringify(body) }) };
}
