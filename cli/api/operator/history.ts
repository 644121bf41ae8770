import { details, each, entries, fields, number, optional, orNull, type ReadBy, text } from "../readers.ts";
import type { Outcome } from "../transport.ts";
import { agentPath } from "./agents.ts";
import { ask, type OperatorConnection, question } from "./ask.ts";

const historyFields = {
  buckets: each(fields({
    at: text,
    beats: number,
    expected: number,
    worst_status: orNull(text),
    metrics: optional(entries(each(number)), {}),
  })),
  gaps: each(fields({ from: text, to: text, reason: text, detail: orNull(details) })),
};

/** What an agent's beats were, in steps of time, and its gaps with their reasons. */
export type History = ReadBy<typeof historyFields>;

export function getHistory(
  operator: OperatorConnection,
  id: string,
  { from, to, stepSeconds }: { from: Date; to: Date; stepSeconds: number },
): Promise<Outcome<History>> {
  const query = new URLSearchParams({
    from: from.toISOString(),
    to: to.toISOString(),
    step: String(stepSeconds),
  });
  return ask(operator, `${agentPath(id)}/history${question(query)}`, fields(historyFields), {});
}
