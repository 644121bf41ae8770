import { Keys } from "./keys.ts";
import { isErrno } from "./errors.ts";

/** How large a terminal is, in characters. */
export interface Size {
  columns: number;
  rows: number;
}

/** The terminal that stdout is, or null where it is none. A terminal that does not know its size has 80 by 24. */
export function terminalSize(): Size | null {
  if (!Deno.stdout.isTerminal()) return null;
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || 80, rows: rows || 24 };
  } catch (error) {
    if (error instanceof Error) return { columns: 80, rows: 24 };
    throw error;
  }
}

// The terminal's second screen, without a cursor, and back to the first, which is as it was.
const enter = "\u001b[?1049h\u001b[?25l";
const leave = "\u001b[?25h\u001b[?1049l";
// Terminals that know these show what is between them at once; others pass over them.
const begin = "\u001b[?2026h\u001b[H";
const end = "\u001b[J\u001b[?2026l";

/**
 * The terminal's second screen, drawn whole and at once, line over line, so that nothing flickers. Disposing of it
 * puts the terminal back, whatever ended the drawing.
 */
export class Screen implements Disposable {
  readonly #keys = new Keys();

  constructor() {
    write(enter);
    void this.#passOverKeys();
  }

  /** Resolves when somebody wants to leave. */
  get left(): Promise<void> {
    return this.#keys.left;
  }

  /** Shows these lines in the place of those before: none wider than the terminal, and no more than fit. */
  draw(lines: readonly string[], { rows }: Size): void {
    const drawn = lines.slice(0, rows).map((line) => `${line}\u001b[K`).join("\r\n");
    write(`${begin}${drawn}${end}`);
  }

  async #passOverKeys(): Promise<void> {
    while (await this.#keys.next() !== null);
  }

  [Symbol.dispose](): void {
    this.#keys[Symbol.dispose]();
    write(leave);
  }
}

/** A terminal that is gone takes nothing, and needs nothing. */
function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) {
      written += Deno.stdout.writeSync(bytes.subarray(written));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe) && !isErrno(error, "EIO", "EPIPE")) throw error;
  }
}
