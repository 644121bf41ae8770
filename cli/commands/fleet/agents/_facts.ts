import type { Agent } from "../../../api/operator/agents.ts";
import { formatDuration } from "../../../host/duration.ts";
import { printable } from "../../../terminal/printable.ts";

/** What there is to say, a line a fact; what the agent never told is left out. */
export function factLines(agent: Agent): string[] {
  const facts = factsOf(agent).filter((fact): fact is [string, string] => fact[1] !== null);
  const width = Math.max(...facts.map(([title]) => title.length));
  return facts.map(([title, text]) => `${title.padEnd(width)}  ${printable(text)}`);
}

function factsOf(agent: Agent): [title: string, text: string | null][] {
  return [
    ["name", agent.name],
    ["id", agent.id],
    ["owner", agent.owner_id],
    ["labels", listOf(Object.entries(agent.labels).map(([key, value]) => `${key}:${value}`))],
    ["liveness", `${agent.liveness}${agent.liveness_since === null ? "" : ` since ${agent.liveness_since}`}`],
    ["last seen", agent.last_seen_at],
    ["status", agent.status],
    ["message", agent.message?.replaceAll("\n", " ") ?? null],
    ["back at", agent.back_at],
    ["work", workOf(agent)],
    ["interval", formatDuration(agent.heartbeat_interval_seconds)],
    ["metrics", listOf(Object.entries(agent.metrics).map(([key, value]) => `${key} ${value}`))],
    ["host", listOf([agent.hostname, agent.os, agent.arch].filter((part) => part !== null))],
    ["version", agent.version],
    [
      "clock",
      agent.clock_offset_seconds === null ? null : `${agent.clock_offset_seconds} s from the server's`,
    ],
    ["last handshake", agent.last_handshake_at],
    ["secret", secretOf(agent)],
    ["rotation", agent.rotation],
    ["refusals", refusalsOf(agent)],
    ["muted until", agent.muted_until],
    ["created", agent.created_at],
    ["revoked", agent.revoked_at],
    ...agent.copies.map(({ instance_id, hostname, address, last_seen_at }): [string, string] => [
      "copy",
      `${instance_id} on ${hostname ?? "an unnamed host"}, at ${address ?? "an unknown address"}, ` +
      `last seen ${last_seen_at ?? "never"}`,
    ]),
  ];
}

function workOf({ busy, last_progress_at, progress_deadline_seconds: deadline }: Agent): string | null {
  if (busy === null && deadline === null) return null;
  const state = busy === null ? "not told" : busy ? "busy" : "idle";
  const progress = last_progress_at === null ? "" : `, progress ${last_progress_at}`;
  return `${state}${progress}${deadline === null ? "" : `, deadline ${formatDuration(deadline)}`}`;
}

function secretOf({ secret_created_at, previous_secret_expires_at, last_secret }: Agent): string {
  if (secret_created_at === null) return "none: it cannot shake hands";
  const previous = previous_secret_expires_at === null
    ? ""
    : `, the one before until ${previous_secret_expires_at}`;
  return `since ${secret_created_at}${previous}${
    last_secret === null ? "" : `, last used: the ${last_secret} one`
  }`;
}

function refusalsOf(
  { refused_handshakes_count: count, last_refused_at, last_refusal }: Agent,
): string | null {
  return count === 0 ? null : `${count}, last ${last_refused_at ?? "unknown"}: ${last_refusal ?? "unknown"}`;
}

function listOf(parts: readonly string[]): string | null {
  return parts.length === 0 ? null : parts.join(", ");
}
