const signals: Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];
/** The keys that leave where nothing else is said: q, Ctrl-C, Ctrl-D, Esc. */
const usual: readonly string[] = ["q", "Q", "\u0003", "\u0004", "\u001b"];

/**
 * The keys of the terminal, each as it is pressed and not shown, until it is disposed of. A signal that ends a program
 * is an order to leave, too: whoever listens puts the terminal back first.
 */
export class Keys implements Disposable {
  /** Resolves when somebody wants to leave: one of the keys for that, a signal, or a terminal that is gone. */
  readonly left: Promise<void>;
  readonly #leave: () => void;
  readonly #isRaw: boolean;
  readonly #leaving: readonly string[];
  readonly #decoder = new TextDecoder();
  #isClosed = false;

  /** @param leaving the keys that are an order to leave */
  constructor(leaving = usual) {
    this.#leaving = leaving;
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
    // A character may come in two parts.
    const key = read === null ? null : this.#decoder.decode(buffer.subarray(0, read), { stream: true });
    if (key !== null && !this.#leaving.includes(key)) return key;
    if (this.#isRaw) this.#leave();
    return null;
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const signal of signals) Deno.removeSignalListener(signal, this.#leave);
    this.setRaw(false);
  }

  /** Gives the terminal its own mode back for a time, or takes it again. */
  setRaw(raw: boolean): void {
    if (!this.#isRaw) return;
    try {
      Deno.stdin.setRaw(raw);
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
