import { isRecord } from "../values.ts";

/** The contract's `Agent`, with times in RFC 3339. Never a secret, never a digest. */
export interface Agent {
  id: string;
  owner_id: string | null;
  name: string;
  labels: Record<string, string>;
  heartbeat_interval_seconds: number;
  status: string | null;
  message: string | null;
  liveness: string;
  last_seen_at: string | null;
  last_handshake_at: string | null;
  metrics: Record<string, number>;
  version: string | null;
  hostname: string | null;
  os: string | null;
  arch: string | null;
  created_at: string;
  revoked_at: string | null;
}

export interface NewAgent {
  name: string;
  labels: Record<string, string>;
  heartbeatIntervalSeconds: number;
  ownerId: string | null;
  /** How many agents the owner may have with this one; null for any number. */
  ownerLimit: number | null;
  secretDigest: string;
  actor: string;
}

export interface Client {
  version?: string;
  hostname?: string;
  os?: string;
  arch?: string;
}

/** What a handshake's reply needs. */
export interface OpenedSession {
  id: string;
  name: string;
  epoch: number;
  heartbeatIntervalSeconds: number;
}

export interface Beat {
  agentId: string;
  epoch: number;
  status: string;
  message: string | null;
  metrics: Record<string, number>;
  instanceId: string | null;
  seq: number | null;
}

/** What became of a beat: recorded, or null when its session was ended. */
export type Verdict = { heartbeatIntervalSeconds: number } | null;

/**
 * The calls that the handlers make. Each is one SQL function in one round trip; the rules are in SQL, so that
 * every backend has the same. Whatever keeps the database from answering is thrown as `unavailable`.
 */
export interface Database {
  createAgent: (agent: NewAgent) => Promise<Agent | "owner_limit" | "owner_unknown">;
  getAgent: (agentId: string, ownerId: string | null) => Promise<Agent | null>;
  revokeAgent: (agentId: string, scope: { ownerId: string | null; actor: string }) => Promise<Agent | null>;
  openSession: (
    agentId: string,
    presented: { secretDigest: string; client: Client },
  ) => Promise<OpenedSession | null>;
  recordRefusal: (agentId: string) => Promise<void>;
  readSession: (agentId: string, epoch: number) => Promise<Agent | null>;
  /** One verdict for every beat, in their order. */
  recordHeartbeats: (beats: readonly Beat[]) => Promise<Verdict[]>;
  /** Whether the database answers, and has our schema. */
  ping: () => Promise<void>;
}

/** The arguments of each SQL function, by their names in SQL. */
export interface Calls {
  create_agent: {
    name: string;
    labels: Record<string, string>;
    heartbeat_interval_seconds: number;
    owner_id: string | null;
    owner_limit: number | null;
    secret_digest: string;
    actor: string;
  };
  get_agent: { agent_id: string; owner_id: string | null };
  revoke_agent: { agent_id: string; owner_id: string | null; actor: string };
  open_session: { agent_id: string; secret_digest: string; client: Client };
  record_refusal: { agent_id: string };
  read_session: { agent_id: string; epoch: number };
  record_heartbeats: { beats: Record<string, unknown>[] };
}

/** Calls one SQL function and returns its result. The two adapters are such functions. */
export type Call = <Name extends keyof Calls>(name: Name, args: Calls[Name]) => Promise<unknown>;

/** No agent's id. */
const nobody = "00000000-0000-0000-0000-000000000000";

/** The port over any way to call the SQL functions. */
export function databaseOver(call: Call): Database {
  return {
    async createAgent({ heartbeatIntervalSeconds, ownerId, ownerLimit, secretDigest, ...rest }) {
      const result = parseRecord(
        await call("create_agent", {
          ...rest,
          heartbeat_interval_seconds: heartbeatIntervalSeconds,
          owner_id: ownerId,
          owner_limit: ownerLimit,
          secret_digest: secretDigest,
        }),
      );
      const { refused } = result;
      return refused === "owner_limit" || refused === "owner_unknown" ? refused : parseAgent(result.agent);
    },
    getAgent: async (agentId, ownerId) =>
      orNull(await call("get_agent", { agent_id: agentId, owner_id: ownerId }), parseAgent),
    revokeAgent: async (agentId, { ownerId, actor }) =>
      orNull(await call("revoke_agent", { agent_id: agentId, owner_id: ownerId, actor }), parseAgent),
    openSession: async (agentId, { secretDigest, client }) =>
      orNull(
        await call("open_session", { agent_id: agentId, secret_digest: secretDigest, client }),
        parseOpenedSession,
      ),
    recordRefusal: async (agentId) => void await call("record_refusal", { agent_id: agentId }),
    readSession: async (agentId, epoch) =>
      orNull(await call("read_session", { agent_id: agentId, epoch }), parseAgent),
    recordHeartbeats: async (beats) =>
      parseVerdicts(await call("record_heartbeats", { beats: beats.map(beatRow) }), beats.length),
    ping: async () => void await call("read_session", { agent_id: nobody, epoch: 1 }),
  };
}

function beatRow({ agentId, instanceId, ...beat }: Beat): Record<string, unknown> {
  return { ...beat, agent_id: agentId, instance_id: instanceId };
}

function parseOpenedSession(value: unknown): OpenedSession {
  const { id, name, epoch, heartbeat_interval_seconds } = parseRecord(value);
  return {
    id: text(id),
    name: text(name),
    epoch: number(epoch),
    heartbeatIntervalSeconds: number(heartbeat_interval_seconds),
  };
}

function parseVerdicts(value: unknown, wanted: number): Verdict[] {
  if (!Array.isArray(value) || value.length !== wanted) throw unexpected(`a list of ${wanted} verdicts`);
  return value.map((verdict) =>
    orNull(verdict, (recorded) => ({
      heartbeatIntervalSeconds: number(parseRecord(recorded).heartbeat_interval_seconds),
    }))
  );
}

function parseAgent(value: unknown): Agent {
  const row = parseRecord(value);
  return {
    id: text(row.id),
    owner_id: orNull(row.owner_id, text),
    name: text(row.name),
    labels: entries(row.labels, text),
    heartbeat_interval_seconds: number(row.heartbeat_interval_seconds),
    status: orNull(row.status, text),
    message: orNull(row.message, text),
    liveness: text(row.liveness),
    last_seen_at: orNull(row.last_seen_at, text),
    last_handshake_at: orNull(row.last_handshake_at, text),
    metrics: entries(row.metrics, number),
    version: orNull(row.version, text),
    hostname: orNull(row.hostname, text),
    os: orNull(row.os, text),
    arch: orNull(row.arch, text),
    created_at: text(row.created_at),
    revoked_at: orNull(row.revoked_at, text),
  };
}

function orNull<Value>(value: unknown, parse: (value: unknown) => Value): Value | null {
  return value === null ? null : parse(value);
}

function entries<Value>(value: unknown, parse: (value: unknown) => Value): Record<string, Value> {
  return Object.fromEntries(Object.entries(parseRecord(value)).map(([key, inner]) => [key, parse(inner)]));
}

function text(value: unknown): string {
  if (typeof value !== "string") throw unexpected("a string");
  return value;
}

function number(value: unknown): number {
  if (typeof value !== "number") throw unexpected("a number");
  return value;
}

function parseRecord(value: unknown): Record<string, unknown> {
  if (!isRecord(value)) throw unexpected("an object");
  return value;
}

function unexpected(wanted: string): TypeError {
  return new TypeError(`Cannot read what the database returned: ${wanted} is wanted`);
}
