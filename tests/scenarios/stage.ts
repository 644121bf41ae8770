import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import postgres from "postgres";
import { vacuumedTables } from "../../cli/serve/store/maintenance.ts";
import { Refusals } from "../../supabase/functions/_shared/http/refusals.ts";
import { FleetClient } from "../_support/client.ts";
import { copyFolder } from "../_support/database_template.ts";
import type { TestPostgres } from "../_support/postgres.ts";
import { folderInMemory, type ServerProcess, startServerProcess } from "../_support/server.ts";
import { type ServerHere, startServerHere } from "../_support/server_here.ts";

/** Runs SQL as the database's owner. */
type Sql = (statement: string) => Promise<Record<string, unknown>[]>;

/** One fleet: its server, and a way to see the rows. */
export interface Fleet {
  server: Pick<ServerHere, "url" | "base" | "data" | "operatorKey">;
  client: FleetClient;
  sql: Sql;
}

/** A fleet with a server in a process of its own, which a story may stop and start again. */
export interface OwnFleet extends Fleet {
  server: ServerProcess;
  /** Starts the server with other variables, over the same data; one that still runs is killed. */
  restart: (env?: Record<string, string>) => Promise<void>;
}

/** Where the stories play: over PGlite, or over a real Postgres. */
export interface Stage extends AsyncDisposable {
  /** The one fleet of all stories that need no server of their own, emptied. They play one after the other. */
  withFleet: (story: (fleet: Fleet) => Promise<void>) => Promise<void>;
  withOwnFleet: (env: Record<string, string>, story: (fleet: OwnFleet) => Promise<void>) => Promise<void>;
}

/** A public URL of its own, so that a restart on another port keeps its issuer. */
const publicUrl = "http://127.0.0.1:54321";
const { count } = Refusals.prototype;
/** But for what has one row from the beginning. */
const emptied = vacuumedTables.filter((table) => table !== "history_settings");
const empty = `truncate ${emptied.map((table) => `public.${table}`).join(", ")} cascade`;

/** The embedded Postgres. */
export async function pgliteStage(): Promise<Stage> {
  await using made = new AsyncDisposableStack();
  const root = made.use(await folderInMemory()).path;
  const shared = made.use(
    await startServerHere({ data: join(root, "shared"), env: { OPENCLAW_PUBLIC_URL: publicUrl } }),
  );
  let fleets = 0;
  const all = made.move();
  return {
    withFleet: (story) => playOn(shared, { sql: shared.sql }, story),
    async withOwnFleet(env, story) {
      const data = join(root, `fleet-${++fleets}`);
      await playInProcess({ data, env, sql: (statement) => readCopy(data, statement) }, story);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** What a server that was killed now would leave: the rows of a copy, while the server goes on. */
async function readCopy(data: string, statement: string): Promise<Record<string, unknown>[]> {
  const dataDir = `${data}-copy-${crypto.randomUUID()}`;
  await copyFolder(join(data, "postgres"), dataDir);
  await using database = await PGlite.create({ dataDir });
  return (await database.query<Record<string, unknown>>(statement)).rows;
}

/** A real Postgres: a database for all stories, and another one for each with a server of its own. */
export async function postgresStage(server: TestPostgres): Promise<Stage> {
  await using made = new AsyncDisposableStack();
  const root = made.use(await folderInMemory()).path;
  const databaseUrl = await server.createDatabase();
  const shared = made.use(
    await startServerHere({
      data: join(root, "shared"),
      databaseUrl,
      env: { OPENCLAW_PUBLIC_URL: publicUrl },
    }),
  );
  let fleets = 0;
  const all = made.move();
  return {
    withFleet: (story) => playOn(shared, { sql: sqlOver(databaseUrl) }, story),
    async withOwnFleet(env, story) {
      const url = await server.createDatabase();
      const data = join(root, `fleet-${++fleets}`);
      await playInProcess({ data, env: { DATABASE_URL: url, ...env }, sql: sqlOver(url) }, story);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function sqlOver(url: string): Sql {
  return async (statement) => {
    const database = postgres(url, { max: 1, onnotice: () => undefined });
    try {
      return [...await database.unsafe(statement)];
    } finally {
      await database.end();
    }
  };
}

async function playOn(
  server: ServerHere,
  { sql }: { sql: Sql },
  story: (fleet: Fleet) => Promise<void>,
): Promise<void> {
  await emptyAll(sql);
  forgetRefusals();
  await story({ server, sql, client: new FleetClient(server.base, server.operatorKey) });
}

/** Again where the server's own periodic work took its locks in another order: then Postgres ends one of the two. */
async function emptyAll(sql: Sql): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return void await sql(empty);
    } catch (error) {
      const isDeadlock = error instanceof postgres.PostgresError && error.code === "40P01";
      if (!isDeadlock || tries === 5) throw error;
    }
  }
}

/** All stories come from one address, which has refusals of its own in each of them. */
function forgetRefusals(): void {
  const refusals = new Refusals(() => new Date());
  Refusals.prototype.count = (address) => count.call(refusals, address);
}

async function playInProcess(
  { data, env, sql }: { data: string; env: Record<string, string>; sql: Sql },
  story: (fleet: OwnFleet) => Promise<void>,
): Promise<void> {
  const begin = (more: Record<string, string>): Promise<ServerProcess> =>
    startServerProcess({ data, env: { OPENCLAW_PUBLIC_URL: publicUrl, ...env, ...more } });
  let server = await begin({});
  try {
    await story({
      get server() {
        return server;
      },
      get client() {
        return new FleetClient(server.base, server.operatorKey);
      },
      sql,
      async restart(more = {}) {
        await server.stop("SIGKILL");
        server = await begin(more);
      },
    });
  } finally {
    await server.stop("SIGKILL");
  }
}
