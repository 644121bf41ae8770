import { type Goal, goals, isMet, type Read } from "./_goals.ts";
import type { Result, Results } from "./_results.ts";

const begin = "<!-- deno task bench writes from here -->";
const end = "<!-- to here -->";
/** B1 where the goals in microseconds and milliseconds were set, a second. */
const pgbenchOfGoals = 31_000;

/** Puts the tables where the page has those of the last run. */
export function fillPage(page: string, results: Results): string {
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) {
    throw new Error(`Cannot write the table: no "${begin}" there`);
  }
  return `${before}${begin}\n\n${tables(results)}\n\n${end}${after}`;
}

export function tables(results: Results): string {
  return [machine(results), rates(results), others(results), memory(results), goalTable(results)].join(
    "\n\n",
  );
}

function machine({ machine, busyPercent, stolenPercent, results }: Results): string {
  const days = results.map(({ measuredAt }) => measuredAt.slice(0, 10)).sort();
  const span = days[0] === days.at(-1) ? days[0] : `${days[0]} to ${days.at(-1)}`;
  const [busiest, stolen] = [busyPercent, stolenPercent].map((percent) =>
    Math.max(...Object.values(percent)).toFixed(0)
  );
  return `Measured on ${span}: ${machine.processors} processors (${machine.processor}), ` +
    `Deno ${machine.deno}, Postgres ${machine.postgres},\n` +
    `Linux ${machine.kernel}. Before a round, others used at most ${busiest} % of the processors.\n` +
    `During it, the host kept ${stolen} % of them for its other guests.`;
}

function rates({ results }: Results): string {
  const rows = results.filter(({ figures }) => figures.rate !== undefined).map((
    { name, figures, toB0, toB1 },
  ) => [
    name,
    whole(figures.rate),
    ratio(toB0),
    ratio(toB1),
    ...[figures.p50, figures.p99, figures.p999].map(short),
    [figures.server, figures.database].map((cost) => cost === undefined ? "" : cost.toFixed(0)).join(" + "),
  ]);
  return table(["", "a second", "× B0", "× B1", "p50", "p99", "p99.9 ms", "CPU µs"], rows);
}

/** What is not a rate. */
function others({ results }: Results): string {
  const rows = results.filter(({ figures }) => figures.rate === undefined).map(({ name, figures }) => [
    name,
    short(figures.worst),
    short(figures.memory),
    short(figures.seconds),
  ]);
  return table(["", "worst, ms", "memory, + MB", "given up, s"], rows);
}

function memory({ memory }: Results): string {
  const rows = Object.entries(memory).map(([name, { now, peak }]) => [name, now.toFixed(0), peak.toFixed(0)]);
  return table(["memory of the server after its runs, MB", "at the end", "at most"], rows);
}

function goalTable({ results }: Results): string {
  return table(
    ["goal", "of", "expected", "measured", "", "at B1 31,000"],
    goals.map((goal) => goalRow(goal, readerOf(results))),
  );
}

function goalRow(goal: Goal, read: Read): string[] {
  const value = goal.value(read);
  const expected = goal.least === undefined ? `≤ ${goal.most}` : `≥ ${goal.least}`;
  const unit = goal.unit === "times" ? "" : ` ${goal.unit}`;
  const verdict = Number.isNaN(value) ? "not measured" : isMet(goal, value) ? "met" : "**not met**";
  return [
    goal.what,
    goal.goal,
    `${expected}${unit}`,
    Number.isNaN(value) ? "" : `${short(value)}${unit}`,
    verdict,
    timeThere(goal, read, value),
  ];
}

/** What a time might be on the machine that the goals were set on, by B1 of the same run. No verdict is about it. */
function timeThere({ what, unit }: Goal, read: Read, value: number): string {
  const there = value * read(what, "rate") / read(what, "toB1") / pgbenchOfGoals;
  return unit === "times" || Number.isNaN(there) ? "" : `${short(there)} ${unit}`;
}

function readerOf(results: readonly Result[]): Read {
  return (name, kind) => {
    const result = results.find((one) => one.name === name);
    if (kind === "toB0" || kind === "toB1" || kind === "toB1Alone") return result?.[kind] ?? NaN;
    return result?.figures[kind] ?? NaN;
  };
}

function table(head: string[], rows: string[][]): string {
  const rule = head.map((_, index) => index === 0 ? "---" : "---:");
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function whole(value: number | undefined): string {
  return value === undefined ? "" : Math.round(value).toLocaleString("en-US");
}

function ratio(value: number | null): string {
  return value === null ? "" : value.toFixed(2);
}

/** Three digits, as far as they say something. */
function short(value: number | undefined): string {
  if (value === undefined) return "";
  return Math.abs(value) >= 100
    ? value.toFixed(0)
    : Math.abs(value) >= 10
    ? value.toFixed(1)
    : value.toFixed(2);
}
