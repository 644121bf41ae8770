import { stripVTControlCharacters } from "node:util";
import type { Agent } from "../../../api/operator/agents.ts";
import { reasonOf } from "../../../fleet/reason.ts";
import { totalOf } from "../../../fleet/sentence.ts";
import { ageOf, shownLiveness } from "../../../fleet/state.ts";
import { asCalled } from "../../../terminal/called.ts";
import { paint } from "../../../terminal/output.ts";
import { type Column, cut, layOut, padEnd, rowOf, titleOf } from "../../../terminal/table.ts";
import { fleetColumns, momentText } from "../_fleet_table.ts";
import { incidentColumns } from "../_incident_table.ts";
import { mapLines, naturalMapRows } from "./_map.ts";
import { isTurning, type Look, type Part, parts, type State, usualSort } from "./_state.ts";

interface Room {
  columns: number;
  rows: number;
}

/** The parts, from the top, in the room that they share. */
export function partLines(state: State, { columns, rows }: Room): string[] {
  const { look, focus } = state;
  if (look === null) return [];
  const wanted = new Map(parts.map((part) => [part, naturalRows(look, part, columns)]));
  const shares = share(rows, { wanted, focus });
  return parts.flatMap((part) => {
    const height = shares.get(part) ?? 0;
    if (height === 0) return [];
    const body = bodyOf(state, { look, part, columns, rows: height - 1 });
    const isFocused = part === focus;
    const title = cut(titleFor(state, look, part), columns);
    const shown = isTurning(state)
      ? body.map((line) => paint("grey", stripVTControlCharacters(line), "stdout"))
      : body;
    return [
      paint(isFocused ? "inverse" : "bold", isFocused ? padEnd(title, columns) : title, "stdout"),
      ...shown,
    ];
  });
}

/** How many rows a part would take with its title; none where it has nothing to say. */
function naturalRows(look: Look, part: Part, columns: number): number {
  if (part === "map") return 1 + Math.max(1, naturalMapRows(look.map, columns));
  const count = look[part].rows.length;
  if (part === "list") return 2 + Math.max(1, count);
  return count === 0 ? 0 : 1 + count;
}

/**
 * The part that has the focus takes what it can use, the others at least a few rows each; where that is too little for
 * all, it has the screen to itself.
 */
export function share(
  rows: number,
  { wanted, focus }: { wanted: ReadonlyMap<Part, number>; focus: Part },
): Map<Part, number> {
  const few = Math.max(3, Math.floor(rows / 5));
  const shares = new Map([...wanted].map(([part, count]) => [part, Math.min(count, few)]));
  if (shares.get(focus) === 0) shares.set(focus, 2);
  const least = [...shares.values()].reduce((sum, count) => sum + count, 0);
  if (least > rows) return new Map([[focus, rows]]);
  let left = rows - least;
  for (const part of [focus, ...parts]) {
    const has = shares.get(part) ?? 0;
    const more = Math.max(0, Math.min(left, (wanted.get(part) ?? 0) - has));
    shares.set(part, has + more);
    left -= more;
  }
  return shares;
}

function titleFor({ query, group, places }: State, look: Look, part: Part): string {
  const number = parts.indexOf(part) + 1;
  const pages = places[part].cursors.length;
  const where = pages === 0 ? "" : `, page ${pages + 1}`;
  const more = part !== "map" && look[part].next !== null ? ", more below" : "";
  switch (part) {
    case "trouble":
      return `${number} TROUBLE, the worst first${where}${more}`;
    case "map":
      return `${number} MAP${group === null ? "" : ` by ${group}`}`;
    case "list":
      return `${number} AGENTS by ${query.sort ?? usualSort}${where}${more}`;
    case "incidents":
      return `${number} INCIDENTS that are open${where}${more}`;
  }
}

interface Body extends Room {
  look: Look;
  part: Part;
}

function bodyOf(state: State, { look, part, columns, rows }: Body): string[] {
  if (rows <= 0) return [];
  const { index } = state.places[part];
  const isFocused = state.focus === part;
  if (part === "map") {
    return mapLines(look.map, {
      columns,
      rows,
      index: isFocused ? index : null,
      hasGroups: state.group !== null,
    });
  }
  const table = { columns, rows, index, isFocused };
  if (part === "incidents") {
    return look.incidents.rows.length === 0
      ? ["  none"]
      : tableLines(look.incidents.rows, incidentColumns(look.serverTime).slice(1), table);
  }
  if (part === "trouble") {
    return look.trouble.rows.length === 0
      ? ["  none"]
      : tableLines(look.trouble.rows, troubleColumns(look.serverTime), table);
  }
  if (look.list.rows.length === 0) return [cut(`  ${noAgents(state, look)}`, columns)];
  const layout = { ...table, hasTitle: rows > 2 };
  return tableLines(look.list.rows, fleetColumns(look.serverTime), layout);
}

function noAgents({ query }: State, look: Look): string {
  const isFiltered = query.q !== undefined || query.label !== undefined || query.liveness !== undefined;
  return isFiltered || totalOf(look) > 0
    ? "no agent fits"
    : asCalled("make the first one with: openclaw agents create <name>");
}

interface Table extends Room {
  index: number;
  isFocused: boolean;
  hasTitle?: boolean;
}

/** The rows around the one that is chosen, which has a mark where its part has the focus. */
function tableLines<Row>(
  all: readonly Row[],
  shown: readonly Column<Row>[],
  { columns, rows, index, isFocused, hasTitle = false }: Table,
): string[] {
  const width = Math.max(1, columns - 2);
  const layout = layOut(all, shown, width);
  const count = Math.max(1, hasTitle ? rows - 1 : rows);
  const from = Math.floor(Math.max(0, index) / count) * count;
  const lines = all.slice(from, from + count).map((row, at) => {
    const line = rowOf(row, layout);
    if (!isFocused || from + at !== index) return `  ${line}`;
    return paint("inverse", `> ${stripVTControlCharacters(line)}`, "stdout");
  });
  return hasTitle ? [`  ${titleOf(layout)}`, ...lines] : lines;
}

/** @param now the server's clock, in milliseconds */
function troubleColumns(now: number): Column<Agent>[] {
  return [
    {
      title: "liveness",
      text: (agent) => shownLiveness(agent).text,
      colour: (agent) => shownLiveness(agent).colour,
    },
    { title: "name", text: ({ name }) => name, least: 12 },
    { title: "reason", text: (agent) => reasonOf(agent, now) ?? "", least: 14 },
    { title: "since", text: ({ liveness_since }) => `since ${momentText(liveness_since, now)}`, dropped: 1 },
    {
      title: "seen",
      text: ({ last_seen_at }) =>
        `seen ${ageOf(last_seen_at, now) ?? "never"}${last_seen_at === null ? "" : " ago"}`,
      dropped: 2,
    },
    {
      title: "muted",
      text: (agent) => agent.muted_until !== null && Date.parse(agent.muted_until) > now ? "muted" : "",
    },
  ];
}
