import { CliError } from "../errors.ts";

/** How a program of the host's administrator ended. */
export interface Ending {
  /** Null: it could not be started, or was killed because its time was over or it said too much. */
  code: number | null;
  stdout: string;
  fault: string | null;
}

const mostBytes = 65_536;

/**
 * The words of a command. There is no shell: text is split at its spaces, and who needs spaces or quotes in a
 * word writes a JSON array.
 *
 * @throws {CliError} `usage` when it cannot be read so
 */
export function parseCommand(text: string, name: string): string[] {
  const words = text.trim().startsWith("[") ? parseArray(text) : splitWords(text);
  if (words !== null && words.length > 0) return words;
  throw new CliError(
    "usage",
    `Cannot read ${name}: words without quotes, or a JSON array of strings, are wanted`,
    {
      hint: `${name} '["/usr/local/bin/check", "two words"]'`,
    },
  );
}

/**
 * Runs a program without a shell, without any of our variables, for at most `seconds`, and reads at most 64 KiB
 * of what it prints. Never fails: what went wrong is in the answer.
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
      env: ownEnvironment(),
      stdin: "null",
      stdout: "piped",
      stderr: "null",
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
  const aborted = Promise.withResolvers<"aborted">();
  signal.addEventListener("abort", () => aborted.resolve("aborted"));
  const decoder = new TextDecoder();
  let stdout = "";
  let length = 0;
  // Grandchildren may keep the pipe open: the end of the time ends the reading, too.
  const kill = (fault: string): Ending => {
    child.kill("SIGKILL");
    reader.cancel().catch(() => undefined);
    return { code: null, stdout, fault };
  };
  while (true) {
    const read = await Promise.race([reader.read(), aborted.promise]);
    if (read === "aborted") return kill(`it was not done within ${seconds} s`);
    if (read.done) break;
    length += read.value.length;
    if (length > mostBytes) return kill(`it printed more than ${mostBytes} bytes`);
    stdout += decoder.decode(read.value, { stream: true });
  }
  const ended = await Promise.race([child.status, aborted.promise]);
  if (ended === "aborted") return kill(`it was not done within ${seconds} s`);
  return { code: ended.code, stdout: stdout + decoder.decode(), fault: null };
}

/** The variables of this process but ours: a secret must not reach a child. */
function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !name.toUpperCase().startsWith("OPENCLAW_")),
  );
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
