import { asObject, type Fields, isDuration, isText } from "../host/json.ts";
import { printable, printableStrings } from "../terminal/printable.ts";
import { type Call, type Connection, type Limits, type Outcome, send } from "./transport.ts";

export type { Connection, Limits, Outcome, Timing } from "./transport.ts";

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

function ask<Value>(
  connection: Connection,
  path: string,
  parse: (fields: Fields) => Value | null,
  call: Omit<Call<Value>, "parse">,
): Promise<Outcome<Value>> {
  // Here, so that no reader of a reply can forget it.
  const parseCleaned = (fields: Fields): Value | null => parse(asObject(printableStrings(fields)) ?? {});
  return send(connection, path, { ...call, parse: parseCleaned });
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

/** Whether a text has the form of a session's token. Nothing is verified: that is the server's to do. */
export function isToken(value: unknown): value is string {
  return isText(value) && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(value);
}
