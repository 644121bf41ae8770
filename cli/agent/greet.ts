import {
  type Client,
  type Credentials,
  handshake,
  type HandshakeReply,
  type Limits,
  type Outcome,
} from "../api/agent.ts";
import type { Connection } from "../api/transport.ts";
import type { Identity } from "../identity/identity.ts";

/** What a handshake came to, and the identity that it was made with. */
export interface Greeted {
  outcome: Outcome<HandshakeReply>;
  used: Credentials;
}

/**
 * Shakes hands as the newest identity that is stored; as the older one, where there are two, after
 * `invalid_credentials`.
 */
export async function greet(
  { connection, identity }: {
    connection: Connection;
    identity: Pick<Identity, "agentId" | "secret" | "next">;
  },
  process: Client & Limits,
): Promise<Greeted> {
  const { agentId, secret, next } = identity;
  const older = { agentId, secret };
  if (next !== null) {
    const outcome = await handshake(connection, next, process);
    if (!isVerdict(outcome)) return { outcome, used: next };
  }
  return { outcome: await handshake(connection, older, process), used: older };
}

/** Whether a handshake, or what is refused like one, was answered with the one verdict. */
export function isVerdict(outcome: Outcome<unknown>): boolean {
  return outcome.kind === "refused" && outcome.code === "invalid_credentials";
}
