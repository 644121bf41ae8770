import type { Sink } from "../../dashboard/replies.ts";
import { chunkOf, lastChunk } from "./reply.ts";

/** How many bytes may wait before the sender is told. */
const fewBytes = 16_384;

/** A reply that goes on: its pieces wait here until the connection has taken those before. */
export class StreamedBody implements Sink {
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  readonly #abort: () => void;
  readonly #inChunks: boolean;
  readonly #onceEnded: (() => void)[] = [];
  #onceTaken: (() => void)[] = [];
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isEnding = false;
  #wake: (() => void) | null = null;

  /** @param options.write resolves once the bytes have been taken */
  constructor(
    { write, abort, inChunks }: {
      write: (bytes: Uint8Array) => Promise<void>;
      abort: () => void;
      inChunks: boolean;
    },
  ) {
    this.#write = write;
    this.#abort = abort;
    this.#inChunks = inChunks;
  }

  write(piece: Uint8Array): boolean {
    // A chunk without bytes would be the last one.
    if (piece.length === 0 || this.#isEnding) return true;
    this.#waiting.push(piece);
    this.#waitingBytes += piece.length;
    this.#wake?.();
    return this.#waitingBytes < fewBytes;
  }

  end(): void {
    this.#isEnding = true;
    this.#wake?.();
  }

  abort(): void {
    this.#abort();
  }

  onceTaken(callback: () => void): void {
    this.#onceTaken.push(callback);
  }

  onceEnded(callback: () => void): void {
    this.#onceEnded.push(callback);
  }

  /** Sends what comes until its end. @throws as `write` does */
  async send(): Promise<void> {
    while (true) {
      const [piece] = this.#waiting;
      if (piece !== undefined) {
        await this.#write(this.#inChunks ? chunkOf(piece) : piece);
        this.#waiting.shift();
        this.#waitingBytes -= piece.length;
      } else if (this.#isEnding) {
        if (this.#inChunks) await this.#write(lastChunk);
        return;
      } else {
        const callbacks = this.#onceTaken;
        this.#onceTaken = [];
        for (const callback of callbacks) callback();
        if (this.#waiting.length === 0 && !this.#isEnding) await this.#woken();
      }
    }
  }

  /** It has ended, or its connection has. */
  ended(): void {
    this.#isEnding = true;
    this.#waiting = [];
    for (const callback of this.#onceEnded.splice(0)) callback();
    this.#wake?.();
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = null;
        resolve();
      };
    });
  }
}
