import {
  type Agent,
  type AgentRows,
  type AgentsMap,
  type AgentsPage,
  getAgent,
  listAgentRows,
  listAgents,
  mapAgents,
} from "../../../api/operator/agents.ts";
import { getIncident, listIncidents } from "../../../api/operator/incidents.ts";
import type { Limits, Outcome } from "../../../api/transport.ts";
import { reasonOf } from "../../../fleet/reason.ts";
import type { Operator } from "../../../operator/operator.ts";
import { timeOf } from "../_fleet_pages.ts";
import { unwrap } from "../_outcome.ts";
import { type Look, type Moment, type Rows, type Target, type Wanted, wantedKey } from "./_state.ts";

interface Asked {
  /** As many as a page has. */
  rows: number;
  at: Moment;
  limits: Limits;
}

/** What a look came to; where it failed, why, and how long the server asks to wait. */
export type Looked = { look: Look } | { failure: string; retryAfter: number };

/**
 * Looks at the fleet once: the first rows of each part, never all agents. Those in trouble are asked for only when there
 * are any, by the counts that come with the list, and nothing is counted for them again.
 *
 * @throws {CliError} for a credential that is refused
 */
export async function lookAt(
  operator: Operator,
  wanted: Wanted,
  { rows, at, limits }: Asked,
): Promise<Looked> {
  const { query, group, cursors, opened } = wanted;
  const { sort, ...filter } = {
    liveness: query.liveness,
    labels: query.label,
    search: query.q,
    sort: query.sort,
  };
  const page = (cursor: string | null): { limit: number; cursor?: string } => ({
    limit: rows,
    ...(cursor === null ? {} : { cursor }),
  });
  const [list, map, incidents, target] = await Promise.all([
    listAgents(operator, { ...filter, sort, ...page(cursors.list) }, limits),
    mapAgents(operator, { ...filter, ...(group === null ? {} : { group }) }, limits),
    listIncidents(operator, { state: "open", ...page(cursors.incidents) }, limits),
    openedOf(operator, opened, limits),
  ]);
  const failed = failureOf([list, incidents], operator) ?? outageOf(map) ?? outageOf(target);
  if (failed !== null) return failed;
  const { counts, troubles, agents, next_cursor, ...rest } = unwrap(list, operator);
  const trouble = hasTrouble({ counts, troubles })
    ? await listAgentRows(operator, { ...filter, sort: "trouble", ...page(cursors.trouble) }, limits)
    : null;
  const late = trouble === null ? null : failureOf([trouble], operator);
  if (late !== null) return late;
  const serverTime = timeOf(rest);
  const { incidents: open, next_cursor: nextIncidents } = unwrap(incidents, operator);
  return {
    look: {
      at,
      serverTime,
      key: wantedKey(wanted),
      counts,
      troubles,
      trouble: trouble === null
        ? { rows: [], next: null }
        : troubledOf(unwrap(trouble, operator), serverTime),
      list: { rows: agents, next: next_cursor },
      map: map.kind === "ok" && isSound(map.value) ? map.value : null,
      incidents: { rows: open, next: nextIncidents },
      opened: target?.kind === "ok" ? target.value : null,
    },
  };
}

function hasTrouble({ counts, troubles }: Pick<AgentsPage, "counts" | "troubles">): boolean {
  const { offline = 0, stalled = 0, late = 0 } = counts;
  return offline + stalled + late + troubles.unhealthy + troubles.copies > 0;
}

/** The worst come first: with the first one that is well they end. */
function troubledOf({ agents, next_cursor }: AgentRows, now: number): Rows<Agent> {
  const end = agents.findIndex((agent) => reasonOf(agent, now) === null);
  return end < 0 ? { rows: agents, next: next_cursor } : { rows: agents.slice(0, end), next: null };
}

/** Whether the groups of the map have no more agents than it has. */
function isSound({ cells, groups }: AgentsMap): boolean {
  return cells.length >= groups.reduce((sum, { count }) => sum + count, 0);
}

async function openedOf(
  operator: Operator,
  opened: Wanted["opened"],
  limits: Limits,
): Promise<Outcome<Target> | null> {
  if (opened === null) return null;
  if (opened.kind === "agent") {
    const outcome = await getAgent(operator, opened.id, limits);
    return outcome.kind === "ok" ? { ...outcome, value: { kind: "agent", agent: outcome.value } } : outcome;
  }
  const outcome = await getIncident(operator, opened.id, limits);
  return outcome.kind === "ok"
    ? { ...outcome, value: { kind: "incident", incident: outcome.value } }
    : outcome;
}

type Failed = Extract<Looked, { failure: string }>;

/** A query that the server refuses can be mended here; what else it refuses ends the program. */
function failureOf(outcomes: readonly Outcome<unknown>[], operator: Operator): Failed | null {
  for (const outcome of outcomes) {
    const failed = outageOf(outcome);
    if (failed !== null) return failed;
    if (outcome.kind === "refused" && outcome.code === "invalid_request") {
      return { failure: outcome.description, retryAfter: 0 };
    }
    unwrap(outcome, operator);
  }
  return null;
}

function outageOf(outcome: Outcome<unknown> | null): Failed | null {
  return outcome?.kind === "outage" ? { failure: outcome.reason, retryAfter: outcome.retryAfter } : null;
}
