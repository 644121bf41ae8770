import { childEnvironment } from "./child_environment.ts";
import { CliError } from "../terminal/errors.ts";
import { unlessAborted } from "./unless_aborted.ts";

/** How a program of the host's administrator ended. */
export interface Ending {
  /** Null: it could not be started, or was killed because its time was over or it said too much. */
  code: number | null;
  stdout: string;
  fault: string | null;
}

const mostBytes = 65_536;
const lastWordsMilliseconds = 200;
const windows = Deno.build.os === "windows";

/**
 * The words of a command. There is no shell: text is split at its spaces, and a command with spaces or quotes in a
 * word writes a JSON array.
 *
 * @throws {CliError} `usage` when it cannot be read so
 */
export function parseCommand(text: string, name: string): string[] {
  const words = text.trim().startsWith("[") ? parseArray(text) : splitWords(text);
  if (words !== null && words.length > 0) return words;
  throw new CliError(
    "usage",
    `Cannot read ${name}: expected words without quotes, or a JSON array of strings`,
    {
      hint: `${name} '["/usr/local/bin/check", "two words"]'`,
    },
  );
}

/**
 * Runs a program without a shell, without any of our variables, for at most `seconds`, and reads at most 64 KiB
 * of what it prints. Never fails: what went wrong is in the answer. One that is not done in time is killed with
 * all that it started (on Windows: only itself); what it leaves running when it is done is left running.
 */
export async function runProgram(
  [program = "", ...args]: string[],
  { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<Ending> {
  const over = AbortSignal.timeout(seconds * 1000);
  try {
    const child = new Deno.Command(program, {
      args,
      clearEnv: true,
      env: childEnvironment(),
      stdin: "null",
      stdout: "piped",
      stderr: "null",
      detached: !windows,
    }).spawn();
    return await watch(child, AbortSignal.any([over, signal]), seconds);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const missing = error instanceof Deno.errors.NotFound;
    return { code: null, stdout: "", fault: missing ? "there is no such program" : error.message };
  }
}

async function watch(child: Deno.ChildProcess, signal: AbortSignal, seconds: number): Promise<Ending> {
  const reader = child.stdout.getReader();
  const output = { text: "", length: 0 };
  const read = collect(reader, output);
  const flood = Promise.withResolvers<"flood">();
  read.then((whole) => whole ? undefined : flood.resolve("flood"));
  try {
    const ended = await unlessAborted(Promise.race([child.status, flood.promise]), signal);
    if (ended === null || ended === "flood") {
      kill(child);
      const fault = ended === null
        ? `it was not done within ${seconds} s`
        : `it printed more than ${mostBytes} bytes`;
      return { code: null, stdout: output.text, fault };
    }
    // Somebody whom it left running may hold its output open.
    const whole = await unlessAborted(read, AbortSignal.timeout(lastWordsMilliseconds));
    if (whole === false) {
      return { code: null, stdout: output.text, fault: `it printed more than ${mostBytes} bytes` };
    }
    return { code: ended.code, stdout: output.text, fault: null };
  } finally {
    await reader.cancel();
  }
}

/** Whether all was read; false: it was more than we take. */
async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  output: { text: string; length: number },
): Promise<boolean> {
  const decoder = new TextDecoder();
  while (true) {
    const { done, value } = await reader.read();
    if (done) break;
    output.length += value.length;
    if (output.length > mostBytes) return false;
    output.text += decoder.decode(value, { stream: true });
  }
  output.text += decoder.decode();
  return true;
}

/** The child leads a group of its own, so its number with a minus is everybody whom it started. */
function kill(child: Deno.ChildProcess): void {
  try {
    if (windows) child.kill("SIGKILL");
    else Deno.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

function splitWords(text: string): string[] | null {
  return /["'\\]/.test(text) ? null : text.split(/\s+/).filter((word) => word !== "");
}

function parseArray(text: string): string[] | null {
  try {
    const value: unknown = JSON.parse(text);
    const words = Array.isArray(value) ? value : [];
    return words.every((word): word is string => typeof word === "string") ? words : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
