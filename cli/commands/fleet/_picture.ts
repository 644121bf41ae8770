import type { Agent, AgentsQuery } from "../../api/operator/agents.ts";
import type { Operator } from "../../operator/operator.ts";
import { asCalled } from "../../terminal/called.ts";
import { printable } from "../../terminal/printable.ts";
import type { Size } from "../../terminal/screen.ts";
import { formatTable, layOut, rowOf, titleOf, wrap } from "../../terminal/table.ts";
import { pagesOf, timeOf, unseen } from "./_fleet_pages.ts";
import { fleetColumns } from "./_fleet_table.ts";
import { type Known, summarize } from "./_summary.ts";

/** Whether a query leaves agents out of its counts, too. */
export function isFiltered({ labels = [], search }: AgentsQuery): boolean {
  return labels.length > 0 || search !== undefined;
}

/** The sentence and the table. */
export function picture(known: Known, columns: number | null): string[] {
  const head = headOf(known, columns);
  return known.agents.length === 0
    ? head
    : [...head, ...formatTable(known.agents, fleetColumns(known.now), columns)];
}

/** The sentence, and an empty line before a table. */
function headOf(known: Known, columns: number | null): string[] {
  const sentence = asCalled(printable(summarize(known)));
  const lines = columns === null ? [sentence] : wrap(sentence, columns);
  const isEmpty = Object.values(known.counts).every((count) => count === 0);
  return isEmpty ? lines : [...lines, ""];
}

/** The fleet in lines, fetched page by page as they are taken. */
export async function* linesOf(
  operator: Operator,
  query: AgentsQuery,
  { columns }: Size,
): AsyncGenerator<string> {
  const seen = new Set<string>();
  let shown: ((agent: Agent) => string) | null = null;
  for await (const one of pagesOf(operator, query)) {
    const fresh = unseen(one.agents, seen);
    if (shown === null) {
      const known: Known = { ...one, agents: fresh, isFiltered: isFiltered(query), now: timeOf(one) };
      yield* headOf(known, columns);
      if (fresh.length === 0) return;
      const layout = layOut(fresh, fleetColumns(known.now), columns);
      yield titleOf(layout);
      shown = (agent) => rowOf(agent, layout);
    }
    for (const agent of fresh) yield shown(agent);
  }
}
