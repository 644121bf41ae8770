import { each, entries, fields, number, oneOf, orNull, text } from "../database/readers.ts";
import { type IncidentKind, incidentKinds } from "../incident_kinds.ts";
import type { Json, Values } from "./template.ts";

export type MessageType =
  | "incident.opened"
  | "incident.reminder"
  | "incident.closed"
  /** Somebody tests the channel. */
  | "channel.test"
  /** The test is over: for what it opened at the receiver. */
  | "channel.tested";

/** What a message needs to know of an incident. Times are RFC 3339. */
export interface ToldIncident {
  id: string;
  kind: IncidentKind;
  opened_at: string;
  closed_at: string | null;
  agents_count: number;
  agents: readonly { id: string; name: string }[];
  labels: Readonly<Record<string, string>>;
  reason: string | null;
  changes_count: number;
}

/** The incident of a delivery, as the database keeps it. */
export const readIncident: (value: unknown) => ToldIncident = fields({
  id: text,
  kind: oneOf(...incidentKinds),
  opened_at: text,
  closed_at: orNull(text),
  agents_count: number,
  agents: each(fields({ id: text, name: text })),
  labels: entries(text),
  reason: orNull(text),
  changes_count: number,
});

const longestTitle = 250;
const usualText = 1200;
const states = {
  offline: { one: "is offline", many: "are offline" },
  stalled: { one: "is stalled", many: "are stalled" },
  unhealthy: { one: "is unhealthy", many: "are unhealthy" },
  copy: { one: "has a copy", many: "have copies" },
};

/** The words of a message about an incident, by which the templates name them. All but `incident` are plain. */
export function wordsOf(
  type: MessageType,
  { told, incident, at, longestText = usualText }: {
    told: ToldIncident;
    incident: Json;
    at: Date;
    longestText?: number | undefined;
  },
): Values {
  const closes = type === "incident.closed" || type === "channel.tested";
  const isTest = type === "channel.test";
  return {
    type,
    time: at.toISOString(),
    incident,
    incident_id: told.id,
    title: cut(titleOf(type, told), longestTitle),
    text: cut(textOf(told), longestText),
    severity: closes || isTest ? "info" : "critical",
    pagerduty_action: closes ? "resolve" : "trigger",
    apprise_type: closes ? "success" : isTest ? "info" : "failure",
    priority: closes || isTest ? 3 : 4,
    gotify_priority: closes || isTest ? 4 : 8,
  };
}

function titleOf(type: MessageType, told: ToldIncident): string {
  if (type === "channel.test" || type === "channel.tested") return "A test of this channel: all is well";
  const what = `${subjectOf(told)}${labelsOf(told)}`;
  if (type === "incident.opened") return what;
  if (type === "incident.reminder") return `Still so: ${what}`;
  return `Over after ${lengthOf(told)}: ${what}`;
}

function subjectOf({ kind, agents_count, agents }: ToldIncident): string {
  if (kind === "server") return "The server was away more than three times in an hour";
  const [first] = agents;
  if (agents_count === 1 && first !== undefined) return `${first.name} ${states[kind].one}`;
  return `${agents_count} agents ${states[kind].many}`;
}

function labelsOf({ agents_count, labels }: ToldIncident): string {
  const pairs = Object.entries(labels).map(([key, value]) => value === "" ? key : `${key}=${value}`);
  return agents_count > 1 && pairs.length > 0 ? ` (${pairs.join(", ")})` : "";
}

function textOf({ opened_at, reason, agents, agents_count, changes_count }: ToldIncident): string {
  const names = agents.map(({ name }) => name).join(", ");
  const more = agents_count > agents.length ? ` and ${agents_count - agents.length} more` : "";
  return [
    `Since ${opened_at.slice(0, 19).replace("T", " ")} UTC`,
    ...(reason === null || reason === "" ? [] : [reason]),
    ...(agents_count > 1 ? [`Agents: ${names}${more}`] : []),
    ...(changes_count > 0 ? [`It came back and went again ${times(changes_count)}`] : []),
  ].join("\n");
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function lengthOf({ opened_at, closed_at }: ToldIncident): string {
  const seconds = closed_at === null ? 0 : (Date.parse(closed_at) - Date.parse(opened_at)) / 1000;
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function cut(text: string, longest: number): string {
  const points = [...text];
  return points.length <= longest ? text : `${points.slice(0, longest - 1).join("")}…`;
}
