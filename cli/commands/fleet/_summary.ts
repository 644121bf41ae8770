import type { Agent, AgentsPage } from "../../api/operator/agents.ts";
import { fleetSentence, totalOf } from "../../fleet/sentence.ts";
import { ageOf, isMuted, isUnhealthy } from "../../fleet/state.ts";

/** What is known of a fleet: what is counted is the server's, the rows may be the first ones only. */
export interface Known extends Pick<AgentsPage, "counts" | "troubles"> {
  agents: readonly Agent[];
  /** Whether only some of the agents were asked for. */
  isFiltered: boolean;
  /** Milliseconds, on the server's clock. */
  now: number;
}

/** One sentence: how many are in trouble of how many, and what to do first. */
export function summarize(known: Known): string {
  if (totalOf(known) === 0) {
    return known.isFiltered
      ? "none of the agents is like that: see all with: openclaw fleet"
      : "no agents: make the first one with: openclaw agents create <name>";
  }
  const first = firstStep(known);
  const what = fleetSentence(known);
  return first === null ? what : `${what}: ${first}`;
}

/** What to do first, about the worst of the rows; null where nothing is to be done. Muted agents wait. */
function firstStep({ agents, now }: Known): string | null {
  const heard = agents.filter((agent) => !isMuted(agent, now));
  for (const { is, step } of steps) {
    const worst = heard.find(is);
    if (worst !== undefined) return step(worst, now);
  }
  return null;
}

const steps: { is: (agent: Agent) => boolean; step: (agent: Agent, now: number) => string }[] = [
  {
    is: ({ liveness }) => liveness === "offline",
    step: (agent, now) =>
      `look first at ${placeOf(agent)}, silent for ${ageOf(agent.last_seen_at, now) ?? "ever"}`,
  },
  {
    is: ({ liveness }) => liveness === "stalled",
    step: (agent, now) =>
      `look first at ${placeOf(agent)}, whose work has stood still${since(agent.last_progress_at, now)}`,
  },
  { is: isUnhealthy, step: (agent) => `look first at ${placeOf(agent)}, which says that it is not well` },
  {
    is: ({ liveness, copies }) => liveness !== "revoked" && copies.length > 0,
    step: ({ name, id, copies }) =>
      `decide first on the copy of ${name} on ${
        copies[0]?.hostname ?? "another host"
      }, with: openclaw agents show ${id}`,
  },
  {
    is: ({ liveness }) => liveness === "late",
    step: (agent, now) =>
      `wait first for ${placeOf(agent)}, silent for ${ageOf(agent.last_seen_at, now) ?? "ever"}`,
  },
];

function placeOf({ name, hostname }: Agent): string {
  return hostname === null || hostname === name ? name : `${name} on ${hostname}`;
}

function since(moment: string | null, now: number): string {
  const age = ageOf(moment, now);
  return age === null ? "" : ` for ${age}`;
}
