import { createHash } from "node:crypto";
import { fakeAgent, operatorKey } from "./fake_fleet.ts";

/** A request as it came in. */
export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
}

/** A row of the fleet, as the service sends it. */
export type FakeAgent = Record<string, unknown> & {
  id: string;
  name: string;
  labels: Record<string, string>;
};

export interface FakeService extends AsyncDisposable {
  url: string;
  agents: Map<string, FakeAgent>;
  asked: Asked[];
  /** The requests that change something, as "POST agents/<id>/revoke". */
  acts: () => string[];
  /** The secrets and codes that were issued, in order. */
  issued: string[];
  /** Answers in the fleet's place; undefined leaves it to the fleet. */
  intercept: (asked: Asked) => Promise<Response | undefined> | Response | undefined;
  add: (name: string, more?: Partial<FakeAgent>) => FakeAgent;
  env: Record<string, string>;
}

/**
 * A service of operators that keeps its fleet in memory and answers as the contract says: `agents`, `create-agent`,
 * `events`, `enrollments` and `install`. `pageSize` is the most rows that a page has.
 */
export function startFakeService(
  { pageSize = 200, publicUrl }: { pageSize?: number; publicUrl?: string } = {},
): FakeService {
  const agents = new Map<string, FakeAgent>();
  const asked: Asked[] = [];
  const issued: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    async (request) => {
      const { pathname, searchParams: query } = new URL(request.url);
      const text = await request.text();
      const path = pathname.replace("/functions/v1/", "");
      const one: Asked = { method: request.method, path, query, body: text === "" ? {} : JSON.parse(text) };
      asked.push(one);
      const instead = await fleet.intercept(one);
      if (instead !== undefined) return instead;
      if (path === "install") return new Response(`#!/bin/sh\n  baked_url='${publicUrl ?? fleet.url}'\n`);
      if (request.headers.get("apikey") !== operatorKey) return refusal("operator_required", 401);
      return answer(one, { agents, issued, pageSize });
    },
  );
  const fleet: FakeService = {
    url: `http://127.0.0.1:${server.addr.port}`,
    agents,
    asked,
    issued,
    acts: () => asked.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`),
    intercept: () => undefined,
    add: (name, more = {}) => {
      const agent = makeRow(name, more, agents.size);
      agents.set(agent.id, agent);
      return agent;
    },
    env: {},
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  fleet.env = { OPENCLAW_URL: fleet.url, OPENCLAW_OPERATOR_KEY: operatorKey };
  return fleet;
}

export function refusal(error: string, status: number): Response {
  return Response.json({ error, error_description: `Cannot do it: ${error}`, request_id: "r" }, { status });
}

/** A well-formed secret, code or key with a number in it. */
export function makeToken(prefix: "ocs_" | "oce_", number: number): string {
  const body = prefix + createHash("sha256").update(`${prefix}${number}`).digest("base64url");
  return `${body}_${createHash("sha256").update(body).digest().subarray(0, 4).toString("base64url")}`;
}

interface State {
  agents: Map<string, FakeAgent>;
  issued: string[];
  pageSize: number;
}

function answer({ method, path, query, body }: Asked, state: State): Response {
  const [noun = "", id, act] = path.split("/");
  if (noun === "create-agent") return create(body, state);
  if (noun === "enrollments") return enrollments(method, { id, body, state });
  if (noun === "events" || act === "events") {
    return Response.json({ ...page("events", [event(id)], query, 1) });
  }
  if (id === undefined) return list(query, state);
  const agent = state.agents.get(id);
  if (agent === undefined) return refusal("not_found", 404);
  if (method === "PATCH") Object.assign(agent, body);
  if (method === "DELETE") {
    if (query.get("name") !== agent.name) return refusal("conflict", 409);
    state.agents.delete(id);
  }
  if (act === "revoke") Object.assign(agent, { revoked_at: "2026-11-23T12:00:00Z", liveness: "revoked" });
  if (act === "restore") Object.assign(agent, { revoked_at: null, liveness: "pending" });
  if (act === "rotate-secret") return issue(agent, body, state);
  return Response.json(agent);
}

function create(body: Record<string, unknown>, state: State): Response {
  const agent = makeRow(String(body.name), body, state.agents.size);
  state.agents.set(agent.id, agent);
  return issue(agent, body, state, 201);
}

function issue(agent: FakeAgent, body: Record<string, unknown>, { issued }: State, status = 200): Response {
  const secret = makeToken("ocs_", issued.length);
  issued.push(secret);
  const { overlap_seconds: overlap = 3600 } = body;
  if (status === 200) agent.previous_secret_expires_at = overlap === 0 ? null : "2026-11-23T13:00:00Z";
  const installer = {
    filename: "install-openclaw.sh",
    content: `#!/bin/sh\n# ${secret}\n${"#".repeat(20_000)}\n`,
  };
  return Response.json({ agent, agent_secret: secret, ...(body.installer ? { installer } : {}) }, { status });
}

function list(query: URLSearchParams, { agents, pageSize }: State): Response {
  const q = query.get("q")?.toLowerCase() ?? "";
  const liveness = query.get("liveness")?.split(",");
  const rows = [...agents.values()].filter(({ name, labels, liveness: word }) =>
    name.toLowerCase().includes(q) && (liveness?.includes(String(word)) ?? true) &&
    query.getAll("label").every((label) => hasLabel(labels, label))
  );
  return Response.json({
    ...page("agents", rows, query, pageSize),
    counts: {},
    troubles: { unhealthy: 0, copies: 0 },
  });
}

function hasLabel(labels: Record<string, string>, label: string): boolean {
  const [key = ""] = label.split(":");
  return label.includes(":") ? labels[key] === label.slice(key.length + 1) : key in labels;
}

function page(
  noun: string,
  rows: unknown[],
  query: URLSearchParams,
  pageSize: number,
): Record<string, unknown> {
  const from = Number(query.get("cursor") ?? "0");
  const to = from + Math.min(pageSize, Number(query.get("limit") ?? "50"));
  return {
    [noun]: rows.slice(from, to),
    next_cursor: to < rows.length ? String(to) : null,
    server_time: "2026-11-23T12:00:00Z",
  };
}

function event(agentId: string | undefined): Record<string, unknown> {
  return {
    id: 7,
    agent_id: agentId ?? null,
    agent_name: "web\u001b[31m-1",
    kind: "revoked",
    at: "2026-11-23T12:00:00.123Z",
    actor: "secret:default",
    address: "192.0.2.1",
    detail: { reason: "gone" },
  };
}

/** The contract's enrollment, with these fields in place of its own. */
export function fakeEnrollment(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: "00000000-0000-4000-8000-0000000000e1",
    owner_id: null,
    name: "{hostname}",
    uses: 1,
    used: 0,
    labels: {},
    heartbeat_interval_seconds: 60,
    progress_deadline_seconds: null,
    created_at: "2026-11-23T12:00:00Z",
    expires_at: "2126-11-23T13:00:00Z",
    revoked_at: null,
    ...fields,
  };
}

function enrollments(
  method: string,
  { id, body, state: { issued } }: { id: string | undefined; body: Record<string, unknown>; state: State },
): Response {
  const enrollment = fakeEnrollment({ ...id === undefined ? {} : { id }, ...body });
  if (method === "POST" && id === undefined) {
    const code = makeToken("oce_", issued.length);
    issued.push(code);
    return Response.json({ enrollment, code }, { status: 201 });
  }
  if (method === "POST") return Response.json({ enrollment });
  if (id === undefined) return Response.json(page("enrollments", [enrollment], new URLSearchParams(), 50));
  const host = {
    agent_id: null,
    hostname: "a\u001b[2Jb",
    address: "192.0.2.7",
    step: "download",
    failed: true,
  };
  return Response.json({ enrollment, hosts: [{ ...host, detail: "no\ndisk", at: "2026-11-23T12:00:00Z" }] });
}

/** An agent that has not been heard of yet. */
function makeRow(name: string, more: Record<string, unknown>, number: number): FakeAgent {
  const unheard = [
    "status",
    "liveness_since",
    "last_seen_at",
    "last_handshake_at",
    "hostname",
    "os",
    "arch",
    "version",
  ];
  const { id, ...row } = fakeAgent(number + 1, { liveness: "pending", last_secret: null });
  return {
    ...row,
    ...Object.fromEntries(unheard.map((field) => [field, null])),
    ...more,
    id,
    name,
    labels: { ...(typeof more.labels === "object" ? more.labels : {}) },
  };
}
