import type { Incident } from "../../api/operator/incidents.ts";
import { durationText } from "../../terminal/duration.ts";
import { printable } from "../../terminal/printable.ts";
import type { Column } from "../../terminal/table.ts";

/** The columns of a list of incidents. @param now the server's clock, in milliseconds */
export function incidentColumns(now: number): Column<Incident>[] {
  return [
    { title: "ID", text: ({ id }) => id.slice(0, 8) },
    { title: "KIND", text: ({ kind }) => kind, colour: ({ closed_at }) => closed_at === null ? "red" : null },
    { title: "AGENTS", text: agentsOf, least: 8 },
    { title: "OPENED", text: ({ opened_at }) => shortTime(opened_at), dropped: 2 },
    { title: "LASTED", text: (incident) => durationText(secondsOf(incident, now)) },
    { title: "STATE", text: stateOf },
    { title: "TOLD", text: toldOf, colour: (incident) => hasFailed(incident) ? "red" : null, dropped: 1 },
    { title: "COMMON", text: commonOf, least: 6, dropped: 3 },
  ];
}

function agentsOf({ kind, agents_count, agents }: Incident): string {
  if (kind === "server") return "";
  const [first] = agents;
  return agents_count === 1 && first !== undefined ? first.name : `${agents_count} agents`;
}

function secondsOf({ opened_at, closed_at }: Incident, now: number): number {
  const end = closed_at === null ? now : Date.parse(closed_at);
  return Math.max(0, Math.round((end - Date.parse(opened_at)) / 1000));
}

function stateOf({ closed_at, acknowledged_at }: Incident): string {
  if (closed_at !== null) return "closed";
  return acknowledged_at === null ? "open" : "acknowledged";
}

/** How many of the messages about it arrived. */
function toldOf({ deliveries }: Incident): string {
  if (deliveries.length === 0) return "nobody";
  const delivered = deliveries.filter(({ state }) => state === "delivered").length;
  return hasFailed({ deliveries })
    ? `${delivered} of ${deliveries.length}, failed`
    : `${delivered} of ${deliveries.length}`;
}

function hasFailed({ deliveries }: Pick<Incident, "deliveries">): boolean {
  return deliveries.some(({ state }) => state === "failed");
}

function commonOf({ labels, reason }: Incident): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}:${value}`);
  return [...pairs, ...(reason === null ? [] : [reason.replaceAll("\n", " ")])].join(", ");
}

/** What there is to say of one incident, a line a fact, but for who was told. */
export function incidentLines(incident: Incident): string[] {
  const { agents, agents_count, changes_count, acknowledged_by, reason } = incident;
  const more = agents_count > agents.length ? ` and ${agents_count - agents.length} more` : "";
  const facts: [string, string | null][] = [
    ["id", incident.id],
    ["kind", incident.kind],
    ["state", stateOf(incident)],
    ["opened", incident.opened_at],
    ["closed", incident.closed_at],
    ["agents", agents.length === 0 ? null : `${agents.map(({ name }) => name).join(", ")}${more}`],
    ["common", commonOf({ ...incident, reason: null }) || null],
    ["reason", reason],
    ["returned", changes_count === 0 ? null : `${changes_count} times`],
    ["known to", acknowledged_by],
  ];
  return facts.flatMap(([title, text]) => text === null ? [] : [`${title.padEnd(8)}  ${printable(text)}`]);
}

/** The columns of the messages about an incident. */
export const deliveryColumns: Column<Incident["deliveries"][number]>[] = [
  { title: "CHANNEL", text: ({ channel_name }) => channel_name, least: 8 },
  { title: "MESSAGE", text: ({ type }) => type },
  { title: "STATE", text: ({ state }) => state, colour: ({ state }) => state === "failed" ? "red" : null },
  { title: "TRIES", text: ({ attempts }) => String(attempts) },
  { title: "AT", text: ({ delivered_at, created_at }) => shortTime(delivered_at ?? created_at), dropped: 1 },
  { title: "ANSWER", text: ({ last_answer }) => last_answer ?? "", least: 8 },
];

function shortTime(time: string): string {
  return time.replace(/\.\d+/, "");
}
