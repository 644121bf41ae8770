import assert from "node:assert/strict";
import type {
  Agent,
  Client,
  Database,
  NewAgent,
  OpenedSession,
} from "../../supabase/functions/_shared/database/port.ts";

export const digest = `sha256:${"a".repeat(64)}`;
export const nobody = "f0000000-0000-4000-8000-00000000000f";
export const key = { ownerId: null, act: { actor: "key:default", address: null } };
export const everyEvent = { kinds: null, page: { limit: 200, after: null } };
export const recorded = { heartbeatIntervalSeconds: 60 };
export const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
export const awkward = `quotes ' " \\ $1 %s {} [] null, ünïcode 漢字 👩‍🚀 \u{10ffff}`;

export const newAgent: NewAgent = {
  name: "an agent",
  labels: {},
  heartbeatIntervalSeconds: 60,
  progressDeadlineSeconds: null,
  ownerId: null,
  ownerLimit: null,
  secretDigest: digest,
  act: { actor: "key:default", address: null },
};

export async function create(database: Database, fields: Partial<NewAgent> = {}): Promise<Agent> {
  const agent = await database.agents.create({ ...newAgent, ...fields });
  assert.ok(typeof agent === "object", `no agent: ${agent}`);
  return agent;
}

/** A handshake with the agent's first secret, as far as the test says nothing else. */
export async function open(
  database: Database,
  agentId: string,
  { client = {}, ...presented }: { secretDigest?: string; instanceId?: string; client?: Client } = {},
): Promise<OpenedSession | null> {
  const credentials = { agentId, secretDigest: digest, instanceId: null, ...presented };
  return await database.sessions.open(credentials, { client, address: "192.0.2.1" });
}
