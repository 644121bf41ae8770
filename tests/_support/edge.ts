import { fileURLToPath } from "node:url";
import { exists } from "../../cli/host/private_file.ts";
import { end, run } from "./run.ts";

/** The functions as Supabase runs them: a worker each under the Edge Runtime's Deno, and a gateway in front. */
export interface Edge {
  /** `<url>/functions/v1`. */
  base: string;
  /** What the functions have printed so far. */
  output: string[];
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const worker = `${root}tests/_support/edge_worker.ts`;
export const functions = await functionNames();

/** The Deno that the Edge Runtime is built on; null when npm does not give it to this machine. */
export async function findEdgeDeno(): Promise<string | null> {
  if (Deno.version.deno === "2.1.4") return Deno.execPath();
  // This one asks its own list of authorities alone, unless it is told to ask the host's, too.
  if (Deno.env.get("DENO_TLS_CA_STORE") === undefined) Deno.env.set("DENO_TLS_CA_STORE", "mozilla,system");
  const ended = await run(
    "npx",
    ["-y", "deno@2.1.4", "eval", "--no-config", "console.log(Deno.execPath())"],
    {
      env: { npm_config_loglevel: "error" },
      timeoutSeconds: 300,
    },
  );
  return ended?.code === 0 ? ended.stdout.trim() : null;
}

/** How a function is started: with its own configuration, and no more than it needs. */
export function functionArgs(name: string, program: string[]): string[] {
  const config = `${root}supabase/functions/${name}/deno.json`;
  return ["run", "--quiet", "--no-lock", "--allow-net", "--allow-env", "--config", config, ...program];
}

export function indexOf(name: string): string {
  return `${root}supabase/functions/${name}/index.ts`;
}

async function functionNames(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`${root}supabase/functions`)) {
    if (await exists(indexOf(name))) names.push(name);
  }
  return names.sort();
}

/** Runs every function for as long as the work takes. */
export async function withEdge(
  deno: string,
  env: Record<string, string>,
  work: (edge: Edge) => Promise<void>,
): Promise<void> {
  const output: string[] = [];
  const workers = functions.map((name) => startWorker(deno, { name, env, output }));
  const gateway = new AbortController();
  try {
    const addresses = await Promise.all(workers.map(({ address }) => address));
    const byName = new Map(functions.map((name, index) => [name, addresses[index] ?? ""]));
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => undefined, signal: gateway.signal },
      (request) => forward(request, byName),
    );
    await work({ base: `http://127.0.0.1:${server.addr.port}/functions/v1`, output });
    gateway.abort();
    await server.finished;
  } finally {
    for (const { stop } of workers) await stop();
  }
}

/** One function. */
interface Worker {
  address: Promise<string>;
  pid: number;
  stop: () => Promise<void>;
}

/** Starts a function; its caller stops it. */
export function startWorker(
  deno: string,
  { name, env, output }: { name: string; env: Record<string, string>; output: string[] },
): Worker {
  const child = new Deno.Command(deno, {
    args: functionArgs(name, [`--allow-read=${root}supabase/functions`, worker, indexOf(name)]),
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const drained = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      output.push(text);
      const address = /^http:.*$/m.exec(text)?.[0];
      if (address !== undefined) resolve(address);
    }
    reject(new Error(`The function ${name} did not start`));
  })();
  return {
    address: promise,
    pid: child.pid,
    async stop() {
      await end(child);
      await drained;
    },
  };
}

/** As the platform's gateway: the function sees its own name first in the path. */
async function forward(request: Request, byName: Map<string, string>): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const path = pathname.replace(/^\/functions\/v1/, "");
  const address = byName.get(path.split("/")[1] ?? "");
  if (address === undefined) return Response.json({ code: "NOT_FOUND" }, { status: 404 });
  // Not as a copy of the request: Deno warns of its signal, which a copy takes along.
  const { method, headers, body } = request;
  return await fetch(`${address}${path}${search}`, { method, headers, body });
}
