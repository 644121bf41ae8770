import type { Agent, AgentsPage } from "../../api/operator.ts";
import { ageOf, isMuted, isUnhealthy, livenessWords } from "./_state.ts";

/** What is known of a fleet: what is counted is the server's, the rows may be the first ones only. */
export interface Known extends Pick<AgentsPage, "counts" | "troubles"> {
  agents: readonly Agent[];
  /** Milliseconds, on the server's clock. */
  now: number;
}

/** One sentence: how many are in trouble of how many, and what to do first. */
export function summarize(known: Known): string {
  const total = Object.values(known.counts).reduce((sum, count) => sum + count, 0);
  if (total === 0) return "no agents: make the first one with: openclaw agents create <name>";
  const troubles = troublesOf(known);
  const first = firstStep(known);
  const what = troubles.length === 0 ? allWell(known.counts, total) : `${troubles.join(", ")} of ${total}`;
  return first === null ? what : `${what}: ${first}`;
}

/** "2 offline", "1 late", "1 copy". */
function troublesOf({ counts, troubles: { unhealthy, copies } }: Known): string[] {
  const part = (count: number, word: string): string[] => count > 0 ? [`${count} ${word}`] : [];
  return [
    ...part(counts.offline ?? 0, "offline"),
    ...part(counts.stalled ?? 0, "stalled"),
    ...part(unhealthy, "unhealthy"),
    ...part(counts.late ?? 0, "late"),
    ...part(copies, copies === 1 ? "copy" : "copies"),
  ];
}

function allWell(counts: Record<string, number>, total: number): string {
  if (counts.online === total) return total === 1 ? "the only one is online" : `all ${total} are online`;
  const words = livenessWords.filter((word) => (counts[word] ?? 0) > 0);
  return `${total} ${total === 1 ? "agent" : "agents"}: ${
    words.map((word) => `${counts[word]} ${word}`).join(", ")
  }`;
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
