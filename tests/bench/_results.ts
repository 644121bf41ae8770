import { names } from "./_baselines.ts";
import { median } from "./_numbers.ts";
import { type Figures, kinds, type Part, type Subject } from "./_subject.ts";

/** What one row came to: the medians of its runs; of what is the worst of something, the worst. */
export interface Result {
  name: string;
  part: Part;
  figures: Figures;
  /** Its rate, beside those of the baselines of the same run. */
  toB0: number | null;
  toB1: number | null;
  /** B1 with one client. */
  toB1Alone: number | null;
  runs: Figures[];
  measuredAt: string;
}

export interface Results {
  machine: Record<string, string | number>;
  /** Of the machine's processors, what was in use by others before each round began; the most of it, by part. */
  busyPercent: Record<string, number>;
  /** What the machine's host gave to others during the run, by part. */
  stolenPercent: Record<string, number>;
  /** Of each server at the end, in MB. */
  memory: Record<string, { now: number; peak: number }>;
  results: Result[];
}

export function resultsOf(
  subjects: readonly Subject[],
  runs: ReadonlyMap<string, Figures[]>,
  at: Date,
): Result[] {
  const summed = new Map(subjects.map(({ name }) => [name, summarize(runs.get(name) ?? [])]));
  const beside = (rate: number | undefined, baseline: string): number | null =>
    rate === undefined ? null : rate / (summed.get(baseline)?.rate ?? NaN) || null;
  return subjects.map(({ name, part }) => {
    const figures = summed.get(name) ?? {};
    return {
      name,
      part,
      figures,
      toB0: beside(figures.rate, names.constant),
      toB1: beside(figures.rate, names.pgbench),
      toB1Alone: beside(figures.rate, names.pgbenchAlone),
      runs: runs.get(name) ?? [],
      measuredAt: at.toISOString(),
    };
  });
}

/** The rows of a run take the place of the same rows of an earlier one. */
export function merge(earlier: Results | null, later: Results): Results {
  if (earlier === null) return later;
  const isAnew = new Set(later.results.map(({ name }) => name));
  return {
    machine: later.machine,
    busyPercent: { ...earlier.busyPercent, ...later.busyPercent },
    stolenPercent: { ...earlier.stolenPercent, ...later.stolenPercent },
    memory: { ...earlier.memory, ...later.memory },
    results: [...earlier.results.filter(({ name }) => !isAnew.has(name)), ...later.results],
  };
}

function summarize(runs: readonly Figures[]): Figures {
  const figures: Figures = {};
  for (const kind of kinds) {
    const seen = runs.flatMap((run) => run[kind] ?? []);
    if (seen.length > 0) figures[kind] = isWorst(kind) ? Math.max(...seen) : median(seen);
  }
  return figures;
}

function isWorst(kind: typeof kinds[number]): boolean {
  return kind === "worst" || kind === "memory" || kind === "seconds";
}
