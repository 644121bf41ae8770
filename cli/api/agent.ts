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
  /** How long ago the secret was made that was used; null where the server does not tell. */
  secretAgeSeconds: number | null;
  /** An identity of its own, for a host that uses another one's. */
  identity: Credentials | null;
}

/** What a server asks for in its reply to a beat. */
export type Directive = "rotate" | "handshake";

export interface HeartbeatReply {
  intervalSeconds: number;
  nextHeartbeatIn: number;
  /** Those of them that this program knows. */
  directives: Directive[];
}

/** An agent that an enrollment code made. */
export interface Enrolled extends Credentials {
  name: string;
}

/** How far an enrollment came: a word, and for a failure what is wrong. */
export interface Progress {
  step: string;
  failed: boolean;
  detail?: string;
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

/** What a beat says of the agent's work; the number is another one when the work has moved. */
export interface Work {
  busy: boolean;
  progress?: number;
}

export interface BeatReport {
  status: Status;
  message?: string | undefined;
  metrics: Record<string, number>;
  work?: Work | undefined;
  /** After how long an agent that stops means to be back. */
  backInSeconds?: number | undefined;
  seq: number;
  instanceId: string;
}

/** What the process says of itself when it shakes hands. */
export interface Client {
  client: { version: string; hostname: string; os: string; arch: string; supports?: readonly string[] };
  instanceId: string;
}

/** A code, and the random text by which a server knows the host again that used it. */
export interface EnrollmentKey {
  code: string;
  enrollmentId: string;
}

/** What a beat's message may hold, in code points. */
export const longestText = 500;

/** Exchanges id and secret for a session. */
export function handshake(
  connection: Connection,
  credentials: Credentials,
  { client, instanceId, ...limits }: Client & Limits,
): Promise<Outcome<HandshakeReply>> {
  return ask(connection, "handshake", parseHandshakeReply, {
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

/** Asks for another secret in the place of this one, which stays good until a handshake with the other one. */
export function rotateSecret(
  connection: Connection,
  { agentId, secret }: Credentials,
  { instanceId, ...limits }: { instanceId: string } & Limits,
): Promise<Outcome<string>> {
  const body = { agent_id: agentId, agent_secret: secret, instance_id: instanceId };
  const parse = ({ agent_secret: fresh }: Fields): string | null => isSecret(fresh) ? fresh : null;
  return ask(connection, "rotate-secret", parse, { method: "POST", body: JSON.stringify(body), ...limits });
}

/** Exchanges an enrollment code for an agent. Asked again with the same key, it is the same agent. */
export function enroll(
  connection: Connection,
  { code, enrollmentId }: EnrollmentKey,
  { client, ...limits }: Pick<Client, "client"> & Limits,
): Promise<Outcome<Enrolled>> {
  const body = { code, enrollment_id: enrollmentId, client };
  return ask(connection, "enroll", parseEnrolled, { method: "POST", body: JSON.stringify(body), ...limits });
}

/** Says how far an enrollment came. */
export function reportProgress(
  connection: Connection,
  { code, enrollmentId }: EnrollmentKey,
  { progress: { step, failed, detail }, ...limits }: { progress: Progress } & Limits,
): Promise<Outcome<true>> {
  const body = { code, enrollment_id: enrollmentId, step, failed, detail };
  return ask(connection, "enroll/progress", () => true, {
    method: "POST",
    body: JSON.stringify(body),
    ...limits,
  });
}

/** Says that the agent of the session is alive, and how it is. */
export function beat(
  connection: Connection,
  token: string,
  { report, ...limits }: { report: BeatReport } & Limits,
): Promise<Outcome<HeartbeatReply>> {
  const { status, message, metrics, work, backInSeconds, seq, instanceId } = report;
  const body = {
    status,
    message,
    metrics,
    work,
    back_in_seconds: backInSeconds,
    seq,
    instance_id: instanceId,
    sent_at: new Date().toISOString(),
  };
  return ask(connection, "heartbeat", parseHeartbeatReply, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { authorization: `Bearer ${token}` },
    ...limits,
  });
}

/** What the server makes of the session's agent. Records nothing. */
export function getAgentView(connection: Connection, token: string): Promise<Outcome<AgentView>> {
  return ask(connection, "heartbeat", parseAgentView, { headers: { authorization: `Bearer ${token}` } });
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

function parseHandshakeReply(fields: Fields): HandshakeReply | null {
  const { token, expires_in, refresh_in, heartbeat_interval_seconds, next_heartbeat_in } = fields;
  const { id, name } = asObject(fields.agent) ?? {};
  const { secret_age_seconds: age, identity } = fields;
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
    secretAgeSeconds: isDuration(age) ? age : null,
    identity: parseIdentity(identity),
  };
}

function parseIdentity(value: unknown): Credentials | null {
  const { agent_id: agentId, agent_secret: secret } = asObject(value) ?? {};
  if (!isText(agentId) || !uuid.test(agentId) || !isSecret(secret)) return null;
  return { agentId: agentId.toLowerCase(), secret };
}

function parseEnrolled({ agent, agent_secret: secret }: Fields): Enrolled | null {
  const { id, name } = asObject(agent) ?? {};
  if (!isText(id) || !uuid.test(id) || !isText(name) || !isSecret(secret)) return null;
  return { agentId: id.toLowerCase(), name: printable(name), secret };
}

/** Whether a text looks like an agent's secret; what it is worth the next handshake tells. */
function isSecret(value: unknown): value is string {
  return isText(value) && /^ocs_[\w-]{50}$/.test(value);
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function parseHeartbeatReply(fields: Fields): HeartbeatReply | null {
  const { ok, heartbeat_interval_seconds, next_heartbeat_in, directives } = fields;
  if (ok !== true || !isDuration(heartbeat_interval_seconds) || !isDuration(next_heartbeat_in)) return null;
  const asked: unknown[] = Array.isArray(directives) ? directives : [];
  return {
    intervalSeconds: heartbeat_interval_seconds,
    nextHeartbeatIn: next_heartbeat_in,
    directives: (["handshake", "rotate"] as const).filter((word) => asked.includes(word)),
  };
}

function parseAgentView(fields: Fields): AgentView | null {
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
