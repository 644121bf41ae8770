import { entries, fields, number, type ReadBy } from "./readers.ts";
import { row } from "./row.ts";

const numbers = {
  /** By liveness; a word of no agent is left out. */
  agents: entries(number),
  unhealthy: number,
  muted: number,
  copies: number,
  heartbeats: number,
  handshakes: number,
  refused_handshakes: number,
  /** Open ones, by kind. */
  incidents: entries(number),
  /** By state. */
  deliveries: entries(number),
};

/** A fleet in numbers: heartbeats and handshakes are sums over the agents that are there. */
export type FleetNumbers = ReadBy<typeof numbers>;

export const fleet = {
  /** Of the agents of one owner; null for all agents. */
  measure: row("fleet_metrics", {
    effect: "reads",
    args: (ownerId: string | null) => ({ owner_id: ownerId }),
    read: fields(numbers),
  }),
};
