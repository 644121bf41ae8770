import { createHash } from "node:crypto";
import { join } from "node:path";
import { exists } from "../../cli/host/private_file.ts";
import { keptFolder } from "./kept_folder.ts";
import { freePort } from "./port.ts";
import { run } from "./run.ts";
import { folderInMemory } from "./server.ts";
import { databaseName } from "./sql.ts";
import { isInstalled } from "./tools.ts";

/** A real Postgres in a temporary folder, for as long as a test needs it; `await using` removes it. */
export interface TestPostgres extends AsyncDisposable {
  /** The address of a new database: an empty one, or a copy of one that nobody is connected to. */
  createDatabase: (original?: string) => Promise<string>;
  port: number;
  /** Its first process, whose children the others are. */
  pid: () => Promise<number>;
  bin: string;
  /** Stops the server as `pg_ctl stop --mode` does. */
  halt: (mode: "fast" | "immediate") => Promise<void>;
  start: () => Promise<void>;
  /** What it has logged so far. */
  log: () => Promise<string>;
  /** Stops it and removes everything. */
  remove: () => Promise<void>;
}

/** With little in the write-ahead log, since each server copies it. */
const access = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--wal-segsize=1"];
const folders = ["/usr/lib/postgresql", "/opt/homebrew/opt/postgresql@15/bin"];

/** The folder of a Postgres 15 or later on this host, or null. */
export async function findPostgres(): Promise<string | null> {
  // Postgres refuses to run as root.
  if (isRoot() && !isInstalled("setpriv")) return null;
  const given = Deno.env.get("OPENCLAW_TEST_POSTGRES_BIN");
  const versions = given === undefined ? await installed() : [given];
  for (const bin of versions) {
    try {
      const { success } = await new Deno.Command(join(bin, "initdb"), { args: ["--version"], stdout: "null" })
        .output();
      if (success) return bin;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return null;
}

/** Whether this Postgres can create the extension. */
export async function hasExtension(bin: string, name: string): Promise<boolean> {
  const configured = await run(join(bin, "pg_config"), ["--sharedir"]);
  return configured !== null && await exists(join(configured.stdout.trim(), `extension/${name}.control`));
}

async function installed(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders) {
    try {
      for await (const { name } of Deno.readDir(folder)) found.push(join(folder, name, "bin"));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found.sort();
}

/** Starts a Postgres on a free loopback port. Durable as in production: nothing is switched off for speed. */
export async function startPostgres(bin: string, configuration: string[] = []): Promise<TestPostgres> {
  const { path: folder } = await folderInMemory();
  if (isRoot()) await succeed("chown", ["postgres", folder]);
  const port = freePort();
  const data = join(folder, "data");
  await succeed("cp", ["-a", await initializedFolder(bin), data]);
  const configured = ["listen_addresses=127.0.0.1", "max_connections=200", ...configuration];
  const settings = `-p ${port} -k ${folder} ${configured.map((one) => `-c ${one}`).join(" ")}`;
  const start = (): Promise<void> =>
    asPostgres(join(bin, "pg_ctl"), ["-D", data, "-o", settings, "-l", join(folder, "log"), "-w", "start"]);
  const halt = (mode: string): Promise<void> =>
    asPostgres(join(bin, "pg_ctl"), ["-D", data, "-m", mode, "-w", "stop"]);
  await start();
  let databases = 0;
  const remove = async (): Promise<void> => {
    await halt("immediate");
    await Deno.remove(folder, { recursive: true });
  };
  return {
    port,
    pid: async () => parseInt(await Deno.readTextFile(join(data, "postmaster.pid"))),
    bin,
    start,
    halt,
    log: () => Deno.readTextFile(join(folder, "log")),
    async createDatabase(original) {
      const name = `fleet_${++databases}`;
      const template = original === undefined ? [] : ["-T", databaseName(original)];
      const server = ["-h", "127.0.0.1", "-p", String(port), "-U", "postgres"];
      await succeed(join(bin, "createdb"), [...server, ...template, name]);
      return `postgres://postgres@127.0.0.1:${port}/${name}`;
    },
    remove,
    [Symbol.asyncDispose]: remove,
  };
}

let initialized: Promise<string> | null = null;

/** What `initdb` made, once for each Postgres and user of this host: a copy of its folder costs a third of that. */
function initializedFolder(bin: string): Promise<string> {
  initialized ??= initialize(bin);
  return initialized;
}

async function initialize(bin: string): Promise<string> {
  const version = await succeed(join(bin, "initdb"), ["--version"], "piped");
  const key = createHash("sha256").update(`${bin} ${version} ${access.join(" ")}`).digest("hex").slice(0, 16);
  return await keptFolder(`postgres-${key}`, async (folder) => {
    if (isRoot()) await succeed("chown", ["postgres", folder]);
    const data = join(folder, "data");
    await asPostgres(join(bin, "initdb"), ["-D", data, ...access]);
    return data;
  });
}

/** A Postgres that is removed when the work is done. */
export async function withPostgres(
  bin: string,
  work: (postgres: TestPostgres) => Promise<void>,
): Promise<void> {
  await using postgres = await startPostgres(bin);
  await work(postgres);
}

/** Postgres refuses to run as root. */
async function asPostgres(program: string, args: string[]): Promise<void> {
  if (!isRoot()) return void await succeed(program, args);
  await succeed("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", program, ...args]);
}

function isRoot(): boolean {
  return Deno.uid() === 0;
}

/** Returns what it printed, where that is asked for. */
async function succeed(program: string, args: string[], stdout: "null" | "piped" = "null"): Promise<string> {
  // Postgres's children would keep a pipe open, and this waiting for its end.
  const ended = await new Deno.Command(program, { args, cwd: "/", stdout, stderr: "null" }).output();
  if (!ended.success) throw new Error(`${program} ended with ${ended.code}`);
  return stdout === "null" ? "" : new TextDecoder().decode(ended.stdout);
}
