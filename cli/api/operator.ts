import { CliError } from "../terminal/errors.ts";
import {
  boolean,
  content,
  details,
  each,
  entries,
  fields,
  lines,
  number,
  optional,
  orNull,
  type ReadBy,
  type Reader,
  reply,
  text,
} from "./readers.ts";
import { type Call, type Connection, type Limits, type Outcome, send } from "./transport.ts";

/** How to reach a service as one who administers its agents, or only reads. */
export interface OperatorConnection extends Connection {
  /** The headers with the credential, for the next request: a login's are renewed in time. */
  authorize: () => Promise<Record<string, string>>;
  /** Gets another credential for one that the service does not take any more, where that can be done. */
  renew?: () => Promise<void>;
}

const agentFields = {
  id: text,
  owner_id: orNull(text),
  name: text,
  labels: entries(text),
  heartbeat_interval_seconds: number,
  progress_deadline_seconds: orNull(number),
  status: orNull(text),
  message: orNull(lines),
  liveness: text,
  liveness_since: orNull(text),
  last_seen_at: orNull(text),
  back_at: orNull(text),
  busy: orNull(boolean),
  last_progress_at: orNull(text),
  last_handshake_at: orNull(text),
  metrics: entries(number),
  version: orNull(text),
  hostname: orNull(text),
  os: orNull(text),
  arch: orNull(text),
  clock_offset_seconds: orNull(number),
  created_at: text,
  revoked_at: orNull(text),
  muted_until: orNull(text),
  secret_created_at: orNull(text),
  previous_secret_expires_at: orNull(text),
  last_secret: orNull(text),
  rotation: text,
  refused_handshakes_count: number,
  last_refused_at: orNull(text),
  last_refusal: orNull(text),
  copies: each(fields({
    instance_id: text,
    hostname: orNull(text),
    address: orNull(text),
    last_seen_at: orNull(text),
  })),
};
const readAgent = fields(agentFields);

/** The contract's `Agent`, under the names that it has there. Every string in it is printable. */
export type Agent = ReadBy<typeof agentFields>;

/** One page of a list: its rows under their noun's name, the cursor of the next page, the server's time. */
type Page<Noun extends string, Row> = { [Name in Noun]: Row[] } & {
  next_cursor: string | null;
  server_time: string;
};

/**
 * Agents, and how many fit the filter but for liveness: of each liveness, and of what liveness does not say, those that
 * are `unhealthy`, and their `copies`.
 */
export type AgentsPage = Page<"agents", Agent> & {
  counts: Record<string, number>;
  troubles: { unhealthy: number; copies: number };
};

export interface PageQuery {
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface AgentsQuery extends PageQuery {
  /** Words of liveness. */
  liveness?: readonly string[] | undefined;
  /** `key`, or `key:value`; all of them have to fit. */
  labels?: readonly string[] | undefined;
  /** A part of the name or of the hostname. */
  search?: string | undefined;
  sort?: string | undefined;
}

const readAgentsPage = fields({
  agents: each(readAgent),
  counts: entries(number),
  troubles: fields({ unhealthy: number, copies: number }),
  next_cursor: orNull(text),
  server_time: text,
});

const readAgentRows = fields({ agents: each(readAgent), next_cursor: orNull(text), server_time: text });

export function listAgents(
  operator: OperatorConnection,
  { sort, ...filter }: AgentsQuery,
  limits: Limits = {},
): Promise<Outcome<AgentsPage>> {
  const query = filterQuery(filter);
  if (sort !== undefined) query.set("sort", sort);
  return ask(operator, `agents${question(query)}`, readAgentsPage, limits);
}

/** A page without how many agents fit: to count them costs the server as much as the page. */
export type AgentRows = Page<"agents", Agent>;

export function listAgentRows(
  operator: OperatorConnection,
  { sort, ...filter }: AgentsQuery,
  limits: Limits = {},
): Promise<Outcome<AgentRows>> {
  const query = filterQuery(filter);
  if (sort !== undefined) query.set("sort", sort);
  query.set("counts", "false");
  return ask(operator, `agents${question(query)}`, readAgentRows, limits);
}

export function getAgent(
  operator: OperatorConnection,
  id: string,
  limits: Limits = {},
): Promise<Outcome<Agent>> {
  return ask(operator, agentPath(id), readAgent, limits);
}

const mapFields = {
  words: each(text),
  cells: content,
  groups: each(fields({ name: orNull(text), count: number })),
  server_time: text,
};

/**
 * The whole fleet, a digit an agent, which stands for one of the words, in groups by the value of a label; null is that
 * of the agents without it. Of very many values only the first ones are listed.
 */
export type AgentsMap = ReadBy<typeof mapFields>;

/** @param query what is looked for, and the key of the label by which the agents are grouped */
export function mapAgents(
  operator: OperatorConnection,
  { group, ...query }: Omit<AgentsQuery, "sort" | "limit" | "cursor"> & { group?: string | undefined },
  limits: Limits = {},
): Promise<Outcome<AgentsMap>> {
  const asked = filterQuery(query);
  if (group !== undefined) asked.set("group", group);
  return ask(operator, `agents/map${question(asked)}`, fields(mapFields), limits);
}

/** What of an agent can be edited. Null takes a deadline or a mute away; labels are replaced as a whole. */
export interface AgentChanges {
  name?: string;
  labels?: Record<string, string>;
  heartbeat_interval_seconds?: number;
  progress_deadline_seconds?: number | null;
  muted_until?: string | null;
}

export function patchAgent(
  operator: OperatorConnection,
  id: string,
  changes: AgentChanges,
): Promise<Outcome<Agent>> {
  return ask(operator, agentPath(id), readAgent, { method: "PATCH", body: JSON.stringify(changes) });
}

/** The acts that take nothing but the agent. */
export type Act = "revoke" | "restore" | "end-sessions" | "request-rotation";

export function actOnAgent(operator: OperatorConnection, id: string, act: Act): Promise<Outcome<Agent>> {
  return ask(operator, `${agentPath(id)}/${act}`, readAgent, { method: "POST", body: "{}" });
}

/** The acts on one instance of an agent, a copy. */
export function actOnCopy(
  operator: OperatorConnection,
  id: string,
  { act, instanceId }: { act: "adopt" | "revoke-copy"; instanceId: string },
): Promise<Outcome<Agent>> {
  const body = JSON.stringify({ instance_id: instanceId });
  return ask(operator, `${agentPath(id)}/${act}`, readAgent, { method: "POST", body });
}

/** Deletes the agent if `name` is its name. The reply is the last there is of it. */
export function deleteAgent(operator: OperatorConnection, id: string, name: string): Promise<Outcome<Agent>> {
  const query = new URLSearchParams({ name });
  return ask(operator, `${agentPath(id)}?${query}`, readAgent, { method: "DELETE" });
}

export type Shell = "bash" | "powershell" | "python";

const issuedFields = {
  agent: readAgent,
  agent_secret: content,
  /** The installer, with the name of its file; null where none was asked for. */
  installer: optional(orNull(fields({ filename: text, content })), null),
};

/** An agent with a new secret, which is never shown again. */
export type IssuedSecret = ReadBy<typeof issuedFields>;

export interface NewAgent {
  name: string;
  labels?: Record<string, string>;
  heartbeat_interval_seconds?: number;
  progress_deadline_seconds?: number | null;
  owner_id?: string;
  installer?: Shell;
}

export function createAgent(operator: OperatorConnection, agent: NewAgent): Promise<Outcome<IssuedSecret>> {
  return ask(operator, "create-agent", fields(issuedFields), { method: "POST", body: JSON.stringify(agent) });
}

/** @param options.overlap_seconds how long the old secret stays good; 0 means that it leaked */
export function rotateSecret(
  operator: OperatorConnection,
  id: string,
  options: { overlap_seconds?: number; installer?: Shell },
): Promise<Outcome<IssuedSecret>> {
  const body = JSON.stringify(options);
  return ask(operator, `${agentPath(id)}/rotate-secret`, fields(issuedFields), { method: "POST", body });
}

const eventFields = {
  id: idOrNumber,
  agent_id: orNull(text),
  agent_name: orNull(text),
  kind: text,
  at: text,
  actor: orNull(text),
  address: orNull(text),
  detail: orNull(details),
};

/** What was done, or seen, when and by whom. */
export type AgentEvent = ReadBy<typeof eventFields>;

const readEventsPage = fields({
  events: each(fields(eventFields)),
  next_cursor: orNull(text),
  server_time: text,
});

/** The events of one agent, or of all, the newest first. */
export function listEvents(
  operator: OperatorConnection,
  { agentId, kind, ...page }: PageQuery & { agentId?: string | undefined; kind?: string | undefined },
): Promise<Outcome<Page<"events", AgentEvent>>> {
  const query = pageQuery(page);
  if (kind !== undefined) query.set("kind", kind);
  const path = agentId === undefined ? "events" : `${agentPath(agentId)}/events`;
  return ask(operator, `${path}${question(query)}`, readEventsPage, {});
}

const historyFields = {
  buckets: each(fields({
    at: text,
    beats: number,
    expected: number,
    worst_status: orNull(text),
    metrics: optional(entries(each(number)), {}),
  })),
  gaps: each(fields({ from: text, to: text, reason: text, detail: orNull(details) })),
};

/** What an agent's beats were, in steps of time, and its gaps with their reasons. */
export type History = ReadBy<typeof historyFields>;

export function getHistory(
  operator: OperatorConnection,
  id: string,
  { from, to, stepSeconds }: { from: Date; to: Date; stepSeconds: number },
): Promise<Outcome<History>> {
  const query = new URLSearchParams({
    from: from.toISOString(),
    to: to.toISOString(),
    step: String(stepSeconds),
  });
  return ask(operator, `${agentPath(id)}/history${question(query)}`, fields(historyFields), {});
}

const enrollmentFields = {
  id: text,
  name: orNull(text),
  uses: number,
  used: number,
  labels: entries(text),
  heartbeat_interval_seconds: orNull(number),
  progress_deadline_seconds: orNull(number),
  created_at: orNull(text),
  expires_at: text,
  revoked_at: orNull(text),
};
const readEnrollment = fields(enrollmentFields);

/** What a code lets hosts do, and how many have; never the code. */
export type Enrollment = ReadBy<typeof enrollmentFields>;

const enrollingHostFields = {
  agent_id: orNull(text),
  hostname: orNull(text),
  address: orNull(text),
  step: orNull(text),
  failed: boolean,
  detail: orNull(lines),
  at: text,
};

/** How far one host came with a code. */
export type EnrollingHost = ReadBy<typeof enrollingHostFields>;

export interface NewEnrollment {
  uses?: number;
  expires_in?: number;
  name?: string;
  labels?: Record<string, string>;
  heartbeat_interval_seconds?: number;
  progress_deadline_seconds?: number | null;
}

/** Makes a code, which is never shown again. */
export function createEnrollment(
  operator: OperatorConnection,
  enrollment: NewEnrollment,
): Promise<Outcome<{ enrollment: Enrollment; code: string }>> {
  const read = fields({ enrollment: readEnrollment, code: content });
  return ask(operator, "enrollments", read, { method: "POST", body: JSON.stringify(enrollment) });
}

const readEnrollmentsPage = fields({
  enrollments: each(readEnrollment),
  next_cursor: orNull(text),
  server_time: text,
});

export function listEnrollments(
  operator: OperatorConnection,
  page: PageQuery,
): Promise<Outcome<Page<"enrollments", Enrollment>>> {
  return ask(operator, `enrollments${question(pageQuery(page))}`, readEnrollmentsPage, {});
}

export function getEnrollment(
  operator: OperatorConnection,
  id: string,
): Promise<Outcome<{ enrollment: Enrollment; hosts: EnrollingHost[] }>> {
  const read = fields({ enrollment: readEnrollment, hosts: each(fields(enrollingHostFields)) });
  return ask(operator, `enrollments/${encodeURIComponent(id)}`, read, {});
}

/** Revokes a code. What the service answers beside that it did is nobody's concern. */
export function revokeEnrollment(operator: OperatorConnection, id: string): Promise<Outcome<true>> {
  const path = `enrollments/${encodeURIComponent(id)}/revoke`;
  return ask(operator, path, done, { method: "POST", body: "{}" });
}

const readerKeyFields = { id: text, name: text, created_at: orNull(text) };

/** A key that only reads; never the key itself. */
export type ReaderKey = ReadBy<typeof readerKeyFields>;

/** Makes a key, which is never shown again. */
export function createReaderKey(
  operator: OperatorConnection,
  name: string,
): Promise<Outcome<{ id: string; name: string; key: string }>> {
  const read = fields({ id: text, name: text, key: content });
  return ask(operator, "reader-keys", read, { method: "POST", body: JSON.stringify({ name }) });
}

const readReaderKeysPage = fields({
  reader_keys: each(fields(readerKeyFields)),
  next_cursor: orNull(text),
  server_time: text,
});

export function listReaderKeys(
  operator: OperatorConnection,
  page: PageQuery,
): Promise<Outcome<Page<"reader_keys", ReaderKey>>> {
  return ask(operator, `reader-keys${question(pageQuery(page))}`, readReaderKeysPage, {});
}

export function revokeReaderKey(operator: OperatorConnection, id: string): Promise<Outcome<true>> {
  return ask(operator, `reader-keys/${encodeURIComponent(id)}`, done, { method: "DELETE" });
}

const incidentFields = {
  id: text,
  kind: text,
  opened_at: text,
  closed_at: orNull(text),
  agents_count: number,
  agents: each(fields({ id: text, name: text })),
  labels: entries(text),
  reason: orNull(lines),
  changes_count: number,
  acknowledged_at: orNull(text),
  acknowledged_by: orNull(text),
  deliveries: each(fields({
    channel_name: text,
    type: text,
    state: text,
    attempts: number,
    last_answer: orNull(text),
    created_at: text,
    delivered_at: orNull(text),
  })),
};
const readIncident = fields(incidentFields);

/** What is wrong with agents of one owner at one time, or was. */
export type Incident = ReadBy<typeof incidentFields>;

const readIncidentsPage = fields({
  incidents: each(readIncident),
  next_cursor: orNull(text),
  server_time: text,
});

/** Open incidents, closed ones, or both; the last opened first. */
export function listIncidents(
  operator: OperatorConnection,
  { state, ...page }: PageQuery & { state?: "open" | "closed" | undefined },
  limits: Limits = {},
): Promise<Outcome<Page<"incidents", Incident>>> {
  const query = pageQuery(page);
  if (state !== undefined) query.set("state", state);
  return ask(operator, `incidents${question(query)}`, readIncidentsPage, limits);
}

export function getIncident(
  operator: OperatorConnection,
  id: string,
  limits: Limits = {},
): Promise<Outcome<Incident>> {
  return ask(operator, `incidents/${encodeURIComponent(id)}`, readIncident, limits);
}

export function acknowledgeIncident(operator: OperatorConnection, id: string): Promise<Outcome<Incident>> {
  const path = `incidents/${encodeURIComponent(id)}/acknowledge`;
  return ask(operator, path, readIncident, { method: "POST", body: "{}" });
}

const channelFields = {
  id: text,
  owner_id: orNull(text),
  name: text,
  kind: text,
  settings: entries(text),
  labels: entries(text),
  kinds: each(text),
  after_seconds: number,
  remind_after_seconds: orNull(number),
  enabled: boolean,
  created_at: orNull(text),
};
const readChannel = fields(channelFields);

/** Where somebody is told of incidents. Of its settings it has only what is not secret. */
export type Channel = ReadBy<typeof channelFields>;

/** What of a channel can be edited; its settings as a whole. */
export interface ChannelChanges {
  name?: string;
  settings?: Record<string, string>;
  labels?: Record<string, string>;
  kinds?: string[];
  after_seconds?: number;
  remind_after_seconds?: number | null;
  enabled?: boolean;
}

/** Makes a channel. A webhook's secret that the service made is in the reply, and never shown again. */
export function createChannel(
  operator: OperatorConnection,
  channel: ChannelChanges & { name: string; kind: string; settings: Record<string, string> },
): Promise<Outcome<{ channel: Channel; signing_secret: string | null }>> {
  const read = fields({ channel: readChannel, signing_secret: optional(orNull(content), null) });
  return ask(operator, "channels", read, { method: "POST", body: JSON.stringify(channel) });
}

const readChannelsPage = fields({
  channels: each(readChannel),
  next_cursor: orNull(text),
  server_time: text,
});

export function listChannels(
  operator: OperatorConnection,
  page: PageQuery,
): Promise<Outcome<Page<"channels", Channel>>> {
  return ask(operator, `channels${question(pageQuery(page))}`, readChannelsPage, {});
}

export function patchChannel(
  operator: OperatorConnection,
  id: string,
  changes: ChannelChanges,
): Promise<Outcome<Channel>> {
  return ask(operator, channelPath(id), readChannel, { method: "PATCH", body: JSON.stringify(changes) });
}

export function removeChannel(operator: OperatorConnection, id: string): Promise<Outcome<Channel>> {
  return ask(operator, channelPath(id), readChannel, { method: "DELETE" });
}

/** Sends a test, which may take as long as its receiver does. */
export function testChannel(
  operator: OperatorConnection,
  id: string,
): Promise<Outcome<{ delivered: boolean; answer: string }>> {
  const read = fields({ delivered: boolean, answer: text });
  return ask(operator, `${channelPath(id)}/test`, read, { method: "POST", body: "{}", timeoutMs: 40_000 });
}

/** A page ends at 1 MiB of rows, as the service counts them. */
const mostBytes = 4 * 1024 * 1024;

async function ask<Value>(
  operator: OperatorConnection,
  path: string,
  read: Reader<Value>,
  call: Omit<Call<Value>, "parse" | "headers">,
): Promise<Outcome<Value>> {
  const once = async (): Promise<Outcome<Value>> => {
    const headers = await operator.authorize();
    return await send(operator, path, { ...call, headers, parse: reply(read), maxBytes: mostBytes });
  };
  try {
    const outcome = await once();
    const isRefused = outcome.kind === "refused" && outcome.code === "operator_required";
    if (!isRefused || operator.renew === undefined) return outcome;
    // This host's clock may have kept a login for good that is over.
    await operator.renew();
    return await once();
  } catch (error) {
    if (!(error instanceof CliError) || error.failure !== "unreachable") throw error;
    return { kind: "outage", reason: error.message, retryAfter: 0, cause: error, code: "unavailable" };
  }
}

function channelPath(id: string): string {
  return `channels/${encodeURIComponent(id)}`;
}

function agentPath(id: string): string {
  return `agents/${encodeURIComponent(id)}`;
}

function pageQuery({ limit, cursor }: PageQuery): URLSearchParams {
  const query = new URLSearchParams();
  if (limit !== undefined) query.set("limit", String(limit));
  if (cursor !== undefined) query.set("cursor", cursor);
  return query;
}

function filterQuery({ liveness, labels, search, ...page }: Omit<AgentsQuery, "sort">): URLSearchParams {
  const query = pageQuery(page);
  if (liveness !== undefined) query.set("liveness", liveness.join(","));
  for (const label of labels ?? []) query.append("label", label);
  if (search !== undefined) query.set("q", search);
  return query;
}

function question(query: URLSearchParams): string {
  return query.size === 0 ? "" : `?${query}`;
}

/** The database counts events. */
function idOrNumber(value: unknown): string {
  return typeof value === "number" ? String(number(value)) : text(value);
}

function done(): true {
  return true;
}
