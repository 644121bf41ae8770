import { isErrno } from "./errors.ts";

const clear = "\r\u001b[K";

/** One line on the terminal that says how far the work has come. Where there is no terminal, it says nothing. */
export class Progress implements Disposable {
  readonly #isShown: boolean;
  #hasLine = false;

  constructor(environment: (name: string) => string | undefined, { isQuiet }: { isQuiet: boolean }) {
    this.#isShown = !isQuiet && environment("TERM") !== "dumb" && Deno.stderr.isTerminal();
  }

  /** Puts the text, which has no line feed, in the place of the one before. */
  show(text: string): void {
    if (!this.#isShown) return;
    this.#write(clear + text);
    this.#hasLine = true;
  }

  /** Takes the line away, so that something else can be said. */
  clear(): void {
    if (this.#hasLine) this.#write(clear);
    this.#hasLine = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  /** That nobody can see it does not end the work. */
  #write(text: string): void {
    try {
      Deno.stderr.writeSync(new TextEncoder().encode(text));
    } catch (error) {
      if (!isErrno(error, "EPIPE", "EAGAIN", "EIO") && !(error instanceof Deno.errors.BrokenPipe)) {
        throw error;
      }
    }
  }
}
