import { names as baselines } from "./_baselines.ts";
import { names as hostile } from "./_hostile.ts";
import { fleetName, nameOf } from "./_rows.ts";
import type { Result } from "./_results.ts";
import type { Kind } from "./_subject.ts";

/** A figure of a row, or its rate beside that of a baseline of the same run; `NaN` when it was not measured. */
export type Read = (name: string, kind: Kind | Beside) => number;
type Beside = keyof Result & `to${string}`;

/** Something that the project wants of its speed. */
export interface Goal {
  what: string;
  goal: string;
  /** What is compared. */
  value: (read: Read) => number;
  unit: "times" | "µs" | "ms" | "MB" | "s";
  most?: number;
  least?: number;
}

const beats = (how: string, database = "Postgres"): string => nameOf("beats", database, how);
const cost = (name: string) => (read: Read): number => read(name, "server") + read(name, "database");
const beside = (name: string, baseline: Beside) => (read: Read): number => read(name, baseline);
/** Of rows that may come from two runs, each is compared with what was measured with it. */
const ratio = (name: string, to: string) => (read: Read): number => read(name, "toB1") / read(to, "toB1");
const c128 = "128 connections";
const steady = beats("1,640 a second, 100,000 agents");
const handshakes = nameOf("handshakes", "Postgres", "32 connections");

export const goals: readonly Goal[] = [
  timesB1(beats(c128), 0.75),
  { what: beats(c128), goal: "CPU", value: cost(beats(c128)), unit: "µs", most: 50 },
  { what: beats(c128), goal: "p99", value: (read) => read(beats(c128), "p99"), unit: "ms", most: 12 },
  {
    what: beats("1 connection"),
    goal: "× pgbench with one",
    value: beside(beats("1 connection"), "toB1Alone"),
    unit: "times",
    least: 0.35,
  },
  {
    what: beats("1 connection"),
    goal: "p50",
    value: (read) => read(beats("1 connection"), "p50"),
    unit: "ms",
    most: 0.5,
  },
  timesB1(beats(c128, "PGlite"), 0.6),
  { what: beats(c128, "PGlite"), goal: "CPU", value: cost(beats(c128, "PGlite")), unit: "µs", most: 60 },
  timesB1(handshakes, 0.3),
  { what: handshakes, goal: "CPU", value: cost(handshakes), unit: "µs", most: 120 },
  {
    what: handshakes,
    goal: "× the peer's tokens",
    value: ratio(handshakes, baselines.peer),
    unit: "times",
    least: 1.5,
  },
  { what: steady, goal: "CPU", value: cost(steady), unit: "µs", most: 160 },
  { what: steady, goal: "p99", value: (read) => read(steady, "p99"), unit: "ms", most: 12 },
  {
    what: beats("a connection a beat, 64 at once"),
    goal: "CPU",
    value: cost(beats("a connection a beat, 64 at once")),
    unit: "µs",
    most: 110,
  },
  {
    what: beats(fleetName(100_000)),
    goal: "× the rate of 200 agents",
    value: ratio(beats(fleetName(100_000)), beats(c128)),
    unit: "times",
    least: 0.65,
  },
  {
    what: beats("only garbage"),
    goal: "× B0",
    value: beside(beats("only garbage"), "toB0"),
    unit: "times",
    least: 0.25,
  },
  {
    what: beats("50 % garbage"),
    goal: "CPU × the mean of its two halves",
    value: (read) =>
      2 * cost(beats("50 % garbage"))(read) / (cost(beats(c128))(read) + cost(beats("only garbage"))(read)),
    unit: "times",
    most: 1.1,
  },
  {
    what: hostile.flood,
    goal: "at most",
    value: (read) => read(hostile.flood, "worst"),
    unit: "ms",
    most: 50,
  },
  {
    what: hostile.unread,
    goal: "memory",
    value: (read) => read(hostile.unread, "memory"),
    unit: "MB",
    most: 10,
  },
  {
    what: hostile.unread,
    goal: "given up",
    value: (read) => read(hostile.unread, "seconds"),
    unit: "s",
    most: 12,
  },
];

export function isMet({ most = Infinity, least = -Infinity }: Goal, value: number): boolean {
  return value <= most && value >= least;
}

function timesB1(what: string, least: number): Goal {
  return { what, goal: "× B1", value: beside(what, "toB1"), unit: "times", least };
}
