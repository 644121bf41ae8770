import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { placesOf } from "../../cli/host/paths.ts";
import { writePrivateFile } from "../../cli/host/private_file.ts";
import { formatCredentials } from "../../cli/identity/credentials.ts";
import type { CreatedAgent } from "./client.ts";
import { binary } from "./compiled.ts";
import { end, signalIfThere, succeed } from "./run.ts";
import { openclaw } from "./server.ts";
import { agentSecret } from "./vectors.ts";

/** What a run of the program came to. */
export interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** The home folder; nothing of the real one is seen. */
  home: string;
  env?: Record<string, string>;
  stdin?: string;
  /** What a monitor is given in place of its host's time. The compiled program takes none of it. */
  time?: FastTime;
  /** When it is ended by force, in case a test hangs. */
  longestSeconds?: number;
}

/** See fast_monitor.ts. */
export interface FastTime {
  /** "jumping" skips every wait; a number is how many times as fast the clock runs. */
  clock?: "jumping" | number;
  replyTimeoutMs?: number;
}

/** A program that runs until somebody ends it; `await using` does so by force. */
export interface Running extends AsyncDisposable {
  pid: number;
  output: { stdout: string; stderr: string };
  /** The JSON lines so far. */
  events: () => Record<string, unknown>[];
  /** Waits for a line of JSON with this event, and fails after minutes. */
  until: (event: string, times?: number) => Promise<Record<string, unknown>>;
  kill: (signal: Deno.Signal) => void;
  /** Ends it by force, if it has not ended by itself. */
  end: () => Promise<void>;
  ended: Promise<Run>;
}

const timeoutMs = 120_000;
const fastMonitor = fileURLToPath(new URL("fast_monitor.ts", import.meta.url));
export const isBinary = binary !== undefined;
/**
 * What the source is run with in a home of its own: Deno finds the packages that it has fetched and the code that it has
 * compiled, and asks nobody for a newer Deno. Without it, each start fetches and compiles all of it again.
 */
export const sourceEnvironment: Record<string, string> = {
  DENO_DIR: Deno.env.get("DENO_DIR") ?? await cacheFolder(),
  DENO_NO_UPDATE_CHECK: "1",
  // Of code that was compiled under other flags, nothing is used, and all is compiled and written again.
  ...(Deno.env.has("DENO_V8_FLAGS") ? { DENO_V8_FLAGS: Deno.env.get("DENO_V8_FLAGS") ?? "" } : {}),
};

/** Runs the program to its end in an environment that holds only what is given, its cache when run from source. */
export async function run(args: string[], options: RunOptions): Promise<Run> {
  return await start(args, options).ended;
}

/** Starts it; its caller ends it. */
export function start(
  args: string[],
  { home, env = {}, stdin, time, longestSeconds = 240 }: RunOptions,
): Running {
  const { program, args: all } = commandOf(args, time);
  const child = new Deno.Command(program, {
    args: all,
    clearEnv: true,
    env: { ...ownEnvironment(home), ...env },
    cwd: home,
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  const drained = Promise.all([
    drain(child.stdout, (text) => {
      output.stdout += text;
      for (const listener of listeners) listener();
    }),
    drain(child.stderr, (text) => output.stderr += text),
    stdin === undefined ? Promise.resolve() : feed(child.stdin, stdin),
  ]);
  const timer = setTimeout(() => signalIfThere(child, "SIGKILL"), longestSeconds * 1000);
  const ended = drained.then(() => child.status).then(({ code }) => {
    clearTimeout(timer);
    return { code, ...output };
  });
  const events = (): Record<string, unknown>[] => linesOf(output.stdout);
  const finish = async (): Promise<void> => {
    await end(child);
    await ended;
  };
  return {
    pid: child.pid,
    output,
    events,
    ended,
    kill: (signal) => child.kill(signal),
    end: finish,
    [Symbol.asyncDispose]: finish,
    async until(event, times = 1) {
      const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
      const look = (): void => {
        const found = events().filter((one) => one.event === event)[times - 1];
        if (found !== undefined) resolve(found);
      };
      const fail = (): void => reject(new Error(`No "${event}" came: ${output.stdout}${output.stderr}`));
      const timer = setTimeout(fail, timeoutMs);
      listeners.add(look);
      look();
      ended.then(fail);
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        listeners.delete(look);
      }
    },
  };
}

/** How the program is started, from source with the time that it is given. */
export function commandOf(args: string[], time?: FastTime): { program: string; args: string[] } {
  if (time === undefined || isBinary) return openclaw(args);
  const all = ["run", "--quiet", "--no-prompt", "--allow-all", fastMonitor, JSON.stringify(time), ...args];
  return { program: Deno.execPath(), args: all };
}

/** An agent that no other process on this host watches over, be it another run of these tests. */
export function makeAgent(): CreatedAgent {
  return { id: crypto.randomUUID(), secret: agentSecret };
}

/** Writes the credentials file of a home, as `openclaw configure` does. */
export async function configureHome(home: string, { id, secret }: CreatedAgent, url: string): Promise<void> {
  await writePrivateFile(credentialsPath(home), formatCredentials({ url, agentId: id, secret }));
}

/** The environment that names an agent and its server. */
export function identify({ id, secret }: CreatedAgent, url: string): Record<string, string> {
  return { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: id, OPENCLAW_AGENT_SECRET: secret };
}

/** What the program is given: a home of its own, and what nothing runs without. */
export function ownEnvironment(home: string): Record<string, string> {
  const common = { PATH: Deno.env.get("PATH") ?? "", NO_COLOR: "1", ...cache() };
  if (Deno.build.os !== "windows") return { HOME: home, ...common };
  return {
    USERPROFILE: home,
    APPDATA: join(home, "AppData", "Roaming"),
    LOCALAPPDATA: join(home, "AppData", "Local"),
    // Without it Windows opens no socket.
    SystemRoot: Deno.env.get("SystemRoot") ?? "C:\\Windows",
    TEMP: home,
    ...common,
  };
}

export function credentialsPath(home: string): string {
  return placesIn(home).credentials;
}

export function sessionPath(home: string): string {
  return join(placesIn(home).state, "session.json");
}

function placesIn(home: string): ReturnType<typeof placesOf> {
  const environment = ownEnvironment(home);
  return placesOf((name) => environment[name], Deno.build.os);
}

export async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

export function linesOf(text: string): Record<string, unknown>[] {
  return text.split("\n").slice(0, -1).map((line) => ({ ...JSON.parse(line) }));
}

function cache(): Record<string, string> {
  return isBinary ? {} : sourceEnvironment;
}

async function feed(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stream.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
}

async function drain(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}

/** Where Deno keeps what it has fetched differs from system to system; it knows. */
async function cacheFolder(): Promise<string> {
  const { stdout } = await succeed(Deno.execPath(), ["info", "--json"]);
  const { denoDir }: { denoDir: string } = JSON.parse(stdout);
  return denoDir;
}
