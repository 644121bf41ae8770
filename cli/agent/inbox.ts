export type Order = "stop" | "reload";

/** What the world asks of a running monitor. A stop outweighs everything else. */
export class Inbox {
  #reloads = 0;
  #alarm = new AbortController();
  readonly #stop = new AbortController();

  put(order: Order): void {
    if (order === "stop") this.#stop.abort();
    else this.#reloads += 1;
    this.#alarm.abort();
  }

  take(): Order | null {
    if (this.isStopping) return "stop";
    if (this.#reloads === 0) return null;
    // Several of them ask for the same thing.
    this.#reloads = 0;
    this.#alarm = new AbortController();
    return "reload";
  }

  get isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Aborted only by an order to stop, and then for good: whatever is under way ends. */
  get stopping(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborted as soon as there is an order; a new one after the last order was taken. */
  get signal(): AbortSignal {
    return this.#alarm.signal;
  }
}
