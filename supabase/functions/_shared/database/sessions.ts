import { readAgent } from "./agents.ts";
import { fields, nothing, number, orNull, text } from "./readers.ts";
import { row } from "./row.ts";

/** What an agent's program says of itself. */
export type Client = { version?: string; hostname?: string; os?: string; arch?: string; supports?: string[] };

/** What a handshake's reply needs. */
export interface OpenedSession {
  id: string;
  name: string;
  epoch: number;
  heartbeatIntervalSeconds: number;
}

const openedColumns = fields({ id: text, name: text, epoch: number, heartbeat_interval_seconds: number });

export const sessions = {
  /** Null, and nothing written, unless the secret is that of an agent that is not revoked. */
  open: row("open_session", {
    effect: "changes",
    args: (agentId: string, { secretDigest, client }: { secretDigest: string; client: Client }) => ({
      agent_id: agentId,
      secret_digest: secretDigest,
      client,
    }),
    read: orNull(readOpened),
  }),
  recordRefusal: row("record_refusal", {
    effect: "changes",
    args: (agentId: string) => ({ agent_id: agentId }),
    read: nothing,
  }),
  /** The session's agent; null when the session was ended. */
  read: row("read_session", {
    effect: "reads",
    args: (agentId: string, epoch: number) => ({ agent_id: agentId, epoch }),
    read: orNull(readAgent),
  }),
};

function readOpened(reply: unknown): OpenedSession {
  const { heartbeat_interval_seconds, ...opened } = openedColumns(reply);
  return { ...opened, heartbeatIntervalSeconds: heartbeat_interval_seconds };
}
