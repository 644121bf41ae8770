import type { Agent } from "../api/operator/agents.ts";
import { ageOf, isUnhealthy } from "./state.ts";

/**
 * Why an agent needs a look, in words; null for one that is well. What is said of it is what sorts it among the agents
 * in trouble.
 *
 * @param now the server's clock, in milliseconds
 */
export function reasonOf(agent: Agent, now: number): string | null {
  const { liveness, copies, last_seen_at, last_progress_at } = agent;
  if (liveness === "offline" || (liveness === "late" && !isUnhealthy(agent) && copies.length === 0)) {
    return `silent for ${ageOf(last_seen_at, now) ?? "ever"}`;
  }
  if (liveness === "stalled") {
    const age = ageOf(last_progress_at, now);
    return `its work stands still${age === null ? "" : ` for ${age}`}${said(agent)}`;
  }
  if (isUnhealthy(agent)) return `says that it is unhealthy${said(agent)}`;
  if (liveness === "revoked" || copies.length === 0) return null;
  const [copy] = copies;
  const place = copy?.hostname ?? copy?.address ?? "another host";
  return copies.length === 1 ? `a copy beats from ${place}` : `${copies.length} copies, one on ${place}`;
}

function said({ message }: Agent): string {
  return message === null || message === "" ? "" : `: ${message.replaceAll("\n", " ")}`;
}
