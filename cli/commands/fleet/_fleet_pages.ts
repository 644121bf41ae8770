import { type Agent, type AgentsPage, type AgentsQuery, listAgents } from "../../api/operator/agents.ts";
import type { Operator } from "../../operator/operator.ts";
import { everyPage } from "./_pages.ts";

/** As many rows as the service sends at once. */
export const mostRows = 200;

/** What a whole list is. */
export type WholeFleet = Pick<AgentsPage, "agents" | "counts" | "troubles" | "server_time">;

/** All agents that fit; one that changed its place between two pages is there once. */
export async function everyAgent(
  operator: Operator,
  query: AgentsQuery,
): Promise<WholeFleet> {
  const seen = new Set<string>();
  const agents: Agent[] = [];
  let first: AgentsPage | null = null;
  for await (const one of pagesOf(operator, query)) {
    first ??= one;
    agents.push(...unseen(one.agents, seen));
  }
  return {
    counts: first?.counts ?? {},
    troubles: first?.troubles ?? { unhealthy: 0, copies: 0 },
    agents,
    server_time: first?.server_time ?? new Date().toISOString(),
  };
}

/** The pages of the fleet, each fetched when it is asked for. */
export function pagesOf(operator: Operator, query: AgentsQuery): AsyncGenerator<AgentsPage> {
  return everyPage(operator, (cursor) => listAgents(operator, { ...query, limit: mostRows, cursor }));
}

/** Those that were on no page before. */
export function unseen(agents: readonly Agent[], seen: Set<string>): Agent[] {
  return agents.filter(({ id }) => !seen.has(id) && seen.add(id));
}

/** The server's clock in milliseconds, from which ages are reckoned. */
export function timeOf({ server_time }: Pick<AgentsPage, "server_time">): number {
  const time = Date.parse(server_time);
  return Number.isNaN(time) ? Date.now() : time;
}
