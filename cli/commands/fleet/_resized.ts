/** Calls `redraw` when the terminal gets another size. */
export class Resized implements Disposable {
  redraw: () => void = () => undefined;
  readonly #listener = (): void => this.redraw();

  constructor() {
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGWINCH", this.#listener);
  }

  [Symbol.dispose](): void {
    if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGWINCH", this.#listener);
  }
}
