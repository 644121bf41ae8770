import type { Backend } from "../_shared/backend.ts";
import type { HistoryQuery } from "../_shared/database/port.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { badField, parseChoice, parseTime, parseUuid } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "now"> & Exchange;

const steps = ["60", "900", "3600", "86400"];
const mostBuckets = 1500;
const dayMs = 24 * 60 * 60 * 1000;
/** No time is before it: Postgres has no year 0. */
const firstYear = Date.parse("0001-01-01T00:00:00Z");

/** What an agent's beats were, in steps of time, and its gaps with their reasons. */
export async function showHistory(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const agentId = parseUuid(deps.params.id, "id");
  const query = parseHistoryQuery(request, deps.now());
  const history = await deps.database.history.read(agentId, scopeOf(reader), query);
  if (history === null) {
    throw new ContractError("not_found", "Cannot find the agent: no agent with this id is visible to you");
  }
  return jsonReply(history);
}

function parseHistoryQuery({ query }: Incoming, now: Date): HistoryQuery {
  const to = parseOptionalTime(query, "to") ?? now;
  const from = parseOptionalTime(query, "from") ?? new Date(Math.max(to.getTime() - dayMs, firstYear));
  if (from >= to) throw badField("from", 'is not before "to"');
  const stepSeconds = Number(parseChoice(query.get("step") ?? "900", "step", steps));
  const stepMs = stepSeconds * 1000;
  const buckets = Math.ceil(to.getTime() / stepMs) - Math.floor(from.getTime() / stepMs);
  if (buckets > mostBuckets) {
    throw badField(
      "step",
      `makes ${buckets} buckets of this time, expected at most ${mostBuckets}: take a longer step, or a later "from"`,
    );
  }
  return { from, to, stepSeconds };
}

function parseOptionalTime(query: URLSearchParams, name: string): Date | null {
  const text = query.get(name);
  return text === null ? null : parseTime(text, name);
}
