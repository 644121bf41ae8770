import { cpuOf } from "./_accounting.ts";
import type { Span } from "./_ending.ts";
import { drive, type Load, type Seen } from "./_wrk.ts";

/** What is measured together, and can be asked for by itself. */
export const parts = ["postgres", "pglite", "fleets", "handshakes", "hostile", "functions"] as const;
export type Part = typeof parts[number] | "baselines";

/** Requests a second, milliseconds, microseconds of CPU a request, MB, seconds. */
export const kinds = [
  "rate",
  "p50",
  "p99",
  "p999",
  "worst",
  "server",
  "database",
  "memory",
  "seconds",
] as const;
export type Kind = typeof kinds[number];
export type Figures = Partial<Record<Kind, number>>;

/** One row of the table. */
export interface Subject {
  name: string;
  part: Part;
  /** How long it runs before the first round, if longer than the second before each run. 0: never for nothing. */
  warmSeconds: number;
  /** How often it runs in each round: more than once where other rows are compared with it. */
  times?: number;
  run: (span: Span) => Promise<Figures>;
}

/** A server that is measured. */
export interface Target {
  url: string;
  /** Its processes, and those of its database, if that has any. */
  server: number[];
  database: number[];
  /** Is told what each run came to. */
  note?: (seen: Pick<Seen, "requests" | "refused">, connections: number) => void;
}

/** A row that wrk measures. */
export function loadSubject(
  { name, part, warmSeconds = 1, times = 1 }: Pick<Subject, "name" | "part" | "times"> & {
    warmSeconds?: number;
  },
  target: Target,
  load: Load,
): Subject {
  return {
    name,
    part,
    warmSeconds,
    times,
    async run(span) {
      const before = [await cpuOf(target.server), await cpuOf(target.database)];
      const seen = await drive(target.url, load, span);
      const [server = NaN, database = NaN] = [await cpuOf(target.server), await cpuOf(target.database)];
      target.note?.(seen, load.connections);
      return {
        rate: seen.requests * 1e6 / seen.microseconds,
        p50: seen.p50 / 1000,
        p99: seen.p99 / 1000,
        p999: seen.p999 / 1000,
        worst: seen.worst / 1000,
        server: (server - (before[0] ?? NaN)) / seen.requests,
        database: (database - (before[1] ?? NaN)) / seen.requests,
      };
    },
  };
}
