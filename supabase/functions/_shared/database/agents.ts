import { boolean, each, entries, fields, number, orNull, type ReadBy, record, text } from "./readers.ts";
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

export interface NewAgent {
  name: string;
  labels: Record<string, string>;
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
  revoke: row("revoke_agent", { effect: "changes", args: actArguments, read: orNull(readAgent) }),
};

/** Who acts, and from which address; null where the server does not know it. */
export interface Act {
  actor: string;
  address: string | null;
}

/** The arguments of an act on an agent of one owner; of anybody's, where the owner is null. */
export function actArguments(agentId: string, { ownerId, act }: { ownerId: string | null; act: Act }) {
  return { agent_id: agentId, owner_id: ownerId, act: { ...act } };
}

function readCreated(reply: unknown): Agent | "owner_limit" | "owner_unknown" {
  const { refused, agent } = record(reply);
  return refused === "owner_limit" || refused === "owner_unknown" ? refused : readAgent(agent);
}
