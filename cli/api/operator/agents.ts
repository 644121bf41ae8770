import {
  boolean,
  content,
  each,
  entries,
  fields,
  lines,
  number,
  optional,
  orNull,
  type ReadBy,
  text,
} from "../readers.ts";
import type { Limits, Outcome } from "../transport.ts";
import { ask, type OperatorConnection, type Page, type PageQuery, pageQuery, question } from "./ask.ts";

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

/**
 * Agents, and how many fit the filter but for liveness: of each liveness, and of what liveness does not say, those that
 * are `unhealthy`, and their `copies`.
 */
export type AgentsPage = Page<"agents", Agent> & {
  counts: Record<string, number>;
  troubles: { unhealthy: number; copies: number };
};

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

export function agentPath(id: string): string {
  return `agents/${encodeURIComponent(id)}`;
}

function filterQuery({ liveness, labels, search, ...page }: Omit<AgentsQuery, "sort">): URLSearchParams {
  const query = pageQuery(page);
  if (liveness !== undefined) query.set("liveness", liveness.join(","));
  for (const label of labels ?? []) query.append("label", label);
  if (search !== undefined) query.set("q", search);
  return query;
}
