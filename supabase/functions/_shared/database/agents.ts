import { entries, fields, number, orNull, type ReadBy, record, text } from "./readers.ts";
import { row } from "./row.ts";

const columns = {
  id: text,
  owner_id: orNull(text),
  name: text,
  labels: entries(text),
  heartbeat_interval_seconds: number,
  status: orNull(text),
  message: orNull(text),
  liveness: text,
  last_seen_at: orNull(text),
  last_handshake_at: orNull(text),
  metrics: entries(number),
  version: orNull(text),
  hostname: orNull(text),
  os: orNull(text),
  arch: orNull(text),
  created_at: text,
  revoked_at: orNull(text),
};

/** The contract's `Agent`, with times in RFC 3339. Never a secret, never a digest. */
export type Agent = ReadBy<typeof columns>;

export const readAgent = fields(columns);

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

export const agents = {
  create: row("create_agent", {
    effect: "creates",
    args: ({ heartbeatIntervalSeconds, ownerId, ownerLimit, secretDigest, ...rest }: NewAgent) => ({
      ...rest,
      heartbeat_interval_seconds: heartbeatIntervalSeconds,
      owner_id: ownerId,
      owner_limit: ownerLimit,
      secret_digest: secretDigest,
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
  revoke: row("revoke_agent", {
    effect: "changes",
    args: (agentId: string, { ownerId, actor }: { ownerId: string | null; actor: string }) => ({
      agent_id: agentId,
      owner_id: ownerId,
      actor,
    }),
    read: orNull(readAgent),
  }),
};

function readCreated(reply: unknown): Agent | "owner_limit" | "owner_unknown" {
  const { refused, agent } = record(reply);
  return refused === "owner_limit" || refused === "owner_unknown" ? refused : readAgent(agent);
}
