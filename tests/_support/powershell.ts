import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** How a run in a session ended, and what it left of the environment and the folder that it was given. */
interface Answer {
  code: number;
  stdout: string;
  stderr: string;
  env: Record<string, string>;
  folder: string;
}

interface Job {
  file: string;
  args: readonly string[];
  env: Record<string, string>;
}

interface SessionOptions {
  /** A script that comes before all files, as a user's profile does. */
  prelude?: string;
  /** What stands before the command, and becomes PowerShell: `unshare -m`. */
  wrapper?: string[];
}

const script = fileURLToPath(new URL("./powershell_session.ps1", import.meta.url));

/** PowerShell itself, or null where there is none. */
export const pwsh: string | null = findPowerShell(Deno.env.get("PATH") ?? "");

/**
 * What `pwsh` on the PATH starts. As a tool of .NET it is a small program that starts another one and passes on
 * neither signals nor its own end, so that what a test does to it would not reach PowerShell.
 */
function findPowerShell(path: string): string | null {
  for (const folder of path.split(":").filter((part) => part !== "")) {
    try {
      const real = Deno.realPathSync(join(folder, "pwsh"));
      const inStore = inToolStore(join(dirname(real), ".store/powershell"));
      return inStore ?? real;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    }
  }
  return null;
}

/** `<version>/powershell/<version>/tools/<framework>/any/unix/pwsh`, as `dotnet tool install` lays it down. */
function inToolStore(store: string): string | null {
  try {
    const version = onlyFolder(store);
    const tools = join(store, version, "powershell", version, "tools");
    return Deno.realPathSync(join(tools, onlyFolder(tools), "any/unix/pwsh"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function onlyFolder(path: string): string {
  const [first, ...more] = Array.from(Deno.readDirSync(path)).filter(({ isDirectory }) => isDirectory);
  if (first === undefined || more.length > 0) throw new Error(`Cannot choose a folder in ${path}`);
  return first.name;
}

/** What PowerShell is given in every test: it calls nobody, and keeps what it remembers beside the home. */
export function powershellEnvironment(folder: string): Record<string, string> {
  return {
    POWERSHELL_TELEMETRY_OPTOUT: "1",
    POWERSHELL_UPDATECHECK: "Off",
    DOTNET_CLI_TELEMETRY_OPTOUT: "1",
    // What .NET compiles with counters in it, for a faster program later, is a tenth of a start.
    DOTNET_TieredPGO: "0",
    // PowerShell has .NET compile most of a script anew. Code that runs a few times is not worth being optimized.
    DOTNET_JITMinOpts: "1",
    XDG_CACHE_HOME: join(folder, "powershell/cache"),
    XDG_DATA_HOME: join(folder, "powershell/data"),
    PSModuleAnalysisCachePath: join(folder, "powershell/modules"),
    // It leaves its pipes there when it is killed.
    TMPDIR: folder,
    ...(Deno.env.has("DOTNET_ROOT") ? { DOTNET_ROOT: Deno.env.get("DOTNET_ROOT") ?? "" } : {}),
    PATH: `${dirname(pwsh ?? "")}:${Deno.env.get("PATH") ?? ""}`,
  };
}

/** One PowerShell in which files run one after the other, as at a user's prompt. A start takes a second of CPU. */
export class PowerShellSession implements AsyncDisposable {
  readonly pid: number;
  #child: Deno.ChildProcess;
  #lines: ReadableStreamDefaultReader<string>;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #stderr = "";
  #drained: Promise<void>;
  #turn: Promise<unknown> = Promise.resolve();
  #rest = "";

  constructor(folder: string, { prelude, wrapper = [] }: SessionOptions = {}) {
    const program = pwsh ?? assert.fail("there is no PowerShell");
    const own = [
      "-NoProfile",
      "-NonInteractive",
      "-File",
      script,
      ...(prelude === undefined ? [] : [prelude]),
    ];
    const [first = program, ...rest] = [...wrapper, program, ...own];
    this.#child = new Deno.Command(first, {
      args: rest,
      cwd: folder,
      clearEnv: true,
      env: { ...powershellEnvironment(folder), HOME: folder, LANG: "C.UTF-8" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#writer = this.#child.stdin.getWriter();
    this.#drained = this.#drain(this.#child.stderr);
  }

  /** Runs the file when those before it are done. It has to leave the environment and the folder as they were. */
  async run(job: Job): Promise<{ code: number; stdout: string; stderr: string }> {
    const running = this.#turn.then(() => this.#ask(job));
    this.#turn = running.catch(() => undefined);
    const { code, stdout, stderr, env } = await running;
    assert.deepEqual(env, job.env, "the environment of the user's shell is not as it was");
    return { code, stdout, stderr };
  }

  async #ask(job: Job): Promise<Answer> {
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(job)}\n`));
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error(`PowerShell has ended: ${this.#rest}${this.#stderr}`);
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    const said = this.#stderr;
    this.#stderr = "";
    const answer: Answer = JSON.parse(line);
    return { ...answer, stderr: said + answer.stderr };
  }

  async #drain(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#stderr += text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#writer.close();
    await this.#child.status;
    await this.#lines.cancel();
    await this.#drained;
  }
}

/** Where PowerShell's own parser cannot read the files. */
export async function syntaxFaults(paths: string[]): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    const parser = fileURLToPath(new URL("./powershell_parse.ps1", import.meta.url));
    const { code, stdout, stderr } = await new Deno.Command(pwsh ?? assert.fail("there is no PowerShell"), {
      args: ["-NoProfile", "-NonInteractive", "-File", parser, ...paths],
      clearEnv: true,
      env: { ...powershellEnvironment(folder), HOME: folder },
      stdin: "null",
    }).output();
    const shown = new TextDecoder().decode(stderr);
    assert.deepEqual([code, shown], [0, ""]);
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
