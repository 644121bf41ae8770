import { livenessWords } from "./state.ts";

/** What a server counts of the agents that fit a filter. */
export interface Counted {
  /** How many there are of each liveness. */
  counts: Readonly<Record<string, number>>;
  /** What liveness does not say. */
  troubles: { readonly unhealthy: number; readonly copies: number };
}

/** How many agents were counted. */
export function totalOf({ counts }: Pick<Counted, "counts">): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** "3 offline, 2 late, 1 copy of 48,201", or that all is well; without a full stop. */
export function fleetSentence(counted: Counted): string {
  const total = totalOf(counted);
  if (total === 0) return "no agents";
  const troubles = troublesOf(counted);
  return troubles.length === 0
    ? allWell(counted.counts, total)
    : `${troubles.join(", ")} of ${grouped(total)}`;
}

/** "2 offline", "1 late", "1 copy": the worst first; empty when all is well. */
export function troublesOf({ counts, troubles: { unhealthy, copies } }: Counted): string[] {
  const part = (count: number, word: string): string[] => count > 0 ? [`${grouped(count)} ${word}`] : [];
  return [
    ...part(counts.offline ?? 0, "offline"),
    ...part(counts.stalled ?? 0, "stalled"),
    ...part(unhealthy, "unhealthy"),
    ...part(counts.late ?? 0, "late"),
    ...part(copies, copies === 1 ? "copy" : "copies"),
  ];
}

/** A count with a comma before each three digits: "48,201". */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "43 agents: 1 offline, 2 late, 40 online" */
export function countedText(counts: Counted["counts"]): string {
  const total = totalOf({ counts });
  const words = livenessWords.filter((word) => (counts[word] ?? 0) > 0);
  return `${grouped(total)} ${total === 1 ? "agent" : "agents"}: ${
    words.map((word) => `${grouped(counts[word] ?? 0)} ${word}`).join(", ")
  }`;
}

function allWell(counts: Counted["counts"], total: number): string {
  if (counts.online === total) {
    return total === 1 ? "the only one is online" : `all ${grouped(total)} are online`;
  }
  return countedText(counts);
}
