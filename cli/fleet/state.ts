import type { Agent } from "../api/operator/agents.ts";
import type { Colour } from "../terminal/output.ts";
import { durationText } from "../terminal/duration.ts";

/** What the contract says of an agent's liveness, the worst first. */
export const livenessWords = [
  "offline",
  "stalled",
  "late",
  "online",
  "pending",
  "stopped",
  "revoked",
] as const;

/** A clock that is off by more does harm: certificates and logs. */
const tolerableSeconds = 30;

const signs: Record<string, { sign: string; colour: Colour }> = {
  offline: { sign: "✗", colour: "red" },
  stalled: { sign: "!", colour: "red" },
  late: { sign: "~", colour: "yellow" },
  online: { sign: "✓", colour: "green" },
  pending: { sign: "?", colour: "grey" },
  stopped: { sign: "-", colour: "grey" },
  revoked: { sign: "/", colour: "grey" },
};

/** A word of liveness with its sign, which tells it apart without a color, too. */
export function shownLiveness(agent: Agent): { text: string; colour: Colour } {
  const { sign, colour } = signs[agent.liveness] ?? { sign: " ", colour: "yellow" };
  return { text: `${sign} ${agent.liveness}`, colour: isUnhealthy(agent) ? "red" : colour };
}

/** Whether it beats, and says that it is not well. */
export function isUnhealthy({ liveness, status }: Agent): boolean {
  return status === "unhealthy" && (liveness === "online" || liveness === "late");
}

export function isMuted({ muted_until }: Agent, now: number): boolean {
  return muted_until !== null && Date.parse(muted_until) > now;
}

/** How long ago a moment was, on the server's clock; null for what never was. */
export function ageOf(moment: string | null, now: number): string | null {
  const time = Date.parse(moment ?? "");
  return Number.isNaN(time) ? null : durationText((now - time) / 1000);
}

/** What is to be noted of an agent beside its liveness, the most urgent first. */
export function marksOf(agent: Agent, now: number): string[] {
  const { copies, refused_handshakes_count: refused, clock_offset_seconds: offset, rotation } = agent;
  const marks: string[] = [];
  const note = (is: boolean, mark: string): void => void (is && marks.push(mark));
  note(copies.length > 0, copies.length === 1 ? "1 copy" : `${copies.length} copies`);
  note(isUnhealthy(agent), `unhealthy${because(agent)}`);
  note(agent.status === "degraded" && agent.liveness === "online", `degraded${because(agent)}`);
  note(
    refused > 0,
    `refused ${refused}x, last ${ageOf(agent.last_refused_at, now) ?? "unknown time"} ago${why(agent)}`,
  );
  note(offset !== null && Math.abs(offset) > tolerableSeconds, clockMark(offset ?? 0));
  note(agent.secret_created_at === null && agent.liveness !== "revoked", "no secret");
  note(agent.last_secret === "previous", "uses its old secret");
  note(rotation === "unsupported", "cannot rotate");
  note(rotation === "requested", "asked to rotate");
  note(rotation === "under_way", "rotates");
  note(isMuted(agent, now), `muted for ${untilText(agent.muted_until, now)}`);
  return marks;
}

function because({ message }: Agent): string {
  return message === null || message === "" ? "" : `: ${message.replaceAll("\n", " ")}`;
}

function why({ last_refusal }: Agent): string {
  return last_refusal === null ? "" : ` (${last_refusal.replaceAll("_", " ")})`;
}

function clockMark(offset: number): string {
  return `clock ${durationText(Math.abs(offset))} ${offset > 0 ? "ahead" : "behind"}`;
}

function untilText(moment: string | null, now: number): string {
  return durationText((Date.parse(moment ?? "") - now) / 1000);
}
