import { TimeoutError } from "../../../supabase/functions/_shared/database/list_queue.ts";

interface Task {
  start: () => void;
}

/**
 * A queue in front of something that takes a few calls at a time. A call that has waited longer than `timeoutMs`, in
 * the queue and for its reply together, fails; if it was still in the queue, it is never made.
 */
export class CallQueue {
  readonly #concurrency: number;
  readonly #timeoutMs: number;
  readonly #waiting = new Set<Task>();
  #running = 0;

  constructor(options: { concurrency: number; timeoutMs: number }) {
    this.#concurrency = options.concurrency;
    this.#timeoutMs = options.timeoutMs;
  }

  /**
   * Makes the call in its turn.
   *
   * @param onTimeout called when a call that was made has got no reply in time
   * @throws {TimeoutError}
   */
  async run<Result>(call: () => Promise<Result>, onTimeout: () => void): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    let started = false;
    const task = {
      start: (): void => {
        started = true;
        this.#running += 1;
        call().then(resolve, reject).finally(() => this.#finish());
      },
    };
    const timer = setTimeout(() => {
      this.#waiting.delete(task);
      reject(new TimeoutError(this.#timeoutMs));
      if (started) onTimeout();
    }, this.#timeoutMs);
    this.#waiting.add(task);
    this.#startNext();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #finish(): void {
    this.#running -= 1;
    this.#startNext();
  }

  #startNext(): void {
    for (const task of this.#waiting) {
      if (this.#running >= this.#concurrency) return;
      this.#waiting.delete(task);
      task.start();
    }
  }
}
