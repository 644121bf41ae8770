import { details, each, fields, number, orNull, type ReadBy, text } from "../readers.ts";
import type { Outcome } from "../transport.ts";
import { agentPath } from "./agents.ts";
import { ask, type OperatorConnection, type Page, type PageQuery, pageQuery, question } from "./ask.ts";

const eventFields = {
  id: idOrNumber,
  agent_id: orNull(text),
  agent_name: orNull(text),
  kind: text,
  at: text,
  actor: orNull(text),
  address: orNull(text),
  detail: orNull(details),
};

/** What was done, or seen, when and by whom. */
export type AgentEvent = ReadBy<typeof eventFields>;

const readEventsPage = fields({
  events: each(fields(eventFields)),
  next_cursor: orNull(text),
  server_time: text,
});

/** The events of one agent, or of all, the newest first. */
export function listEvents(
  operator: OperatorConnection,
  { agentId, kind, ...page }: PageQuery & { agentId?: string | undefined; kind?: string | undefined },
): Promise<Outcome<Page<"events", AgentEvent>>> {
  const query = pageQuery(page);
  if (kind !== undefined) query.set("kind", kind);
  const path = agentId === undefined ? "events" : `${agentPath(agentId)}/events`;
  return ask(operator, `${path}${question(query)}`, readEventsPage, {});
}

/** The database counts events. */
function idOrNumber(value: unknown): string {
  return typeof value === "number" ? String(number(value)) : text(value);
}
