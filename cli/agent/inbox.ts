export type Order = "stop" | "reload";

/** What the world asks of a running monitor. A stop outweighs everything else. */
export class Inbox {
  #orders: Order[] = [];
  #alarm = new AbortController();

  put(order: Order): void {
    this.#orders.push(order);
    this.#alarm.abort();
  }

  take(): Order | null {
    if (this.isStopping) return "stop";
    const order = this.#orders.shift() ?? null;
    if (this.#orders.length === 0) this.#alarm = new AbortController();
    return order;
  }

  get isStopping(): boolean {
    return this.#orders.includes("stop");
  }

  /** Aborted as soon as there is an order; a new one after the last order was taken. */
  get signal(): AbortSignal {
    return this.#alarm.signal;
  }
}
