import { CliError } from "../errors.ts";

const oldFiles = 3;

/**
 * A log that does not fill the disk: at `mostBytes` the file becomes `<path>.1`, that one `<path>.2`, and the
 * last of three is dropped. A disk that is full costs lines, not the agent.
 */
export class LogFile {
  readonly #path: string;
  readonly #mostBytes: number;
  readonly #warn: (text: string) => void;
  #file: Deno.FsFile | null;
  #length: number;
  #complained = false;

  /** @throws {CliError} `usage` when the file cannot be opened at the start */
  constructor(path: string, { mostBytes, warn }: { mostBytes: number; warn: (text: string) => void }) {
    this.#path = path;
    this.#mostBytes = mostBytes;
    this.#warn = warn;
    try {
      this.#file = open(path);
      this.#length = this.#file.statSync().size;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new CliError("usage", `Cannot write the log file "${path}": ${error.message}`, {
        hint: "name a file in a folder that this user can write",
        cause: error,
      });
    }
  }

  line(text: string): void {
    try {
      const bytes = new TextEncoder().encode(`${text}\n`);
      if (this.#length > 0 && this.#length + bytes.length > this.#mostBytes) this.#rotate();
      this.#file ??= open(this.#path);
      this.#length += this.#file.writeSync(bytes);
      this.#complained = false;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!this.#complained) {
        this.#warn(`cannot write to the log file "${this.#path}", going on: ${error.message}`);
      }
      this.#complained = true;
    }
  }

  #rotate(): void {
    this.#file?.close();
    this.#file = null;
    this.#length = 0;
    for (let age = oldFiles - 1; age >= 0; age--) {
      const from = age === 0 ? this.#path : `${this.#path}.${age}`;
      try {
        Deno.renameSync(from, `${this.#path}.${age + 1}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
}

function open(path: string): Deno.FsFile {
  return Deno.openSync(path, { append: true, create: true, mode: 0o600 });
}
