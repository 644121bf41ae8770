import { Keys } from "./keys.ts";
import { isErrno } from "./errors.ts";
import { widthOf } from "./table.ts";

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

// The terminal's second screen, without a cursor and without a break of long lines, and back to the first, which is as
// it was.
const enter = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const leave = "\u001b[?7h\u001b[?25h\u001b[?1049l";
// Terminals that know these show what is between them at once; others pass over them.
const begin = "\u001b[?2026h";
const end = "\u001b[?2026l";
const eraseBelow = "\u001b[J";
const eraseToEnd = "\u001b[K";
/** What happens before a program ends that nobody told to leave. */
const lastEvents = ["error", "unhandledrejection", "unload"] as const;

interface ScreenOptions {
  /** Is given all that is typed. Without it, keys are passed over but for those that leave. */
  type?: (text: string) => void;
}

/**
 * The terminal's second screen. Only lines that changed are drawn, all at once, line over line, so that nothing flickers.
 * Disposing of it puts the terminal back, and so does an error that nobody catches.
 */
export class Screen implements Disposable {
  readonly #keys: Keys;
  readonly #type: (text: string) => void;
  readonly #restore = (): void => this[Symbol.dispose]();
  #isClosed = false;
  #isAway = false;
  #shown: readonly string[] | null = null;
  #size: Size | null = null;

  constructor({ type }: ScreenOptions = {}) {
    this.#keys = type === undefined ? new Keys() : new Keys([]);
    this.#type = type ?? (() => undefined);
    for (const event of lastEvents) addEventListener(event, this.#restore);
    write(enter);
    void this.#readKeys();
  }

  /** Resolves when somebody wants to leave. */
  get left(): Promise<void> {
    return this.#keys.left;
  }

  /** Shows these lines in the place of those before: none wider than the terminal, and no more than fit. */
  draw(lines: readonly string[], size: Size): void {
    if (this.#isClosed || this.#isAway) return;
    const fitting = lines.slice(0, size.rows);
    const isSame = this.#size?.columns === size.columns && this.#size.rows === size.rows;
    const drawn = this.#shown === null || !isSame
      ? wholeScreen(fitting, size)
      : changedLines(this.#shown, fitting, size);
    this.#shown = fitting;
    this.#size = size;
    if (drawn !== "") write(`${begin}${drawn}${end}`);
  }

  /** Gives the terminal back for a time, in which nothing is drawn. */
  suspend(): void {
    this.#isAway = true;
    this.#keys.setRaw(false);
    write(leave);
  }

  /** Takes the terminal again, whatever was done to it: what comes next is drawn whole. */
  resume(): void {
    if (this.#isClosed) return;
    this.#isAway = false;
    this.#keys.setRaw(true);
    this.#shown = null;
    write(enter);
  }

  async #readKeys(): Promise<void> {
    for (let text = await this.#keys.next(); text !== null; text = await this.#keys.next()) this.#type(text);
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const event of lastEvents) removeEventListener(event, this.#restore);
    this.#keys[Symbol.dispose]();
    write(leave);
  }
}

function wholeScreen(lines: readonly string[], { columns, rows }: Size): string {
  const drawn = lines.map((line, index) => `${toLine(index)}${withRestErased(line, columns)}`).join("");
  return `${drawn}${lines.length < rows ? `${toLine(lines.length)}${eraseBelow}` : ""}`;
}

function toLine(index: number): string {
  return `\u001b[${index + 1};1H`;
}

function changedLines(before: readonly string[], lines: readonly string[], { columns }: Size): string {
  const count = Math.max(before.length, lines.length);
  const changed: string[] = [];
  for (let index = 0; index < count; index++) {
    const line = lines[index] ?? "";
    if (line !== (before[index] ?? "")) {
      changed.push(`${toLine(index)}${withRestErased(line, columns)}`);
    }
  }
  return changed.join("");
}

/** At the end of a full line, a terminal would erase its last character. */
function withRestErased(line: string, columns: number): string {
  return widthOf(line) < columns ? line + eraseToEnd : line;
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
