import { each, entries, fields, lines, number, orNull, type ReadBy, text } from "../readers.ts";
import type { Limits, Outcome } from "../transport.ts";
import { ask, type OperatorConnection, type Page, type PageQuery, pageQuery, question } from "./ask.ts";

const incidentFields = {
  id: text,
  kind: text,
  opened_at: text,
  closed_at: orNull(text),
  agents_count: number,
  agents: each(fields({ id: text, name: text })),
  labels: entries(text),
  reason: orNull(lines),
  changes_count: number,
  acknowledged_at: orNull(text),
  acknowledged_by: orNull(text),
  deliveries: each(fields({
    channel_name: text,
    type: text,
    state: text,
    attempts: number,
    last_answer: orNull(text),
    created_at: text,
    delivered_at: orNull(text),
  })),
};
const readIncident = fields(incidentFields);

/** What is wrong with agents of one owner at one time, or was. */
export type Incident = ReadBy<typeof incidentFields>;

const readIncidentsPage = fields({
  incidents: each(readIncident),
  next_cursor: orNull(text),
  server_time: text,
});

/** Open incidents, closed ones, or both; the last opened first. */
export function listIncidents(
  operator: OperatorConnection,
  { state, ...page }: PageQuery & { state?: "open" | "closed" | undefined },
  limits: Limits = {},
): Promise<Outcome<Page<"incidents", Incident>>> {
  const query = pageQuery(page);
  if (state !== undefined) query.set("state", state);
  return ask(operator, `incidents${question(query)}`, readIncidentsPage, limits);
}

export function getIncident(
  operator: OperatorConnection,
  id: string,
  limits: Limits = {},
): Promise<Outcome<Incident>> {
  return ask(operator, `incidents/${encodeURIComponent(id)}`, readIncident, limits);
}

export function acknowledgeIncident(operator: OperatorConnection, id: string): Promise<Outcome<Incident>> {
  const path = `incidents/${encodeURIComponent(id)}/acknowledge`;
  return ask(operator, path, readIncident, { method: "POST", body: "{}" });
}
