import type { Endpoint } from "../../supabase/functions/_shared/http/routes.ts";
import { endpoints } from "../../supabase/functions/endpoints.ts";
import { agentId, operatorKey, secret } from "../_support/backend.ts";
import { forge } from "./_tokens.ts";

/** One method of one resource, and the request that it answers well. */
export interface Resource extends Facts {
  name: string;
  endpoint: Endpoint;
  rest: string;
  method: string;
  allow: string;
}

/** What the routes do not tell. */
interface Facts {
  /** The status of its good reply. */
  status: number;
  /** Who may ask. */
  asks: "operator" | "session" | "anybody";
  /** The body that it reads, or null when it reads none. */
  body: Record<string, unknown> | null;
  /** Whether an operator may send no body. */
  isBodyOptional?: true;
  /** Whether it needs the database. */
  usesDatabase: boolean;
}

const instanceId = "3d1c7a52-8a3e-4a43-9d7e-2f1f0f9f7a01";
const common = { status: 200, body: null, usesDatabase: true } as const;

const facts: Record<string, Facts> = {
  "POST /create-agent": { ...common, status: 201, asks: "operator", body: { name: "edge 1" } },
  "GET /agents/<id>": { ...common, asks: "operator" },
  "POST /agents/<id>/revoke": { ...common, asks: "operator" },
  "POST /agents/<id>/rotate-secret": {
    ...common,
    asks: "operator",
    body: { overlap_seconds: 0 },
    isBodyOptional: true,
  },
  "POST /agents/<id>/request-rotation": { ...common, asks: "operator" },
  "POST /agents/<id>/adopt": { ...common, asks: "operator", body: { instance_id: instanceId } },
  "POST /agents/<id>/revoke-copy": { ...common, asks: "operator", body: { instance_id: instanceId } },
  "POST /rotate-secret": { ...common, asks: "anybody", body: { agent_id: agentId, agent_secret: secret } },
  "POST /handshake": { ...common, asks: "anybody", body: { agent_id: agentId, agent_secret: secret } },
  "POST /heartbeat": { ...common, asks: "session", body: { status: "healthy" } },
  "GET /heartbeat": { ...common, asks: "session" },
  "GET /install": { ...common, asks: "anybody", usesDatabase: false },
  "GET /jwks": { ...common, asks: "anybody", usesDatabase: false },
  "GET /health": { ...common, asks: "anybody" },
};

/** Every method of every route of the functions. */
const routed = endpoints.flatMap((endpoint) =>
  endpoint.routes.flatMap(({ path, methods }) =>
    Object.keys(methods).map((method) => ({
      name: `${method} /${endpoint.name}${path.replaceAll(/:(\w+)/g, "<$1>")}`,
      endpoint,
      rest: path.replace(":id", agentId),
      method,
      allow: [...Object.keys(methods), "OPTIONS"].join(", "),
    }))
  )
);

/** The same with what they answer well, in the order of the facts. */
export const resources: readonly Resource[] = Object.entries(facts).map(([name, known]) => {
  const route = routed.find((one) => one.name === name);
  if (route === undefined) throw new Error(`No function has a route ${name}`);
  return { ...route, ...known };
});

const unknown = routed.filter(({ name }) => facts[name] === undefined).map(({ name }) => name);
if (unknown.length > 0) throw new Error(`The hostile set needs a line for each route: ${unknown.join(", ")}`);

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
