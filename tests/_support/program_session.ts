import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { isBinary, ownEnvironment, type Run, run, type RunOptions, sourceEnvironment } from "./program.ts";
import { signalIfThere } from "./run.ts";

/** A command line, and what its process would be given. */
export interface Call {
  args: string[];
  env: Record<string, string>;
  cwd: string;
}

interface Session {
  answers: ReadableStreamDefaultReader<string>;
  calls: WritableStreamDefaultWriter<Uint8Array>;
}

const program = fileURLToPath(new URL("./session_program.ts", import.meta.url));
const session = isBinary ? null : begin();
let last: Promise<unknown> = Promise.resolve();

/**
 * Runs the program to its end, from source in a process that all calls of a test file share: a start costs 0.3 s of CPU,
 * and a call in it a tenth of that. Not for what is about the process: its signals, permissions and terminal, or two of
 * them at once. What is given on stdin has a process of its own, since a process reads that once; and so has each call
 * of the compiled program.
 */
export function runInSession(
  args: string[],
  options: Pick<RunOptions, "home" | "env" | "stdin">,
): Promise<Run> {
  const { home, env = {}, stdin } = options;
  if (session === null || stdin !== undefined) return run(args, options);
  const call: Call = { args, env: { ...ownEnvironment(home), ...env }, cwd: home };
  const next = last.then(() => ask(session, call));
  last = next.catch(() => undefined);
  return next;
}

/** Begun with the file: what a test begins, it has to end. */
function begin(): Session {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-all", program],
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", ...sourceEnvironment },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  addEventListener("unload", () => signalIfThere(child, "SIGKILL"));
  return {
    answers: child.stdout.pipeThrough(new TextDecoderStream()).getReader(),
    calls: child.stdin.getWriter(),
  };
}

async function ask({ answers, calls }: Session, call: Call): Promise<Run> {
  await calls.write(new TextEncoder().encode(`${JSON.stringify(call)}\n`));
  let text = "";
  while (!text.endsWith("\n")) {
    const { done, value } = await answers.read();
    assert.ok(!done, `The program ended during ${call.args.join(" ")}`);
    text += value;
  }
  return JSON.parse(text);
}
