import type { Screen } from "./screen.ts";

/** Lets the program be stopped for a time, as by Ctrl-Z, with the terminal put back while it is. */
export class Suspension implements Disposable {
  readonly #screen: Screen;
  readonly #redraw: () => void;
  readonly #stop = (): void => void this.suspend();
  readonly #go = (): void => {
    this.#screen.resume();
    this.#redraw();
  };

  constructor(screen: Screen, redraw: () => void) {
    this.#screen = screen;
    this.#redraw = redraw;
    if (Deno.build.os === "windows") return;
    Deno.addSignalListener("SIGTSTP", this.#stop);
    Deno.addSignalListener("SIGCONT", this.#go);
  }

  /** Stops the program until it is told to go on; false where it may not stop itself, as under Deno 2.4. */
  suspend(): boolean {
    if (Deno.build.os === "windows") return false;
    this.#screen.suspend();
    try {
      Deno.kill(Deno.pid, "SIGSTOP");
      return true;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      this.#go();
      return false;
    }
  }

  [Symbol.dispose](): void {
    if (Deno.build.os === "windows") return;
    Deno.removeSignalListener("SIGTSTP", this.#stop);
    Deno.removeSignalListener("SIGCONT", this.#go);
  }
}
