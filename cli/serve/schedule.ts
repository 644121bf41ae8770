import { describe, type Log } from "../../supabase/functions/_shared/log.ts";

/** Work that the server does again and again. */
export interface Job {
  name: string;
  everyMs: number;
  /** Whether it runs once at the start, too. */
  atStart?: true;
  run: () => Promise<void>;
}

/**
 * Runs each job at its interval, for the first time when one has passed, or at the start. A job whose last run is still under way skips
 * its turn. One that fails is a line in the log, and is tried again at its next turn.
 */
export class Schedule {
  readonly #timers: ReturnType<typeof setInterval>[];
  readonly #running = new Map<Job, Promise<void>>();
  readonly #log: Log;

  constructor(jobs: readonly Job[], log: Log) {
    this.#log = log;
    this.#timers = jobs.map((job) => setInterval(() => this.#start(job), job.everyMs));
    for (const job of jobs) if (job.atStart) this.#start(job);
  }

  /** Starts nothing more, and waits for what is under way. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#running.values());
  }

  #start(job: Job): void {
    if (this.#running.has(job)) return;
    const run = this.#run(job).finally(() => this.#running.delete(job));
    this.#running.set(job, run);
  }

  async #run({ name, run }: Job): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#log.line("warn", "periodic work failed", { job: name, cause: describe(error) });
    }
  }
}
