import { type Act, actArguments, type Agent, readAgent } from "./agents.ts";
import { boolean, orNull, record } from "./readers.ts";
import { row } from "./row.ts";
import type { Credentials } from "./sessions.ts";

export const secrets = {
  /** Makes a secret the current one; the one before it is good for the overlap. Null as in `agents.get`. */
  rotate: row("rotate_secret", {
    effect: "changes",
    args: (
      agentId: string,
      { secretDigest, overlapSeconds, ...by }: {
        secretDigest: string;
        overlapSeconds: number;
        ownerId: string | null;
        act: Act;
      },
    ) => ({
      ...actArguments(agentId, by),
      secret_digest: secretDigest,
      overlap_seconds: overlapSeconds,
    }),
    read: orNull(readAgent),
  }),
  /** Asks the agent to rotate by itself. Null as in `agents.get`. */
  request: row("request_rotation", {
    effect: "changes",
    args: actArguments,
    read: orNull(readRequested),
  }),
  /** Keeps a secret beside the agent's current one, which was presented. False, and nothing written, as for a handshake. */
  rotateOwn: row("rotate_own_secret", {
    effect: "changes",
    args: (
      credentials: Credentials,
      { pendingDigest, address }: { pendingDigest: string; address: string | null },
    ) => ({
      agent_id: credentials.agentId,
      secret_digest: credentials.secretDigest,
      instance_id: credentials.instanceId,
      pending_digest: pendingDigest,
      address,
    }),
    read: (reply) => orNull(boolean)(reply) ?? false,
  }),
};

function readRequested(reply: unknown): Agent | "unsupported" | "previous_secret" {
  const { refused, agent } = record(reply);
  return refused === "unsupported" || refused === "previous_secret" ? refused : readAgent(agent);
}
