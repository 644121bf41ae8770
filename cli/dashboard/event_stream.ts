import { constants, createGzip } from "node:zlib";
import { type Sink, takes } from "./replies.ts";

/** One browser that watches, as server-sent events (the HTML standard, section 9.2). */
export class EventStream {
  readonly #sink: Sink;
  readonly #put: (text: string) => void;
  #finish: () => void;
  readonly #catchUp: () => string;
  #isBehind = false;
  #hasMissed = false;
  /** How many keepalives have found it behind. */
  #late = 0;

  /** @param catchUp what to send in the place of what a browser that takes too little at once has missed */
  constructor(sink: Sink, { accepted, catchUp }: { accepted: string | null; catchUp: () => string }) {
    this.#sink = sink;
    this.#catchUp = catchUp;
    this.#finish = () => sink.end();
    this.#put = takes(accepted, "gzip")
      ? this.#zipped()
      : (text) => this.#write(new TextEncoder().encode(text));
  }

  /** The headers of its reply. */
  static headers(accepted: string | null): Record<string, string> {
    return {
      "content-type": "text/event-stream",
      vary: "accept-encoding",
      // Else nginx would keep it until there is more of it.
      "x-accel-buffering": "no",
      ...(takes(accepted, "gzip") ? { "content-encoding": "gzip" } : {}),
    };
  }

  /** Sends events; nothing while the ones before have not been taken. */
  send(text: string): void {
    if (this.#isBehind) this.#hasMissed = true;
    else this.#put(text);
  }

  /** Sends a keepalive, and gives up a browser that has taken nothing since the one before the last. */
  keepAlive(text: string): void {
    this.#late = this.#isBehind ? this.#late + 1 : 0;
    if (this.#late > 2) this.#sink.abort();
    else this.send(text);
  }

  end(): void {
    this.#finish();
  }

  #write(piece: Uint8Array): void {
    if (this.#sink.write(piece)) return;
    if (this.#isBehind) return;
    this.#isBehind = true;
    this.#sink.onceTaken(() => {
      this.#isBehind = false;
      if (!this.#hasMissed) return;
      this.#hasMissed = false;
      this.send(this.#catchUp());
    });
  }

  /** Small windows: each stream keeps its own for as long as it goes on. */
  #zipped(): (text: string) => void {
    const zip = createGzip({ windowBits: 13, memLevel: 7 });
    zip.on("data", (piece: Uint8Array) => this.#write(piece));
    zip.on("end", () => this.#sink.end());
    this.#finish = () => void zip.end();
    this.#sink.onceEnded(() => {
      this.#finish = () => undefined;
      zip.destroy();
    });
    return (text) => {
      if (zip.writableEnded || zip.destroyed) return;
      zip.write(text);
      zip.flush(constants.Z_SYNC_FLUSH);
    };
  }
}

/** One event. */
export function eventText(event: string, data: unknown, id?: string): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
