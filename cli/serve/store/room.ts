import { statfsSync } from "node:fs";

const megabyte = 1024 * 1024;
/** A segment of the log has 16 MB: without room for the next one, PGlite stops working, and answers nothing any more. */
const segmentBytes = 16 * megabyte;
const leastBytes = segmentBytes + 8 * megabyte;
const lookEveryMs = 100;

/** How much room there is on the disk of a folder. */
export class Room {
  readonly #folder: string;
  readonly #free: (folder: string) => number;
  readonly #now: () => number;
  #lookedAt = -Infinity;
  #isScarce = false;

  /** @param free the bytes that this user may still write to a folder */
  constructor(folder: string, free = freeBytes, now: () => number = () => performance.now()) {
    this.#folder = folder;
    this.#free = free;
    this.#now = now;
  }

  /** Whether there is too little to write anything at all, by a look of at most 100 ms ago. */
  get isScarce(): boolean {
    if (this.#now() - this.#lookedAt >= lookEveryMs) {
      this.#lookedAt = this.#now();
      this.#isScarce = this.#free(this.#folder) < leastBytes;
    }
    return this.#isScarce;
  }

  /** Whether there is room for what frees room: a checkpoint, which cuts the log. */
  get hasSegment(): boolean {
    return this.#free(this.#folder) >= segmentBytes + megabyte;
  }

  /** @throws {Error} when so many bytes more would leave too little */
  assertFor(bytes: number): void {
    const free = this.#free(this.#folder);
    if (free >= bytes + leastBytes) return;
    throw new Error(
      `there are ${inMegabytes(free)} free on its disk, expected ${inMegabytes(bytes + leastBytes)}`,
    );
  }
}

/** What a write is refused for, with the SQLSTATE by which Postgres says so, once it is too late. */
export function scarcity(): Error {
  const error = new Error(`less than ${inMegabytes(leastBytes)} are free on its disk`);
  return Object.assign(error, { code: "53100" });
}

function inMegabytes(bytes: number): string {
  return `${Math.floor(bytes / megabyte)} MB`;
}

/** Where the system does not tell, there is enough: what cannot be written then fails by itself. */
function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch (error) {
    if (error instanceof Error) return Infinity;
    throw error;
  }
}
