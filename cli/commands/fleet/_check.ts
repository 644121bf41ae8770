import type { Agent } from "../../api/operator/agents.ts";
import { isMuted, isUnhealthy } from "../../fleet/state.ts";

/** What `--check` can look for. */
export const checkWords = [
  "offline",
  "stalled",
  "unhealthy",
  "late",
  "pending",
  "stopped",
  "revoked",
] as const;
export type CheckWord = typeof checkWords[number];

/** What counts where nothing else is chosen. */
export const usualWords: readonly CheckWord[] = ["offline", "stalled", "unhealthy"];
/** The same for Nagios, which knows a warning, too. */
export const nagiosWords: readonly CheckWord[] = [...usualWords, "late"];

/** What was found: the agents that should not be so, by the first of the words that fits. */
export type Found = { agent: Agent; word: CheckWord }[];

/** The agents of a page that count: none that is muted. */
export function findIn(agents: readonly Agent[], words: readonly CheckWord[], now: number): Found {
  return agents.flatMap((agent) => {
    const word = words.find((one) => one === "unhealthy" ? isUnhealthy(agent) : agent.liveness === one);
    return word === undefined || isMuted(agent, now) ? [] : [{ agent, word }];
  });
}

/** "2 offline, 1 late", in the order of the words; empty where nothing was found. */
export function countFound(found: Found, words: readonly CheckWord[]): string {
  return words.map((word) => [word, found.filter((one) => one.word === word).length] as const)
    .filter(([, count]) => count > 0).map(([word, count]) => `${count} ${word}`).join(", ");
}

/** The exit codes of Nagios's plugins. */
export const nagiosCodes = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const;

export interface NagiosResult {
  code: number;
  line: string;
}

/** The one line that Nagios shows, with the counts behind its bar, and the exit code. */
export function nagiosResult(
  found: Found,
  words: readonly CheckWord[],
  counts: Record<string, number>,
): NagiosResult {
  const isCritical = found.some(({ word }) => usualWords.includes(word));
  const state = found.length === 0 ? "OK" : isCritical ? "CRITICAL" : "WARNING";
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const names = found.slice(0, 5).map(({ agent }) => plain(agent.name)).join(", ");
  const more = found.length > 5 ? ` and ${found.length - 5} more` : "";
  const what = found.length === 0
    ? `none of ${total} is ${words.join(" or ")}`
    : `${countFound(found, words)} of ${total}: ${names}${more}`;
  const numbers = Object.entries(counts).map(([word, count]) => `${plain(word)}=${count}`).join(" ");
  return {
    code: nagiosCodes[state],
    line: `OPENCLAW ${state} - ${what}${numbers === "" ? "" : ` | ${numbers}`}`,
  };
}

export function nagiosUnknown(message: string): NagiosResult {
  return { code: nagiosCodes.UNKNOWN, line: `OPENCLAW UNKNOWN - ${plain(message)}` };
}

/** Behind a bar, Nagios reads numbers. */
function plain(text: string): string {
  return text.replace(/[|\r\n]/g, "?");
}
