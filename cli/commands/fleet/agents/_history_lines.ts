import type { Agent } from "../../../api/operator/agents.ts";
import type { History } from "../../../api/operator/history.ts";
import { durationText } from "../../../terminal/duration.ts";
import { printable } from "../../../terminal/printable.ts";
import { type Column, formatTable, wrap } from "../../../terminal/table.ts";

type Bucket = History["buckets"][number];
type Gap = History["gaps"][number];
type Shown = Pick<Agent, "name" | "liveness" | "last_seen_at">;

/** What was asked for, and what came. */
export interface Told extends History {
  to: Date;
  stepSeconds: number;
}

const usualColumns = 80;
const labelLength = "11-23 12:00  ".length;
/** How many buckets are a line: an hour of minutes, a day of quarters or hours, four weeks of days. */
const bucketsInLine: Record<number, number> = { 60: 60, 900: 96, 3600: 24, 86_400: 28 };

/** Its worst bucket tells what a block is: the first of these that fits one of them. */
const blocks: readonly { sign: string; meaning: string; fits: (bucket: Bucket) => boolean }[] = [
  { sign: "_", meaning: "no beat", fits: ({ beats, expected }) => beats === 0 && expected >= 1 },
  { sign: "░", meaning: "unhealthy", fits: ({ worst_status }) => worst_status === "unhealthy" },
  { sign: "▒", meaning: "degraded", fits: ({ worst_status }) => worst_status === "degraded" },
  { sign: "▄", meaning: "fewer beats", fits: ({ beats, expected }) => beats > 0 && beats < 0.75 * expected },
  { sign: "█", meaning: "healthy", fits: ({ beats }) => beats > 0 },
  { sign: "·", meaning: "none expected", fits: () => true },
];

/** An agent's history as lines of text for a terminal of this many columns; null: for a pipe. */
export function historyLines(agent: Shown, told: Told, columns: number | null): string[] {
  const width = columns ?? usualColumns;
  const rows = rowsOf(told, width);
  const silence = silenceOf(agent, told.to);
  const gaps = [...told.gaps.map(gapOf), ...silence];
  const used = blocks.filter(({ sign }) => rows.some((row) => row.slice(labelLength).includes(sign)));
  const legend = used.map(({ sign, meaning }) => `${sign} ${meaning}`).join("  ");
  return [
    ...wrap(`${printable(agent.name)}, times in UTC`, width),
    "",
    ...rows,
    "",
    ...wrap(legend, width),
    "",
    ...gaps.length === 0
      ? [told.buckets.some(({ beats }) => beats > 0) ? "no gaps" : "no beats"]
      : gaps.flatMap((gap) => wrap(gap, width)),
    ...metricLines(told.buckets, columns),
  ];
}

function rowsOf({ buckets, stepSeconds }: Told, width: number): string[] {
  const inLine = bucketsInLine[stepSeconds] ?? buckets.length;
  const merged = Math.max(1, Math.ceil(inLine / Math.max(1, width - labelLength)));
  const rows: string[] = [];
  for (let first = 0; first < buckets.length; first += inLine) {
    const part = buckets.slice(first, first + inLine);
    const signs = part.filter((_, place) => place % merged === 0)
      .map((_, place) => blockOf(part.slice(place * merged, (place + 1) * merged)));
    rows.push(`${timeOf(part[0]?.at ?? "")}  ${signs.join("")}`);
  }
  return rows;
}

function blockOf(buckets: readonly Bucket[]): string {
  return blocks.find(({ fits }) => buckets.some(fits))?.sign ?? " ";
}

function gapOf(gap: Gap): string {
  return `${timeOf(gap.from)} to ${untilOf(gap)} (${lengthOf(gap.from, gap.to)}): ${reasonOf(gap)}`;
}

/** The silence that has not ended is no gap yet, and nobody knows why it is. */
function silenceOf({ liveness, last_seen_at }: Shown, to: Date): string[] {
  if (last_seen_at === null || !["late", "offline", "stopped"].includes(liveness)) return [];
  if (new Date(last_seen_at) >= to) return [];
  return [`${timeOf(last_seen_at)} until now: it is ${liveness}, and has not come back`];
}

function reasonOf({ reason, detail }: Gap): string {
  const told = (name: string): number => Number(detail?.[name] ?? 0);
  switch (reason) {
    case "planned":
      return detail?.back_in_seconds === undefined
        ? "it had said that it stops"
        : `it had said that it stops for ${durationText(told("back_in_seconds"))}`;
    case "server":
      return "the server was away";
    case "host":
      return `the host was started ${durationText(told("uptime_seconds"))} before the end`;
    case "suspended":
      return "it was suspended, and sent nothing";
    case "network":
      return `it did not reach the server, ${told("unanswered_count")} of its beats had no reply`;
    case "agent":
      return "the agent was started again, on a host that stayed up";
    default:
      return "nothing tells why";
  }
}

function metricLines(buckets: readonly Bucket[], columns: number | null): string[] {
  const names = new Set(buckets.flatMap(({ metrics }) => Object.keys(metrics)));
  if (names.size === 0) return [];
  const rows = Array.from(names, (name) => ({ name, ...figuresOf(name, buckets) }));
  return ["", ...formatTable(rows, metricColumns, columns)];
}

interface Figures {
  least: number;
  mean: number;
  most: number;
}

const metricColumns: readonly Column<Figures & { name: string }>[] = [
  { title: "METRIC", text: ({ name }) => name },
  { title: "LEAST", text: ({ least }) => rounded(least) },
  { title: "MEAN", text: ({ mean }) => rounded(mean) },
  { title: "MOST", text: ({ most }) => rounded(most) },
];

function figuresOf(name: string, buckets: readonly Bucket[]): Figures {
  const figures: Figures = { least: Infinity, mean: 0, most: -Infinity };
  let beats = 0;
  for (const bucket of buckets) {
    const [least, mean, most] = bucket.metrics[name] ?? [];
    if (least === undefined || mean === undefined || most === undefined) continue;
    figures.least = Math.min(figures.least, least);
    figures.most = Math.max(figures.most, most);
    beats += bucket.beats;
    figures.mean += (mean - figures.mean) * bucket.beats / beats;
  }
  return figures;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/** `2026-11-23T12:00:00Z` as `11-23 12:00`. */
function timeOf(text: string): string {
  return `${text.slice(5, 10)} ${text.slice(11, 16)}`;
}

/** The end, without its day where that is the beginning's. */
function untilOf({ from, to }: Gap): string {
  return from.slice(0, 10) === to.slice(0, 10) ? to.slice(11, 16) : timeOf(to);
}

function lengthOf(from: string, to: string): string {
  return durationText((Date.parse(to) - Date.parse(from)) / 1000);
}
