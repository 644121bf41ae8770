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
 * its turn. One that fails is tried again at its next turn; the first failure of a row is a line in the log, and so is
 * its end: one that runs every few seconds would fill the log while the database is away.
 */
export class Schedule {
  readonly #timers: ReturnType<typeof setInterval>[];
  readonly #running = new Map<Job, Promise<void>>();
  readonly #failures = new Map<Job, number>();
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

  async #run(job: Job): Promise<void> {
    const failures = this.#failures.get(job) ?? 0;
    try {
      await job.run();
      if (failures > 0) this.#log.line("info", "periodic work succeeds again", { job: job.name, failures });
      this.#failures.delete(job);
    } catch (error) {
      this.#failures.set(job, failures + 1);
      if (failures > 0) return;
      this.#log.line("warn", "periodic work failed", { job: job.name, cause: describe(error) });
    }
  }
}
