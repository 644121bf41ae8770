import type { Credentials, RefusedAgent } from "./database/port.ts";

const maxAgents = 1000;
const shortestPauseMs = 1000;

/**
 * Counts the refusals in each agent's name, in memory, and writes them in one call: at most one a second, of at most
 * 1000 agents. Whether an id is known, neither the count nor the call tells: the rows are found when it is made.
 *
 * Bounded: while 1000 ids wait, others are not counted. What waits is a digest, never a secret, and for two seconds.
 */
export class RefusedAgents {
  readonly #waiting = new Map<string, RefusedAgent>();
  readonly #record: (refused: readonly RefusedAgent[]) => Promise<void>;
  readonly #pause: () => Promise<void>;
  #isWriting = false;

  /** @param pause waits for the second between two calls */
  constructor(
    record: (refused: readonly RefusedAgent[]) => Promise<void>,
    pause: () => Promise<void> = pauseForASecond,
  ) {
    this.#record = record;
    this.#pause = pause;
  }

  /** Counts a refusal. True when nobody is about to write it: then the caller has to see to `write`. */
  note({ agentId, secretDigest, instanceId }: Credentials): boolean {
    const before = this.#waiting.get(agentId);
    if (before === undefined && this.#waiting.size >= maxAgents) return false;
    this.#waiting.set(agentId, { agentId, secretDigest, instanceId, count: (before?.count ?? 0) + 1 });
    const isFirst = !this.#isWriting;
    this.#isWriting = true;
    return isFirst;
  }

  /** Writes what has been counted, a second from now. */
  async write(): Promise<void> {
    await this.#pause();
    this.#isWriting = false;
    const refused = [...this.#waiting.values()];
    this.#waiting.clear();
    await this.#record(refused);
  }

  get size(): number {
    return this.#waiting.size;
  }
}

async function pauseForASecond(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, shortestPauseMs));
}
