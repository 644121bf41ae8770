import { readAgent } from "./agents.ts";
import { boolean, fields, list, nothing, number, orNull, text } from "./readers.ts";
import { row } from "./row.ts";

/** What an agent shows to prove who it is. Of the secret, its digest. */
export interface Credentials {
  agentId: string;
  secretDigest: string;
  instanceId: string | null;
}

/** What an agent's program says of itself. */
export type Client = { version?: string; hostname?: string; os?: string; arch?: string; supports?: string[] };

/** What an agent shows, what its program says of itself, and the address that it came from. */
export interface Handshake extends Credentials {
  client: Client;
  address: string | null;
}

/** What a handshake's reply needs. */
export interface OpenedSession {
  id: string;
  name: string;
  epoch: number;
  heartbeatIntervalSeconds: number;
  /** Of the secret that was used. */
  secretAgeSeconds: number;
  /** Whether this instance is a copy that is to have an identity of its own. */
  adopting: boolean;
  /** Whether this agent was a copy, and the agent that it was a copy of has not been told of its first handshake. */
  adopted: boolean;
}

/** Handshakes and rotations in one agent's name that were refused. */
export interface RefusedAgent extends Credentials {
  count: number;
}

const openedColumns = fields({
  id: text,
  name: text,
  epoch: number,
  heartbeat_interval_seconds: number,
  secret_age_seconds: number,
  adopting: boolean,
  adopted: boolean,
});

export const sessions = {
  /** Null, and nothing written, unless the secret is good for an agent that is not revoked. */
  open: row("open_sessions", {
    effect: "changes",
    args: (credentials: Credentials, said: Pick<Handshake, "client" | "address">) =>
      openArguments([{ ...credentials, ...said }]),
    read: (reply) => readAllOpened(reply, 1)[0] ?? null,
  }),
  /** The same for a list that lets each agent in once at most: one result for every handshake, in their order. */
  openAll: row("open_sessions", {
    effect: "changes",
    args: openArguments,
    read: (reply, handshakes) => readAllOpened(reply, handshakes.length),
  }),
  /** Counts them, and notes why the last one was refused, on the rows that there are. Each agent is named once. */
  recordRefusals: row("record_refusals", {
    effect: "changes",
    args: (refused: readonly RefusedAgent[]) => ({
      refusals: refused.map(({ agentId, secretDigest, instanceId, count }) => ({
        agent_id: agentId,
        secret_digest: secretDigest,
        instance_id: instanceId,
        count,
      })),
    }),
    read: nothing,
  }),
  /** The session's agent; null when the session was ended. */
  read: row("read_session", {
    effect: "reads",
    args: (agentId: string, epoch: number) => ({ agent_id: agentId, epoch }),
    read: orNull(readAgent),
  }),
};

function openArguments(handshakes: readonly Handshake[]) {
  return {
    handshakes: handshakes.map(({ agentId, secretDigest, instanceId, client, address }) => ({
      agent_id: agentId,
      secret_digest: secretDigest,
      instance_id: instanceId,
      client,
      address,
    })),
  };
}

/** Null: of all of them, nobody was let in. */
function readAllOpened(reply: unknown, length: number): (OpenedSession | null)[] {
  return reply === null ? Array.from({ length }, () => null) : list(reply, length).map(orNull(readOpened));
}

function readOpened(reply: unknown): OpenedSession {
  const { heartbeat_interval_seconds, secret_age_seconds, ...opened } = openedColumns(reply);
  return {
    ...opened,
    heartbeatIntervalSeconds: heartbeat_interval_seconds,
    secretAgeSeconds: secret_age_seconds,
  };
}
