import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import postgres from "postgres";
import { FleetClient } from "../_support/client.ts";
import { copyFolder } from "../_support/database_template.ts";
import type { TestPostgres } from "../_support/postgres.ts";
import { type ServerProcess, startServerProcess } from "../_support/server.ts";

/** One fleet: its server, which a story may stop and start again, and a way to see the rows. */
export interface Fleet {
  server: ServerProcess;
  client: FleetClient;
  /** Starts the server with other variables or arguments, over the same data; one that still runs is killed. */
  restart: (options?: FleetOptions) => Promise<void>;
  /** Runs SQL as the database's owner. */
  sql: (statement: string) => Promise<Record<string, unknown>[]>;
}

export interface FleetOptions {
  env?: Record<string, string>;
  args?: string[];
}

/** Where the stories play: over PGlite, or over a real Postgres. */
export interface Stage {
  /** A fleet of its own for a story, empty. */
  withFleet: (options: FleetOptions, story: (fleet: Fleet) => Promise<void>) => Promise<void>;
  /** What a server's start needs besides a data folder. */
  startEnv: () => Promise<Record<string, string>>;
  remove: () => Promise<void>;
}

/** A public URL of its own, so that a restart on another port keeps its issuer. */
const publicUrl = "http://127.0.0.1:54321";

/** The embedded Postgres. */
export async function pgliteStage(): Promise<Stage> {
  const root = await Deno.makeTempDir({ prefix: "openclaw-stories-" });
  let fleets = 0;
  return {
    startEnv: () => Promise.resolve({}),
    remove: () => Deno.remove(root, { recursive: true }),
    async withFleet(options, story) {
      const data = join(root, `fleet-${++fleets}`);
      await play({ data, env: {}, options }, story, (fleet) => async (statement) => {
        if (statement.startsWith("select")) return await readCopy(data, statement);
        await fleet.server.stop("SIGKILL");
        const rows = await runIn(join(data, "postgres"), statement);
        await fleet.restart();
        return rows;
      });
    },
  };
}

/** What a server that was killed now would leave: the rows of a copy, while the server goes on. */
async function readCopy(data: string, statement: string): Promise<Record<string, unknown>[]> {
  const copy = `${data}-copy-${crypto.randomUUID()}`;
  await copyFolder(join(data, "postgres"), copy);
  return await runIn(copy, statement);
}

async function runIn(dataDir: string, statement: string): Promise<Record<string, unknown>[]> {
  await using database = await PGlite.create({ dataDir });
  return (await database.query<Record<string, unknown>>(statement)).rows;
}

/** A real Postgres, a database for each fleet. */
export function postgresStage(server: TestPostgres): Stage {
  return {
    startEnv: async () => ({ DATABASE_URL: await server.createDatabase() }),
    remove: () => server.remove(),
    async withFleet(options, story) {
      const url = await server.createDatabase();
      const data = await Deno.makeTempDir({ prefix: "openclaw-stories-" });
      try {
        await play({ data, env: { DATABASE_URL: url }, options }, story, () => async (statement) => {
          const database = postgres(url, { max: 1, onnotice: () => undefined });
          try {
            return [...await database.unsafe(statement)];
          } finally {
            await database.end();
          }
        });
      } finally {
        await Deno.remove(data, { recursive: true });
      }
    },
  };
}

async function play(
  start: { data: string; env: Record<string, string>; options: FleetOptions },
  story: (fleet: Fleet) => Promise<void>,
  sqlOf: (fleet: Fleet) => Fleet["sql"],
): Promise<void> {
  const { data, env } = start;
  let options = start.options;
  const begin = async (): Promise<ServerProcess> =>
    await startServerProcess({
      data,
      env: { OPENCLAW_PUBLIC_URL: publicUrl, ...env, ...options.env },
      args: options.args ?? [],
    });
  let server = await begin();
  const fleet: Fleet = {
    get server() {
      return server;
    },
    get client() {
      return new FleetClient(server.base, server.operatorKey);
    },
    async restart(changed) {
      options = changed ?? options;
      await server.stop("SIGKILL");
      server = await begin();
    },
    sql: (statement) => sqlOf(fleet)(statement),
  };
  try {
    await story(fleet);
  } finally {
    await server.stop("SIGKILL");
  }
}
