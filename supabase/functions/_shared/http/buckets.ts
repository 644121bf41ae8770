interface Bucket {
  tokens: number;
  at: number;
}

const mostKeys = 10_000;

/**
 * A token bucket for each key. The map is bounded (the key that was used the longest ago goes first) and belongs to this
 * process only.
 */
export class Buckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #rate: { burst: number; perSecond: number };
  readonly #now: () => Date;

  constructor(rate: { burst: number; perSecond: number }, now: () => Date) {
    this.#rate = rate;
    this.#now = now;
  }

  /** Takes one; null, or, when there is none, in how many seconds there will be one. */
  take(key: string): number | null {
    const { burst, perSecond } = this.#rate;
    const at = this.#now().getTime() / 1000;
    const before = this.#buckets.get(key) ?? { tokens: burst, at };
    const elapsed = Math.max(0, at - before.at);
    const tokens = Math.min(burst, before.tokens + elapsed * perSecond);
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens < 1 ? tokens : tokens - 1, at });
    if (this.#buckets.size > mostKeys) this.#forgetOldest();
    return tokens < 1 ? Math.max(1, Math.ceil((1 - tokens) / perSecond)) : null;
  }

  get size(): number {
    return this.#buckets.size;
  }

  #forgetOldest(): void {
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }
}
