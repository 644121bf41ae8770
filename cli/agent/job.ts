import { childEnvironment } from "../host/child_environment.ts";
import { isErrno } from "../terminal/errors.ts";
import { printable } from "../terminal/printable.ts";
import { unlessAborted } from "../host/unless_aborted.ts";

/** How a job ended. */
export interface Ended {
  /** As a shell would tell it: 128 and the signal's number, 127 for a program that is not there. */
  code: number;
  /** The last line that it printed, or why it could not be started. */
  lastWords: string | null;
}

/** The streams of this process that a job's own go to. */
export interface Streams {
  stdout: WritableStream<Uint8Array>;
  stderr: WritableStream<Uint8Array>;
}

const lastWordsMilliseconds = 200;
const longestLine = 2000;
const windows = Deno.build.os === "windows";

/**
 * Runs a job to its end, without a shell and without our secrets, and passes on what it reads and prints, and the
 * signals that this process gets. What it leaves running is left running.
 */
export async function runJob([program = "", ...args]: string[], streams: Streams): Promise<Ended> {
  const child = startOrFault(program, args);
  if (!(child instanceof Deno.ChildProcess)) return child;
  const line = new LastLine();
  const drained = Promise.all([
    passOn(child.stdout, streams.stdout, line),
    passOn(child.stderr, streams.stderr, line),
  ]);
  const deaf = forwardSignals(child);
  const { code } = await child.status;
  deaf();
  // A process that it left running may hold its output open.
  await unlessAborted(drained, AbortSignal.timeout(lastWordsMilliseconds));
  return { code, lastWords: line.text };
}

function startOrFault(program: string, args: string[]): Deno.ChildProcess | Ended {
  try {
    return new Deno.Command(program, {
      args,
      clearEnv: true,
      env: childEnvironment(),
      stdin: "inherit",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isMissing = error instanceof Deno.errors.NotFound;
    const why = isMissing ? "there is no such program" : printable(error.message);
    return { code: isMissing ? 127 : 126, lastWords: `Cannot run "${printable(program)}": ${why}` };
  }
}

/** From now on until the function that it returns is called. A terminal sends Ctrl-C to the job itself. */
function forwardSignals(child: Deno.ChildProcess): () => void {
  const signals: Deno.Signal[] = windows ? [] : ["SIGTERM", "SIGHUP", "SIGINT"];
  const listeners = signals.map((signal) => {
    const listener = (): void => {
      if (signal !== "SIGINT" || !Deno.stdin.isTerminal()) kill(child, signal);
    };
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  return () => listeners.forEach((remove) => remove());
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function passOn(
  from: ReadableStream<Uint8Array>,
  to: WritableStream<Uint8Array>,
  line: LastLine,
): Promise<void> {
  const decoder = new TextDecoder();
  const writer = to.getWriter();
  let isHeard = true;
  for await (const bytes of from) {
    line.add(decoder.decode(bytes, { stream: true }));
    // A reader that went away ends no job.
    if (isHeard) isHeard = await wasWritten(writer, bytes);
  }
  writer.releaseLock();
}

async function wasWritten(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  bytes: Uint8Array,
): Promise<boolean> {
  try {
    await writer.write(bytes);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe || isErrno(error, "EPIPE")) return false;
    throw error;
  }
}

/** The last line in a text that comes in parts, of which no more is kept than a message has room for. */
export class LastLine {
  #done = "";
  #open = "";

  add(text: string): void {
    const lines = (this.#open + text).split(/[\r\n]/).map((line) => line.slice(0, longestLine));
    this.#open = lines.pop() ?? "";
    this.#done = lines.findLast((line) => line.trim() !== "") ?? this.#done;
  }

  /** Null: there was none. */
  get text(): string | null {
    const line = this.#open.trim() === "" ? this.#done : this.#open;
    return line.trim() === "" ? null : printable(line.trim());
  }
}
