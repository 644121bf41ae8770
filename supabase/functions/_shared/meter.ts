/** The bounds of the histogram's buckets, in seconds. */
export const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** What was seen of one endpoint. */
export interface Seen {
  /** How many replies took no longer than each bound, and longer than the one before it; the last: longer than all. */
  buckets: number[];
  sumSeconds: number;
  byStatus: Map<number, number>;
}

/** Counts the replies of one process by endpoint, status and time, since it started. */
export class Meter {
  readonly #seen = new Map<string, Seen>();

  observe(endpoint: string, status: number, seconds: number): void {
    const seen = this.#seen.get(endpoint) ?? this.#begin(endpoint);
    const bucket = bounds.findIndex((bound) => seconds <= bound);
    const index = bucket === -1 ? bounds.length : bucket;
    seen.buckets[index] = (seen.buckets[index] ?? 0) + 1;
    seen.sumSeconds += seconds;
    seen.byStatus.set(status, (seen.byStatus.get(status) ?? 0) + 1);
  }

  /** By endpoint. */
  get seen(): ReadonlyMap<string, Readonly<Seen>> {
    return this.#seen;
  }

  #begin(endpoint: string): Seen {
    const seen = {
      buckets: new Array<number>(bounds.length + 1).fill(0),
      sumSeconds: 0,
      byStatus: new Map(),
    };
    this.#seen.set(endpoint, seen);
    return seen;
  }
}
