const signals: Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];
const leaving: readonly string[] = ["q", "Q", "\u0003", "\u0004", "\u001b"];

/**
 * The keys of the terminal, each as it is pressed and not shown, until it is disposed of. A signal that ends a program
 * is an order to leave, too: whoever listens puts the terminal back first.
 */
export class Keys implements Disposable {
  /** Resolves when somebody wants to leave: q, Esc, Ctrl-C, Ctrl-D, a signal, or a terminal that is gone. */
  readonly left: Promise<void>;
  readonly #leave: () => void;
  readonly #isRaw: boolean;
  #isClosed = false;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.left = promise;
    this.#leave = resolve;
    this.#isRaw = Deno.stdin.isTerminal();
    for (const signal of signals) Deno.addSignalListener(signal, this.#leave);
    if (this.#isRaw) Deno.stdin.setRaw(true);
  }

  /** The next key that is not an order to leave; null when there is none any more. */
  async next(): Promise<string | null> {
    const buffer = new Uint8Array(64);
    const read = this.#isRaw ? await readKeys(buffer) : null;
    const key = read === null ? null : new TextDecoder().decode(buffer.subarray(0, read));
    if (key !== null && !leaving.includes(key)) return key;
    if (this.#isRaw) this.#leave();
    return null;
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const signal of signals) Deno.removeSignalListener(signal, this.#leave);
    if (!this.#isRaw) return;
    try {
      Deno.stdin.setRaw(false);
    } catch (error) {
      // A terminal that is gone has nothing to be put back.
      if (!(error instanceof Error)) throw error;
    }
  }
}

/** Null where the terminal is gone. */
async function readKeys(buffer: Uint8Array): Promise<number | null> {
  try {
    return await Deno.stdin.read(buffer);
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}
