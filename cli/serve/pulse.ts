import type { Job } from "./schedule.ts";

/** How many turns a job may miss, and how long its last one may take, until it counts as standing still. */
const turns = 3;
const graceMs = 15_000;

/** Knows whether a job still gets done. What the schedule runs is `job`. */
export class Pulse {
  readonly job: Job;
  readonly #now: () => number;
  #doneAt: number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(job: Job, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#doneAt = now();
    this.job = {
      ...job,
      run: async () => {
        await job.run();
        this.#doneAt = now();
      },
    };
  }

  /** Whether the job has not succeeded for longer than its turns explain. */
  get standsStill(): boolean {
    return this.#now() - this.#doneAt > turns * this.job.everyMs + graceMs;
  }
}
