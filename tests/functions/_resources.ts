import type { Endpoint } from "../../supabase/functions/_shared/http/routes.ts";
import { formatCursor } from "../../supabase/functions/_shared/http/pages.ts";
import { endpoints } from "../../supabase/functions/endpoints.ts";
import { agentId, mapMoment, operatorKey, secret } from "../_support/backend.ts";
import { enrollmentCode } from "../_support/vectors.ts";
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
  asks: "operator" | "reader" | "session" | "anybody";
  /** The query that it needs. */
  query?: string;
  /** The body that it reads, or null when it reads none. */
  body: Record<string, unknown> | null;
  /** Whether an operator may send no body. */
  isBodyOptional?: true;
  /** Whether it is about no rows of anybody. */
  isOfNobody?: true;
  /** Whether it needs the database. */
  usesDatabase: boolean;
  /** How often it calls the database, where that is not once. */
  calls?: number;
}

const instanceId = "3d1c7a52-8a3e-4a43-9d7e-2f1f0f9f7a01";
const common = { status: 200, body: null, usesDatabase: true } as const;

/** The code of bytes 00 to 1f, and a host that drew the same ones. */
const enrolling = { code: enrollmentCode, enrollment_id: enrollmentCode.slice(4, 47) };

const facts: Record<string, Facts> = {
  "POST /create-agent": { ...common, status: 201, asks: "operator", body: { name: "edge 1" } },
  "GET /agents/<id>": { ...common, asks: "reader" },
  "GET /agents": { ...common, asks: "reader" },
  "GET /agents/map": { ...common, asks: "reader" },
  "GET /agents/map/changes": {
    ...common,
    asks: "reader",
    query: `?cursor=${formatCursor({ ...mapMoment })}`,
  },
  "PATCH /agents/<id>": { ...common, asks: "operator", body: { name: "edge 2" } },
  "DELETE /agents/<id>": { ...common, asks: "operator", query: "?name=edge%201" },
  "POST /agents/<id>/revoke": { ...common, asks: "operator" },
  "POST /agents/<id>/restore": { ...common, asks: "operator" },
  "POST /agents/<id>/end-sessions": { ...common, asks: "operator" },
  "GET /agents/<id>/events": { ...common, asks: "reader" },
  "GET /agents/<id>/history": { ...common, asks: "reader" },
  "GET /events": { ...common, asks: "reader" },
  "GET /metrics": { ...common, asks: "reader" },
  "GET /reader-keys": { ...common, asks: "reader" },
  "POST /reader-keys": { ...common, status: 201, asks: "operator", body: { name: "a dashboard" } },
  "DELETE /reader-keys/<id>": { ...common, asks: "operator" },
  "GET /channels": { ...common, asks: "reader" },
  "POST /channels": {
    ...common,
    status: 201,
    asks: "operator",
    body: { name: "ops", kind: "slack", settings: { url: "https://hooks.slack.com/services/x" } },
  },
  "GET /channels/<id>": { ...common, asks: "reader" },
  "PATCH /channels/<id>": { ...common, asks: "operator", body: { enabled: false } },
  "DELETE /channels/<id>": { ...common, asks: "operator" },
  "POST /channels/<id>/test": { ...common, asks: "operator" },
  "POST /notify": {
    ...common,
    asks: "reader",
    body: { every_seconds: 10 },
    isBodyOptional: true,
    isOfNobody: true,
    calls: 2,
  },
  "GET /enrollments": { ...common, asks: "reader" },
  "POST /enrollments": { ...common, status: 201, asks: "operator", body: { uses: 10 } },
  "GET /enrollments/<id>": { ...common, asks: "reader" },
  "POST /enrollments/<id>/revoke": { ...common, asks: "operator" },
  "GET /incidents": { ...common, asks: "reader" },
  "GET /incidents/<id>": { ...common, asks: "reader" },
  "POST /incidents/<id>/acknowledge": { ...common, asks: "operator" },
  "POST /enroll": { ...common, status: 201, asks: "anybody", body: enrolling },
  "POST /enroll/progress": {
    ...common,
    status: 204,
    asks: "anybody",
    body: { ...enrolling, step: "download", failed: false },
  },
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
    [...methods.keys()].map((method) => ({
      name: `${method} /${endpoint.name}${path.replaceAll(/:(\w+)/g, "<$1>")}`,
      endpoint,
      rest: path.replace(":id", agentId),
      method,
      allow: [...methods.keys(), "OPTIONS"].join(", "),
    }))
  )
);

/** The same with what they answer well, in the order of the facts. */
export const resources: readonly Resource[] = Object.entries(facts).map(([name, known]) => {
  const route = routed.find((one) => one.name === name);
  if (route === undefined) throw new Error(`No function has a route ${name}`);
  return { ...route, ...known, rest: `${route.rest}${known.query ?? ""}` };
});

const unknown = routed.filter(({ name }) => facts[name] === undefined).map(({ name }) => name);
if (unknown.length > 0) throw new Error(`The hostile set needs a line for each route: ${unknown.join(", ")}`);

/** The credential that a resource asks for. */
export async function credential({ asks }: Resource): Promise<Record<string, string>> {
  if (asks === "operator" || asks === "reader") return { apikey: operatorKey };
  return asks === "session" ? { authorization: `Bearer ${await forge()}` } : {};
}

/** The request that a resource answers well. */
export async function goodRequest(resource: Resource): Promise<RequestInit & { rest: string }> {
  const { method, rest, body } = resource;
  const headers = await credential(resource);
  return { method, rest, headers, ...(body === null ? {} : { body: JSON.stringify(body) }) };
}
