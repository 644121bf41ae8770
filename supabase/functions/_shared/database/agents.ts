import { boolean, each, entries, fields, number, orNull, type ReadBy, record, text } from "./readers.ts";
import { type Listed, readListed } from "./lists.ts";
import { row } from "./row.ts";

const columns = {
  id: text,
  owner_id: orNull(text),
  name: text,
  labels: entries(text),
  heartbeat_interval_seconds: number,
  progress_deadline_seconds: orNull(number),
  status: orNull(text),
  message: orNull(text),
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
  copies: each(
    fields({ instance_id: text, hostname: orNull(text), address: orNull(text), last_seen_at: orNull(text) }),
  ),
};

/** The contract's `Agent`, with times in RFC 3339. Never a secret, never a digest. */
export type Agent = ReadBy<typeof columns>;

export const readAgent = fields(columns);

const mapFields = {
  sort: text,
  cells: text,
  order: text,
  groups: each(fields({ name: orNull(text), count: number })),
  groups_count: number,
  marks: each(record),
  counts: entries(number),
  troubles: entries(number),
};

/** All agents that fit at once, as GET /agents/map has them. */
export type AgentsMap = ReadBy<typeof mapFields>;

const followedFields = { ...mapFields, ids: text, liveness: text, incidents: text, next: record };

/** The same for who follows its changes: which agents they are, and where the changes begin. */
export type FollowedMap = ReadBy<typeof followedFields>;

const changesFields = {
  changes: entries(each(text)),
  copies: number,
  incidents: text,
  next: record,
};

/** What may have changed on a followed map: ids by their digits now. */
export type MapChanges = ReadBy<typeof changesFields>;

/** From when changes are asked for, as the map or the changes before them say. */
export interface MapMoment {
  xid: string;
  at_us: number;
  shortest: number;
}

/** Every word of liveness there will be. */
export const livenessWords = [
  "online",
  "late",
  "offline",
  "stalled",
  "pending",
  "stopped",
  "revoked",
] as const;

/** Which agents a list is of: all that fit each of these. */
export interface AgentsFilter {
  /** Null for any. */
  liveness: string[] | null;
  /** Null for any value. */
  labels: { key: string; value: string | null }[];
  /** A part of the name or of the hostname, in any case; null for any. */
  search: string | null;
}

/** The last row of the page before: its key in this order, and its id. */
export interface AgentsAfter {
  sort: string;
  /** A name, a label's value with it, microseconds since the epoch (null: never), or, as text, what `agent_trouble` says. */
  key: string | number | null;
  id: string;
}

interface AgentsQuery {
  filter: AgentsFilter;
  /** `trouble`, `name`, `last_seen_at`, `created_at` or `label:<key>`, or the same behind a `-`. */
  sort: string;
  /** `skipped`: how many rows are left out before it; none where it is not there. */
  page: { limit: number; after: AgentsAfter | null; skipped?: number };
  /** Whether the first page counts all that fit; it does where this is not there. */
  isCounted?: boolean;
}

interface MapQuery {
  filter: AgentsFilter;
  /** By the values of which label the agents are grouped; null for no groups. */
  groupKey: string | null;
  /** Of how many agents one is marked. */
  marksEvery: number;
}

/** What an operator edits; a field that is not there stays as it is. The names are those of the columns. */
export interface AgentChanges {
  name?: string;
  labels?: Record<string, string>;
  heartbeat_interval_seconds?: number;
  progress_deadline_seconds?: number | null;
  muted_until?: string | null;
}

export interface NewAgent {
  name: string;
  labels: Readonly<Record<string, string>>;
  heartbeatIntervalSeconds: number;
  progressDeadlineSeconds: number | null;
  ownerId: string | null;
  /** How many agents the owner may have with this one; null for any number. */
  ownerLimit: number | null;
  secretDigest: string;
  act: Act;
}

export const agents = {
  create: row("create_agent", {
    effect: "creates",
    args: ({ name, labels, ownerId, ownerLimit, secretDigest, act, ...settings }: NewAgent) => ({
      agent: {
        name,
        labels,
        heartbeat_interval_seconds: settings.heartbeatIntervalSeconds,
        progress_deadline_seconds: settings.progressDeadlineSeconds,
      },
      owner_id: ownerId,
      owner_limit: ownerLimit,
      secret_digest: secretDigest,
      act: { ...act },
    }),
    read: readCreated,
  }),
  /** An agent of one owner; of anybody, where the owner is null. */
  get: row("get_agent", {
    effect: "reads",
    args: (agentId: string, ownerId: string | null) => ({ agent_id: agentId, owner_id: ownerId }),
    read: orNull(readAgent),
  }),
  /** How many agents there are, by liveness. */
  count: row("count_agents", { effect: "reads", args: () => ({}), read: entries(number) }),
  /** A page of one owner's agents; of anybody's, where the owner is null. */
  list: row("list_agents", {
    effect: "reads",
    args: (ownerId: string | null, { filter, sort, page, isCounted }: AgentsQuery) => ({
      owner_id: ownerId,
      filter: { ...filter },
      sort,
      page_limit: page.limit,
      after: page.after === null ? null : { ...page.after },
      skipped: page.skipped ?? 0,
      counted: isCounted ?? true,
    }),
    read: readAgentsPage,
  }),
  /** Every agent of one owner that fits, as one character; of anybody's, where the owner is null. */
  map: row("map_agents", {
    effect: "reads",
    args: (ownerId: string | null, query: MapQuery) => ({ ...mapArguments(ownerId, query), followed: false }),
    read: fields(mapFields),
  }),
  follow: row("follow_agents", { effect: "reads", args: mapArguments, read: fields(followedFields) }),
  /** Null where the whole map has to be read again. */
  mapChanges: row("map_changes", {
    effect: "reads",
    args: (ownerId: string | null, { filter, since }: { filter: AgentsFilter; since: MapMoment }) => ({
      owner_id: ownerId,
      filter: { ...filter },
      since: { ...since },
    }),
    read: orNull(fields(changesFields)),
  }),
  edit: row("edit_agent", {
    effect: "changes",
    args: (agentId: string, { changes, ...by }: ActBy & { changes: AgentChanges }) => ({
      ...actArguments(agentId, by),
      changes: { ...changes },
    }),
    read: orNull(readAgent),
  }),
  revoke: row("revoke_agent", { effect: "changes", args: actArguments, read: orNull(readAgent) }),
  restore: row("restore_agent", { effect: "changes", args: actArguments, read: orNull(readAgent) }),
  endSessions: row("end_agent_sessions", { effect: "changes", args: actArguments, read: orNull(readAgent) }),
  /** What the agent was; "other_name", and it is still there, when it has another name than this one. */
  delete: row("delete_agent", {
    effect: "changes",
    args: (agentId: string, { name, ...by }: ActBy & { name: string }) => ({
      ...actArguments(agentId, by),
      name,
    }),
    read: orNull(readDeleted),
  }),
};

interface MapArguments {
  owner_id: string | null;
  filter: { [Name in keyof AgentsFilter]: AgentsFilter[Name] };
  group_key: string | null;
  marks_every: number;
}

function mapArguments(ownerId: string | null, { filter, groupKey, marksEvery }: MapQuery): MapArguments {
  return { owner_id: ownerId, filter: { ...filter }, group_key: groupKey, marks_every: marksEvery };
}

/** Who acts, and from which address; null where the server does not know it. */
export interface Act {
  actor: string;
  address: string | null;
}

interface ActBy {
  ownerId: string | null;
  act: Act;
}

interface ActArguments {
  agent_id: string;
  owner_id: string | null;
  act: { actor: string; address: string | null };
}

/** The arguments of an act on an agent of one owner; of anybody's, where the owner is null. */
export function actArguments(agentId: string, { ownerId, act }: ActBy): ActArguments {
  return { agent_id: agentId, owner_id: ownerId, act: { ...act } };
}

function readCreated(reply: unknown): Agent | "owner_limit" | "owner_unknown" {
  const { refused, agent } = record(reply);
  return refused === "owner_limit" || refused === "owner_unknown" ? refused : readAgent(agent);
}

function readDeleted(reply: unknown): Agent | "other_name" {
  const { refused, agent } = record(reply);
  return refused === "other_name" ? refused : readAgent(agent);
}

/** How many agents there are of each liveness, and of what their liveness does not say. */
interface Totals {
  counts: Record<string, number>;
  troubles: Record<string, number>;
}

/** The page, with the totals; null after the first one. */
function readAgentsPage(reply: unknown): Listed<Agent> & { totals: Totals | null } {
  const { counts, troubles } = record(reply);
  const totals = counts === null
    ? null
    : { counts: entries(number)(counts), troubles: entries(number)(troubles) };
  return { ...readListed(reply, readAgent), totals };
}
