import type { AgentsMap } from "../../../api/operator/agents.ts";
import { grouped } from "../../../fleet/sentence.ts";
import { type Colour, paint } from "../../../terminal/output.ts";
import { cut, widthOf } from "../../../terminal/table.ts";
import { type Group, groupsOf } from "./_state.ts";

/** A character for each word of the map. An agent that is well is a dot, so that the others are seen. */
const cells: Record<string, { sign: string; colour: Colour }> = {
  offline: { sign: "✗", colour: "red" },
  stalled: { sign: "!", colour: "red" },
  unhealthy: { sign: "*", colour: "red" },
  copy: { sign: "@", colour: "red" },
  late: { sign: "~", colour: "yellow" },
  degraded: { sign: "^", colour: "yellow" },
  pending: { sign: "?", colour: "grey" },
  online: { sign: "·", colour: "green" },
  stopped: { sign: "-", colour: "grey" },
  revoked: { sign: "/", colour: "grey" },
};
const unknown = { sign: "?", colour: "yellow" } as const;
const indent = 2;

interface Room {
  columns: number;
  rows: number;
  /** The group that is chosen; null: none is. */
  index: number | null;
  /** The groups are of a label. */
  hasGroups: boolean;
}

/** How many rows the whole map takes, with what its signs mean. */
export function naturalMapRows(map: AgentsMap | null, columns: number): number {
  const groups = groupsOf(map);
  const width = cellsWidth(groups, columns);
  return groups.reduce((sum, { words }) => sum + rowsOf(words.length, width), 1);
}

/**
 * Each group with its name, its count and a character an agent, the worst first. Where they do not all fit, each group
 * has a row, and what is left over goes to the first ones; a row that was cut ends with "…".
 */
export function mapLines(map: AgentsMap | null, { columns, rows, index, hasGroups }: Room): string[] {
  if (map === null) return [cut("  this server has no map: upgrade it", columns)];
  const groups = groupsOf(map);
  if (groups.length === 0) return ["  no agent fits"];
  const hasLegend = rows > 1;
  const room = hasLegend ? rows - 1 : rows;
  const from = Math.floor((index ?? 0) / room) * room;
  const shown = groups.slice(from, from + room);
  const width = cellsWidth(groups, columns);
  let spare = room - shown.length;
  const lines = shown.flatMap((group, at) => {
    const wanted = rowsOf(group.words.length, width);
    const more = Math.min(spare, wanted - 1);
    spare -= more;
    return groupLines(group, { width, rows: 1 + more, columns, hasGroups, isChosen: from + at === index });
  });
  return hasLegend ? [...lines, legendOf(groups, { hidden: groups.length - shown.length, columns })] : lines;
}

/** What the signs stand for, and how many groups are not on the screen. */
function legendOf(
  groups: readonly Group[],
  { hidden, columns }: { hidden: number; columns: number },
): string {
  const present = new Set(groups.flatMap(({ words }) => words));
  const known = Object.entries(cells).filter(([word]) => present.has(word));
  const signs = known.map(([word, { sign }]) => `${sign} ${word}`);
  const more = hidden === 0 ? [] : [`and ${grouped(hidden)} more ${hidden === 1 ? "group" : "groups"}`];
  return paint("grey", cut(`  ${[...signs, ...more].join("  ")}`, columns), "stdout");
}

interface GroupRoom {
  width: number;
  rows: number;
  columns: number;
  hasGroups: boolean;
  isChosen: boolean;
}

function groupLines({ name, words }: Group, room: GroupRoom): string[] {
  const { width, rows, columns, hasGroups, isChosen } = room;
  const head = columns - width;
  const called = name ?? (hasGroups ? "(none)" : "all");
  const count = grouped(words.length);
  const title = cut(called, Math.max(1, head - indent - count.length - 2));
  const gap = " ".repeat(Math.max(1, head - indent - widthOf(title) - count.length - 1));
  const label = cut(`${isChosen ? "> " : "  "}${title}${gap}${count} `, head);
  return Array.from({ length: rows }, (_, row) => {
    const part = words.slice(row * width, (row + 1) * width);
    const isCut = row === rows - 1 && words.length > rows * width;
    const drawn = drawCells(isCut ? part.slice(0, -1) : part) + (isCut ? "…" : "");
    if (row > 0) return " ".repeat(head) + drawn;
    return (isChosen ? paint("inverse", label, "stdout") : label) + drawn;
  });
}

/** The characters of agents of one word are painted together. */
function drawCells(words: readonly string[]): string {
  let drawn = "";
  for (let from = 0; from < words.length;) {
    const word = words[from] ?? "";
    let to = from;
    while (to < words.length && words[to] === word) to += 1;
    const { sign, colour } = cells[word] ?? unknown;
    drawn += paint(colour, sign.repeat(to - from), "stdout");
    from = to;
  }
  return drawn;
}

/** What the names and counts leave for the cells. */
function cellsWidth(groups: readonly Group[], columns: number): number {
  const widest = groups.reduce(
    (most, { name, words }) => Math.max(most, widthOf(name ?? "(none)") + grouped(words.length).length),
    0,
  );
  return Math.max(1, columns - indent - Math.min(widest + 2, Math.floor(columns / 3)));
}

function rowsOf(count: number, width: number): number {
  return Math.max(1, Math.ceil(count / width));
}
