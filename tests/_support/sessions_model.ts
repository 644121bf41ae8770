import type { Handshake, OpenedSession } from "../../supabase/functions/_shared/database/port.ts";

/** What the rules of a handshake know of an agent. Times are microseconds. */
export interface HandshakingAgent {
  id: string;
  name: string;
  interval: number;
  createdAt: number;
  epoch: number;
  revoked: boolean;
  revokedInstances: string[];
  adopting: string[];
  /** Whether it was made for a copy. */
  adopted: boolean;
  rotationRequested: boolean;
  secret: string | null;
  secretAt: number | null;
  previous: string | null;
  previousAt: number | null;
  /** -Infinity for one that ended at once. */
  previousExpiresAt: number | null;
  pending: string | null;
  pendingAt: number | null;
  lastSecret: string | null;
  lastHandshakeAt: number | null;
  handshakes: number;
  client: Record<string, string | null>;
  supports: string[];
  /** Those that are known, with the address of each one's last handshake. */
  instances: Record<string, string | null>;
}

const day = 24 * 60 * 60 * 1_000_000;

/**
 * The contract's rules of a list of handshakes, as plain as they can be said: what `open_sessions` has to do with it.
 * "twice": it would let an agent in twice, and changes nothing.
 */
export function takeHandshakes(
  agents: ReadonlyMap<string, HandshakingAgent>,
  handshakes: readonly Handshake[],
  now: number,
): (OpenedSession | null)[] | "twice" {
  const fitting = handshakes.map((handshake) => {
    const agent = agents.get(handshake.agentId);
    return agent !== undefined && fits(agent, handshake, now) ? agent : null;
  });
  const letIn = fitting.filter((agent) => agent !== null);
  if (new Set(letIn).size < letIn.length) return "twice";
  return fitting.map((agent, place) => {
    const handshake = handshakes[place];
    return agent === null || handshake === undefined ? null : open(agent, handshake, now);
  });
}

function fits(agent: HandshakingAgent, { secretDigest, instanceId }: Handshake, now: number): boolean {
  const isGood = secretDigest === agent.secret || secretDigest === agent.pending ||
    (secretDigest === agent.previous && (agent.previousExpiresAt ?? -Infinity) > now);
  const isOfCopy = instanceId !== null && agent.revokedInstances.includes(instanceId);
  const isTooLate = agent.adopted && agent.handshakes === 0 && agent.createdAt <= now - day;
  return isGood && !agent.revoked && !isOfCopy && !isTooLate;
}

function open(agent: HandshakingAgent, handshake: Handshake, now: number): OpenedSession {
  const { secretDigest, instanceId, client: { supports, ...client }, address } = handshake;
  agent.lastSecret = secretDigest === agent.secret || secretDigest === agent.pending ? "current" : "previous";
  if (secretDigest === agent.pending) endRotation(agent);
  agent.lastHandshakeAt = now;
  agent.handshakes += 1;
  agent.client = { ...agent.client, ...client };
  agent.supports = supports ?? [];
  if (instanceId !== null) agent.instances[instanceId] = address;
  const since = agent.lastSecret === "current" ? agent.secretAt : agent.previousAt;
  return {
    id: agent.id,
    name: agent.name,
    epoch: agent.epoch,
    heartbeatIntervalSeconds: agent.interval,
    secretAgeSeconds: Math.floor(Math.max(0, now - (since ?? agent.createdAt)) / 1_000_000),
    adopting: instanceId !== null && agent.adopting.includes(instanceId),
    adopted: agent.adopted,
  };
}

/** The first use of the pending secret: it is the current one, and that of before is kept, and good no longer. */
function endRotation(agent: HandshakingAgent): void {
  agent.previous = agent.secret;
  agent.previousAt = agent.secretAt;
  agent.previousExpiresAt = -Infinity;
  agent.secret = agent.pending;
  agent.secretAt = agent.pendingAt;
  agent.pending = null;
  agent.pendingAt = null;
  agent.rotationRequested = false;
}
