import { asObject, type Fields, isDuration, isText, parseObject } from "../host/json.ts";
import type { Pool } from "./pool.ts";
import { retryAfter } from "./retry_after.ts";
import { printable, printableStrings } from "../terminal/printable.ts";
import { version } from "../version.ts";

/** How to reach one service. */
export interface Connection {
  /** Without `/functions/v1`. */
  url: string;
  /** With the own certificate authority, if there is one. Without a pool, the runtime's own connections. */
  pool?: Pool | undefined;
}

/** What a request came to. */
export type Outcome<Value> =
  | { kind: "ok"; value: Value; timing: Timing }
  /** The service refused, in the contract's words. */
  | { kind: "refused"; code: string; description: string }
  /** Nothing came back that is ours, or the service said that it cannot answer now. */
  | { kind: "outage"; reason: string; retryAfter: number; cause?: unknown };

/** The server's clock as its reply told it, and ours before and after, in milliseconds. */
export interface Timing {
  serverTime: number | null;
  sentAt: number;
  receivedAt: number;
}

export interface HandshakeReply {
  token: string;
  expiresIn: number;
  refreshIn: number;
  intervalSeconds: number;
  nextHeartbeatIn: number;
  agent: { id: string; name: string };
}

export interface HeartbeatReply {
  intervalSeconds: number;
  nextHeartbeatIn: number;
}

export interface AgentView {
  id: string;
  name: string;
  liveness: string;
  lastSeenAt: string | null;
  intervalSeconds: number;
}

export interface Credentials {
  agentId: string;
  secret: string;
}

export type Status = "healthy" | "degraded" | "unhealthy" | "stopping";

export interface BeatReport {
  status: Status;
  message?: string | undefined;
  metrics: Record<string, number>;
  seq: number;
  instanceId: string;
}

/** What the process says of itself when it shakes hands. */
export interface Client {
  client: { version: string; hostname: string; os: string; arch: string };
  instanceId: string;
}

/** What ends a request before its reply. */
export interface Limits {
  signal?: AbortSignal | undefined;
  /** 15 s, if nothing else is said. */
  timeoutMs?: number | undefined;
}

const defaultTimeoutMs = 15_000;
const mostBytes = 65_536;
/** What a beat's message may hold, in code points. */
export const longestText = 500;

/** Exchanges id and secret for a session. */
export function handshake(
  connection: Connection,
  credentials: Credentials,
  { client, instanceId, ...limits }: Client & Limits,
): Promise<Outcome<HandshakeReply>> {
  return ask(connection, "handshake", parseGreeting, {
    method: "POST",
    body: JSON.stringify({
      agent_id: credentials.agentId,
      agent_secret: credentials.secret,
      client,
      instance_id: instanceId,
    }),
    ...limits,
  });
}

/** Says that the agent of the session is alive, and how it is. */
export function beat(
  connection: Connection,
  token: string,
  { report, ...limits }: { report: BeatReport } & Limits,
): Promise<Outcome<HeartbeatReply>> {
  const { status, message, metrics, seq, instanceId } = report;
  const body = { status, message, metrics, seq, instance_id: instanceId, sent_at: new Date().toISOString() };
  return ask(connection, "heartbeat", parseAcceptance, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { authorization: `Bearer ${token}` },
    ...limits,
  });
}

/** What the server makes of the session's agent. Records nothing. */
export function getAgentView(connection: Connection, token: string): Promise<Outcome<AgentView>> {
  return ask(connection, "heartbeat", parseSighting, { headers: { authorization: `Bearer ${token}` } });
}

/** Whether the service answers at all: its version. */
export function health(connection: Connection): Promise<Outcome<string>> {
  return ask(connection, "health", ({ version }) => isText(version) ? version : null, {});
}

async function ask<Value>(
  { url, pool }: Connection,
  path: string,
  parse: (fields: Fields) => Value | null,
  { signal, timeoutMs = defaultTimeoutMs, ...init }: Omit<RequestInit, "signal"> & Limits,
): Promise<Outcome<Value>> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const sentAt = Date.now();
  try {
    const response = await fetch(`${url}/functions/v1/${path}`, {
      ...init,
      headers: {
        ...init.headers,
        accept: "application/json",
        "user-agent": `openclaw/${version}`,
        ...(init.body === undefined ? {} : { "content-type": "application/json" }),
      },
      redirect: "manual",
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      ...(pool === undefined ? {} : { client: pool.client }),
    });
    const text = await readText(response);
    // Here, so that no reader of a reply can forget it.
    const fields = asObject(printableStrings(parseObject(text)));
    return read(response, fields, parse, { sentAt, receivedAt: Date.now() });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    pool?.renew();
    const reason = timeout.aborted ? `no reply within ${timeoutMs / 1000} s` : reasonOf(error);
    return { kind: "outage", reason, retryAfter: 0, cause: error };
  }
}

function read<Value>(
  response: Response,
  fields: Fields | null,
  parse: (fields: Fields) => Value | null,
  { sentAt, receivedAt }: { sentAt: number; receivedAt: number },
): Outcome<Value> {
  const { status } = response;
  const outage = (reason: string): Outcome<Value> => ({
    kind: "outage",
    reason,
    retryAfter: retryAfter(response.headers),
  });
  if (status >= 300 && status < 400) return outage(`the server redirects (${status}), which is not followed`);
  if (fields === null) return outage(`the reply is not the service's JSON (HTTP ${status})`);
  if (status === 200) {
    const value = parse(fields);
    if (value === null) return outage("the reply is JSON, but not this service's (HTTP 200)");
    return {
      kind: "ok",
      value,
      timing: { serverTime: clockOf(fields, response.headers), sentAt, receivedAt },
    };
  }
  const { error, error_description: description } = fields;
  if (!isText(error) || !isText(description)) {
    return outage(`the reply is not the service's JSON (HTTP ${status})`);
  }
  if (status >= 500 || status === 429) return outage(printable(description));
  return { kind: "refused", code: printable(error), description: printable(description) };
}

/** At most 64 KiB of a reply; a longer one is not a reply of ours. */
async function readText(response: Response): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    // Leaving the loop cancels the rest.
    if (length > mostBytes) return "";
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseGreeting(fields: Fields): HandshakeReply | null {
  const { token, expires_in, refresh_in, heartbeat_interval_seconds, next_heartbeat_in } = fields;
  const { id, name } = asObject(fields.agent) ?? {};
  const sound = isToken(token) && isDuration(expires_in) &&
    isDuration(refresh_in) && isDuration(heartbeat_interval_seconds) && isDuration(next_heartbeat_in) &&
    isText(id) && isText(name);
  if (!sound) return null;
  return {
    token,
    expiresIn: expires_in,
    refreshIn: refresh_in,
    intervalSeconds: heartbeat_interval_seconds,
    nextHeartbeatIn: next_heartbeat_in,
    agent: { id: printable(id), name: printable(name) },
  };
}

function parseAcceptance(fields: Fields): HeartbeatReply | null {
  const { ok, heartbeat_interval_seconds, next_heartbeat_in } = fields;
  if (ok !== true || !isDuration(heartbeat_interval_seconds) || !isDuration(next_heartbeat_in)) return null;
  return { intervalSeconds: heartbeat_interval_seconds, nextHeartbeatIn: next_heartbeat_in };
}

function parseSighting(fields: Fields): AgentView | null {
  const agent = asObject(fields.agent);
  if (agent === null) return null;
  const { id, name, liveness, last_seen_at, heartbeat_interval_seconds } = agent;
  const seen = last_seen_at === null || isText(last_seen_at);
  if (!isText(id) || !isText(name) || !isText(liveness) || !seen || !isDuration(heartbeat_interval_seconds)) {
    return null;
  }
  return {
    id: printable(id),
    name: printable(name),
    liveness: printable(liveness),
    lastSeenAt: last_seen_at === null ? null : printable(last_seen_at),
    intervalSeconds: heartbeat_interval_seconds,
  };
}

/** The body's time, else the header's, which is whole seconds. */
function clockOf({ server_time }: Fields, headers: Headers): number | null {
  const time = Date.parse(isText(server_time) ? server_time : headers.get("date") ?? "");
  return Number.isNaN(time) ? null : time;
}

/** The outermost words of a failure to reach a server, without the address that the caller knows. */
function reasonOf(error: Error): string {
  if (error.name === "AbortError") return "given up, the program was asked to stop";
  const inner = error.cause instanceof Error ? error.cause.message : error.message;
  if (/unsuccessful tunnel/.test(inner)) return "the proxy refused the way to the server";
  if (/proxy authentication required/.test(inner)) {
    return "the proxy wants a user and a password, as in HTTPS_PROXY=http://user:password@proxy.example:3128";
  }
  // The runtime says what the system said twice: "tcp connect error: Connection refused: Connection refused".
  return printable(
    inner.replace(/^error sending request (?:from \S+ )?for (?:url )?\(?[^ )]*\)?(?: \([^)]*\))?:? ?/, "")
      .replace(/^client error \(\w+\): /, "").replace(/(: .+?)\1$/, "$1"),
  );
}

/** Whether a text has the form of a session's token. Nothing is verified: that is the server's to do. */
export function isToken(value: unknown): value is string {
  return isText(value) && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(value);
}
