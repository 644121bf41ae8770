import type { Agent } from "../../api/operator/agents.ts";
import type { Column } from "../../terminal/table.ts";
import { ageOf, marksOf, shownLiveness } from "../../fleet/state.ts";

const dayMs = 86_400_000;

/** The fleet's columns. @param now the server's clock, in milliseconds */
export function fleetColumns(now: number): Column<Agent>[] {
  return [
    {
      title: "liveness",
      text: (agent) => shownLiveness(agent).text,
      colour: (agent) => shownLiveness(agent).colour,
    },
    { title: "name", text: ({ name }) => name, least: 14 },
    { title: "since", text: ({ liveness_since }) => momentText(liveness_since, now), dropped: 1 },
    { title: "silent", text: ({ last_seen_at }) => ageOf(last_seen_at, now) ?? "never beat" },
    { title: "host", text: ({ hostname }) => hostname ?? "", least: 10 },
    { title: "version", text: ({ version }) => version ?? "", least: 7, dropped: 2 },
    {
      title: "notes",
      text: (agent) => marksOf(agent, now).join(", "),
      colour: ({ copies }) => copies.length > 0 ? "red" : null,
      least: 12,
    },
  ];
}

/** A moment of the last day by its time, an older one by its date; both of this host's time zone. */
export function momentText(moment: string | null, now: number): string {
  const time = new Date(moment ?? "");
  if (Number.isNaN(time.getTime())) return "";
  const two = (number: number): string => String(number).padStart(2, "0");
  if (now - time.getTime() < dayMs) return `${two(time.getHours())}:${two(time.getMinutes())}`;
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}
