import type { Agent } from "../../cli/api/operator/agents.ts";
import type { Incident } from "../../cli/api/operator/incidents.ts";
import {
  initialState,
  type Look,
  type State,
  wantedKey,
  wantedOf,
} from "../../cli/commands/fleet/top/_state.ts";
import { reasonOf } from "../../cli/fleet/reason.ts";
import { fakeAgent, serverTime } from "./fake_fleet.ts";

/** The same moment by both clocks. */
export function momentAt(milliseconds: number): Look["at"] {
  return { monotonic: milliseconds, wall: Date.parse(serverTime) + milliseconds };
}

/** An agent as the reader of replies makes it. */
export function agentOf(number: number, more: Record<string, unknown> = {}): Agent {
  return fakeAgent(number, more) as unknown as Agent;
}

export function incidentOf(more: Partial<Incident> = {}): Incident {
  return {
    id: "0b9c5f1e-0000-4000-8000-000000000001",
    kind: "offline",
    opened_at: "2026-11-23T11:48:00Z",
    closed_at: null,
    agents_count: 3,
    agents: [{ id: "a", name: "web-1" }],
    labels: { site: "Linz" },
    reason: null,
    changes_count: 0,
    acknowledged_at: null,
    acknowledged_by: null,
    deliveries: [],
    ...more,
  };
}

export function stateOf(more: Partial<State> = {}): State {
  return { ...initialState({ query: {}, group: null, isReader: false }), ...more };
}

/** What a look at these agents brings, in the order in which they are given, as an answer to what the state wants. */
export function lookOf(
  state: State,
  agents: readonly Agent[],
  more: Partial<Look> = {},
): Look {
  const counts: Record<string, number> = {};
  for (const { liveness } of agents) counts[liveness] = (counts[liveness] ?? 0) + 1;
  const now = Date.parse(serverTime);
  return {
    at: momentAt(0),
    serverTime: now,
    key: wantedKey(wantedOf(state)),
    counts,
    troubles: { unhealthy: 0, copies: agents.flatMap(({ copies }) => copies).length },
    trouble: { rows: agents.filter((agent) => reasonOf(agent, now) !== null), next: null },
    list: { rows: agents, next: null },
    map: {
      words: ["offline", "late", "online"],
      cells: agents.map(({ liveness }) => ["offline", "late", "online"].indexOf(liveness)).join(""),
      groups: [{ name: null, count: agents.length }],
      server_time: serverTime,
    },
    incidents: { rows: [], next: null },
    opened: null,
    ...more,
  };
}
