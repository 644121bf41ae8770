import { openForAppend } from "../../host/append_file.ts";
import { CliError } from "../../terminal/errors.ts";

const oldFiles = 3;

/**
 * A log that does not fill the disk: at `mostBytes` the file becomes `<path>.1`, that one `<path>.2`, and the
 * last of three is dropped; where the folder lets nobody rename, it is emptied. What is not a regular file (a
 * terminal, a device) is written to without end; a pipe is refused: a reader that stops would stop the agent. A disk that is full costs lines, not the agent.
 */
export class LogFile {
  readonly #path: string;
  readonly #mostBytes: number;
  readonly #warn: (text: string) => void;
  #open: { file: Deno.FsFile; length: number; isRegular: boolean } | null;
  #isUnwritable = false;
  #isUnmovable = false;

  /** @throws {CliError} `usage` when the file cannot be opened at the start */
  constructor(path: string, { mostBytes, warn }: { mostBytes: number; warn: (text: string) => void }) {
    this.#path = path;
    this.#mostBytes = mostBytes;
    this.#warn = warn;
    try {
      if (isPipe(path)) throw new Error("it is a pipe, not a file");
      this.#open = open(path);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new CliError("usage", `Cannot write the log file "${path}": ${error.message}`, {
        hint: "openclaw monitor --log-file <file>, with a file in a folder that this user can write",
        cause: error,
      });
    }
  }

  line(text: string): void {
    try {
      const bytes = new TextEncoder().encode(`${text}\n`);
      this.#open ??= open(this.#path);
      const { isRegular, length } = this.#open;
      if (isRegular && length > 0 && length + bytes.length > this.#mostBytes) this.#rotate(this.#open.file);
      this.#open ??= open(this.#path);
      this.#open.length += this.#open.file.writeSync(bytes);
      this.#isUnwritable = false;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (this.#isUnwritable) return;
      // Before it is said: what is said is written to the log, too.
      this.#isUnwritable = true;
      this.#warn(`cannot write to the log file "${this.#path}", going on: ${error.message}`);
    }
  }

  #rotate(file: Deno.FsFile): void {
    const refusal = this.#rename();
    if (refusal === null) {
      file.close();
      this.#open = null;
      return;
    }
    file.truncateSync();
    this.#open = { file, length: 0, isRegular: true };
    if (this.#isUnmovable) return;
    this.#isUnmovable = true;
    this.#warn(
      `cannot keep older log files beside "${this.#path}", it is emptied instead: ${refusal.message}`,
    );
  }

  /** What was in the way, if the file could not be moved. */
  #rename(): Error | null {
    for (let age = oldFiles - 1; age >= 0; age--) {
      const from = age === 0 ? this.#path : `${this.#path}.${age}`;
      try {
        Deno.renameSync(from, `${this.#path}.${age + 1}`);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        if (!(error instanceof Deno.errors.NotFound)) return error;
      }
    }
    return null;
  }
}

function isPipe(path: string): boolean {
  try {
    return Deno.statSync(path).isFifo === true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function open(path: string): { file: Deno.FsFile; length: number; isRegular: boolean } {
  const file = openForAppend(path);
  const { size, isFile } = file.statSync();
  return { file, length: size, isRegular: isFile };
}
