interface Stream {
  write: (bytes: Uint8Array) => Promise<number>;
}

const mostLines = 1000;
const retryMilliseconds = 100;

/**
 * Writes lines in their order without waiting for their reader: one that does not read, a disk that is
 * full or a terminal that went away costs lines, never the program that says them. What waits is bounded; lines
 * beyond that are dropped.
 */
export class LineWriter {
  readonly #stream: Stream;
  #lines: string[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  line(text: string): void {
    if (this.#lines.length >= mostLines) return;
    this.#lines.push(text);
    if (this.#lines.length === 1) this.#writing = this.#drain();
  }

  /** Waits until all is written, but no longer than this. */
  async flush(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    await Promise.race([this.#writing, promise]);
    clearTimeout(timer);
  }

  async #drain(): Promise<void> {
    while (this.#lines[0] !== undefined) {
      try {
        await this.#write(new TextEncoder().encode(`${this.#lines[0]}\n`));
      } catch (error) {
        if (!(error instanceof Error)) throw error;
      }
      this.#lines.shift();
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      try {
        written += await this.#stream.write(bytes.subarray(written));
      } catch (error) {
        // A pipe that is full, and that somebody else has told not to wait.
        if (!(error instanceof Deno.errors.WouldBlock)) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
      }
    }
  }
}
