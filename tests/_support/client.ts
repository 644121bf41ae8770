import assert from "node:assert/strict";

/** A reply, read. */
export interface Reply {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export interface CreatedAgent {
  id: string;
  secret: string;
}

interface Send {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/** Sends a request and reads the JSON of its reply. A string goes as it is, anything else as JSON. */
export async function send(url: string, { method, headers = {}, body }: Send = {}): Promise<Reply> {
  const response = await fetch(url, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers,
    redirect: "manual",
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const parsed: unknown = JSON.parse(await response.text() || "{}");
  return { status: response.status, headers: response.headers, body: record(parsed) };
}

/** The calls of one fleet's operator and agents, over HTTP. */
export class FleetClient {
  constructor(readonly base: string, readonly operatorKey: string) {}

  get operator(): Record<string, string> {
    return { apikey: this.operatorKey };
  }

  async createAgent(fields: Record<string, unknown> = {}): Promise<CreatedAgent> {
    const reply = await send(`${this.base}/create-agent`, {
      headers: this.operator,
      body: { name: "test agent", ...fields },
    });
    assert.equal(reply.status, 201, JSON.stringify(reply.body));
    return { id: text(record(reply.body.agent).id), secret: text(reply.body.agent_secret) };
  }

  handshake({ id, secret }: CreatedAgent, more: Record<string, unknown> = {}): Promise<Reply> {
    return send(`${this.base}/handshake`, { body: { agent_id: id, agent_secret: secret, ...more } });
  }

  async session(agent: CreatedAgent): Promise<string> {
    const reply = await this.handshake(agent);
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    return text(reply.body.token);
  }

  beat(token: string, fields: Record<string, unknown> = {}): Promise<Reply> {
    return send(`${this.base}/heartbeat`, { headers: { authorization: `Bearer ${token}` }, body: fields });
  }

  async agent(id: string): Promise<Record<string, unknown>> {
    const reply = await send(`${this.base}/agents/${id}`, { headers: this.operator });
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    return reply.body;
  }

  revoke(id: string): Promise<Reply> {
    return this.act(id, "revoke");
  }

  act(id: string, act: "revoke" | "restore" | "end-sessions"): Promise<Reply> {
    return this.operate(`agents/${id}/${act}`, { method: "POST" });
  }

  /** Any request of the operator's. */
  operate(path: string, init: { method?: string; body?: unknown } = {}): Promise<Reply> {
    return send(`${this.base}/${path}`, { ...init, headers: this.operator });
  }
}

/** Asserts an error reply: its code, its status and the one shape of the contract. */
export function assertError(reply: Reply, code: string, status: number): void {
  assert.equal(reply.body.error, code, JSON.stringify(reply.body));
  assert.equal(reply.status, status);
  assert.deepEqual(Object.keys(reply.body), ["error", "error_description", "request_id"]);
  assert.match(text(reply.body.error_description), /^Cannot [^\n]*[^.\n]$/);
  assert.equal(reply.headers.get("x-request-id"), reply.body.request_id);
}

export function record(value: unknown): Record<string, unknown> {
  assert.ok(
    typeof value === "object" && value !== null && !Array.isArray(value),
    `no object: ${JSON.stringify(value)}`,
  );
  return Object.fromEntries(Object.entries(value));
}

export function text(value: unknown): string {
  assert.ok(typeof value === "string", `no string: ${JSON.stringify(value)}`);
  return value;
}
