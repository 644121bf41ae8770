import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { namesElsewhere } from "../../cli/commands/elsewhere_names.ts";
import { binary } from "./compiled.ts";
import { signalIfThere } from "./run.ts";
import { pause } from "./wait.ts";

/** The embedded server in a process of its own, as its users start it. */
export interface ServerProcess extends AsyncDisposable {
  url: string;
  /** `<url>/functions/v1`. */
  base: string;
  data: string;
  operatorKey: string;
  pid: number;
  /** What it has printed so far. */
  output: { stdout: string; stderr: string };
  /**
   * Asks it to stop, if it has not, and returns its exit code. A stop by SIGTERM takes a snapshot, most of a second of
   * CPU: a test that is not about it kills the server.
   */
  stop: (signal?: Deno.Signal) => Promise<number>;
  status: Promise<Deno.CommandStatus>;
}

interface StartOptions {
  data: string;
  args?: string[];
  env?: Record<string, string>;
  /** How many files it may open. */
  files?: number;
  /** Whether the server makes its database itself, which costs seconds of CPU, and is not given a new one. */
  makesDatabase?: true;
}

/** What a start that was refused printed. */
export interface RefusedStart {
  code: number;
  stdout: string;
  stderr: string;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const serverPermissions = ["--allow-net", "--allow-env", "--allow-sys", "--allow-read", "--allow-write"];

/**
 * How the program is started: from source, or the compiled one. The server is the file
 * beside it, so that a signal to the process is one to the server.
 */
export function openclaw(args: string[]): { program: string; args: string[] } {
  if (binary !== undefined) {
    const isServers = namesElsewhere.includes(args[0] ?? "");
    return { program: isServers ? binary.replace(/(\.exe)?$/, "-server$1") : binary, args };
  }
  const permissions = args[0] === "serve" ? serverPermissions : ["--allow-all"];
  return {
    program: Deno.execPath(),
    args: ["run", "--quiet", "--no-prompt", ...permissions, join(root, "cli/main.ts"), ...args],
  };
}

/** Starts the server on a free port (or `--port` in `args`) and waits until it listens; `await using` kills it. */
export async function startServerProcess(options: StartOptions): Promise<ServerProcess> {
  const started = await tryServerProcess(options);
  if ("code" in started) {
    throw new Error(`The server did not start (${started.code}): ${started.stdout}${started.stderr}`);
  }
  return started;
}

/** The same, but a refusal to start is an answer too. */
export async function tryServerProcess(
  { data, args = [], env = {}, files, makesDatabase }: StartOptions,
): Promise<ServerProcess | RefusedStart> {
  const isEmbedded = !args.includes("--database-url") && !env.DATABASE_URL;
  if (isEmbedded && makesDatabase === undefined && !args.includes("--restore")) await giveDatabase(data);
  const port = args.includes("--port") ? [] : ["--port", "0"];
  const start = limited(openclaw(["serve", "--data", data, ...port, ...args]), files);
  const child = new Deno.Command(start.program, {
    args: start.args,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = { stdout: "", stderr: "" };
  const listening = Promise.withResolvers<string>();
  const drained = Promise.all([
    drain(child.stdout, (text) => output.stdout += text),
    drain(child.stderr, (text) => {
      output.stderr += text;
      const url = / listens on (\S+)\n[^]*?(?:\n\n[^]*?\n\n|\d agents?: .+\n)/.exec(output.stderr)?.[1];
      if (url !== undefined) listening.resolve(url);
    }),
  ]);
  const ended = drained.then(() => child.status).then(({ code }) => ({ code, ...output }));
  const first = await Promise.race([listening.promise, ended]);
  if (typeof first !== "string") return first;
  const stop = async (signal: Deno.Signal = "SIGTERM"): Promise<number> => {
    signalIfThere(child, signal);
    return (await ended).code;
  };
  return {
    url: first,
    base: `${first}/functions/v1`,
    data,
    operatorKey: (await Deno.readTextFile(join(data, "operator-key"))).trim(),
    pid: child.pid,
    output,
    status: child.status,
    stop,
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
    },
  };
}

/** Loaded when it is needed: it starts a server itself. */
async function giveDatabase(data: string): Promise<void> {
  const { copyDatabaseTemplate } = await import("./database_template.ts");
  await copyDatabaseTemplate(data);
}

function limited(
  start: { program: string; args: string[] },
  files?: number,
): { program: string; args: string[] } {
  if (files === undefined) return start;
  return { program: "sh", args: ["-c", `ulimit -n ${files}; exec "$0" "$@"`, start.program, ...start.args] };
}

/** A folder that is removed when the work is done. */
export async function withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  await using folder = await temporaryFolder();
  return await work(folder.path);
}

/** A folder for `await using`: it is removed at the end of the block. */
export async function temporaryFolder(dir?: string): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "openclaw-test-", ...(dir === undefined ? {} : { dir }) });
  return { path, [Symbol.asyncDispose]: () => removeFolder(path) };
}

/** Removes a folder when the tests of this file have ended, when nothing can be waited for. */
export function removeAtEnd(folder: string): void {
  addEventListener("unload", () => {
    let tries = mostRemovals;
    while (true) {
      try {
        return Deno.removeSync(folder, { recursive: true });
      } catch (error) {
        tries -= 1;
        if (tries === 0 || !isNotEmpty(error)) throw error;
      }
    }
  });
}

/** What a killed shell began may still write there, between the last file's removal and the folder's own: then once more. */
const mostRemovals = 20;

async function removeFolder(path: string): Promise<void> {
  for (let tries = mostRemovals; tries > 0; tries -= 1) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (tries === 1 || !isNotEmpty(error)) throw error;
      await pause(10);
    }
  }
}

/** As Linux, macOS and Windows number it: Deno has no class for it. */
function isNotEmpty(error: unknown): boolean {
  return error instanceof Error && /os error (39|66|145)\b/.test(error.message);
}

/**
 * The same in memory, where `tools/test.ts` found room: for a server's data, and what else has many files or large ones.
 * Not for an agent's home: what enrolls or changes its secret refuses a place that is gone after the next start.
 */
export function folderInMemory(): ReturnType<typeof temporaryFolder> {
  return temporaryFolder(Deno.env.get("OPENCLAW_TEST_MEMORY") || undefined);
}

/** The same for a block. */
export async function withFolderInMemory<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  await using folder = await folderInMemory();
  return await work(folder.path);
}

async function drain(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}
