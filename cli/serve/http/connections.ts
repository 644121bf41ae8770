import { Connection, type Serving } from "./connection.ts";
import type { Phase } from "./phases.ts";
import type { Source, Wire } from "./wire.ts";

/** How late a limit may be passed, as a part of the shortest one. */
const sweepsPerLimit = 10;

/**
 * The connections of a source. One timer serves all their limits.
 *
 * It holds so many at most. For one that is too many, the oldest one that waits for its peer is closed: so a stranger
 * that opens all of them and is silent keeps nobody out. Where none waits, the new one is closed.
 */
export class Connections {
  readonly #serving: Serving & { most: number };
  readonly #open = new Set<Connection>();
  readonly #timer: ReturnType<typeof setInterval>;
  #isClosed = false;

  constructor(source: Source, serving: Serving & { most: number }) {
    const { headerMs, bodyMs, idleMs, stallMs } = serving.limits;
    const sweepMs = Math.min(headerMs, bodyMs, idleMs, stallMs) / sweepsPerLimit;
    this.#serving = serving;
    this.#timer = setInterval(() => this.#sweep(sweepMs), sweepMs);
    source.start((wire, address) => this.#take(wire, address), serving.most);
  }

  /** Takes no more of them, and ends when the replies under way were sent, or after so long. */
  async close(timeoutMs: number): Promise<void> {
    this.#isClosed = true;
    for (const connection of this.#open) connection.finish();
    const timer = setTimeout(() => {
      for (const connection of this.#open) connection.close();
    }, timeoutMs);
    await Promise.all([...this.#open].map(({ closed }) => closed));
    clearTimeout(timer);
    clearInterval(this.#timer);
  }

  #take(wire: Wire, address: string): void {
    if (this.#isClosed || (this.#open.size >= this.#serving.most && !this.#makeRoom())) return wire.close();
    const connection = new Connection({ wire, address }, this.#serving);
    this.#open.add(connection);
    connection.closed.then(() => this.#open.delete(connection));
    void connection.serve();
  }

  /** False where every connection is being answered. */
  #makeRoom(): boolean {
    // They are in the order in which they came. A handler may be at work although its body has not come.
    const oldest = this.#findOldest("header", "idle", "rest of a body") ?? this.#findOldest("body");
    if (oldest === undefined) return false;
    oldest.close();
    this.#open.delete(oldest);
    return true;
  }

  #findOldest(...phases: Phase[]): Connection | undefined {
    for (const connection of this.#open) if (phases.includes(connection.phase)) return connection;
    return undefined;
  }

  #sweep(sweepMs: number): void {
    for (const connection of this.#open) connection.sweep(sweepMs);
  }
}
