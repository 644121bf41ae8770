/** Nothing answered in time. */
export class Silence extends Error {
  override readonly name = "Silence";
  readonly code = "SILENT";

  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds / 1000} s`);
  }
}

interface Task {
  start: () => void;
}

/**
 * A line in front of something that answers a few at a time. Who has waited for longer than `milliseconds`,
 * in the line or for the answer, is sent away; what was still in the line is then never begun.
 */
export class Line {
  readonly #places: number;
  readonly #milliseconds: number;
  readonly #waiting = new Set<Task>();
  #underWay = 0;

  constructor(options: { places: number; milliseconds: number }) {
    this.#places = options.places;
    this.#milliseconds = options.milliseconds;
  }

  /**
   * Does the work in its turn.
   *
   * @param onSilence called when work that was begun has not answered in time
   * @throws {Silence} when time ran out
   */
  async pass<Result>(work: () => Promise<Result>, onSilence: () => void): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    let begun = false;
    const task = {
      start: (): void => {
        begun = true;
        this.#underWay += 1;
        work().then(resolve, reject).finally(() => this.#leave());
      },
    };
    const timer = setTimeout(() => {
      this.#waiting.delete(task);
      reject(new Silence(this.#milliseconds));
      if (begun) onSilence();
    }, this.#milliseconds);
    this.#waiting.add(task);
    this.#next();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #leave(): void {
    this.#underWay -= 1;
    this.#next();
  }

  #next(): void {
    for (const task of this.#waiting) {
      if (this.#underWay >= this.#places) return;
      this.#waiting.delete(task);
      task.start();
    }
  }
}
