/** What a program that ended left behind. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  stdin?: string;
  /** A program that takes longer is ended: one that hangs, and none that a busy machine slows. */
  timeoutSeconds?: number;
  /** Ends it, and starts none when it comes before. */
  signal?: AbortSignal;
}

/**
 * Runs a program to its end; null when there is no such program.
 *
 * @throws the signal's reason when that has ended it
 */
export async function run(
  program: string,
  args: string[],
  { env = {}, cwd, stdin, timeoutSeconds = 300, signal }: RunOptions = {},
): Promise<Ended | null> {
  signal?.throwIfAborted();
  const late = AbortSignal.timeout(timeoutSeconds * 1000);
  try {
    const child = new Deno.Command(program, {
      args,
      env: { NO_COLOR: "1", ...env },
      ...(cwd === undefined ? {} : { cwd }),
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      signal: signal === undefined ? late : AbortSignal.any([late, signal]),
    }).spawn();
    if (stdin !== undefined) await new Blob([stdin]).stream().pipeTo(child.stdin);
    const { code, stdout, stderr } = await child.output();
    signal?.throwIfAborted();
    const text = new TextDecoder();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** The same, of a program that has to be there and to succeed. */
export async function succeed(program: string, args: string[], options: RunOptions = {}): Promise<Ended> {
  const ended = await run(program, args, options);
  if (ended === null) throw new Error(`There is no ${program}`);
  if (ended.code === 0) return ended;
  throw new Error(`${program} ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`);
}

/** Ends a process that was started here, if it has not ended by itself. */
export async function end(child: Deno.ChildProcess): Promise<void> {
  signalIfThere(child, "SIGKILL");
  await child.status;
}

/** Its status may not have come yet when it has ended, so nobody can ask before. */
export function signalIfThere(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // Deno's only way to say that it has ended.
    if (!(error instanceof TypeError)) throw error;
  }
}
