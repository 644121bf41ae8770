import { PGlite } from "@electric-sql/pglite";
import { type ServeOptions, startServer } from "../../cli/serve/server.ts";
import { readSettings } from "../../supabase/functions/_shared/env.ts";
import { Log } from "../../supabase/functions/_shared/log.ts";
import { copyDatabaseTemplate } from "./database_template.ts";

/** The server in the process of its test. */
export interface ServerHere extends AsyncDisposable {
  url: string;
  /** `<url>/functions/v1`. */
  base: string;
  data: string;
  operatorKey: string;
  /** What it has logged so far. */
  lines: string[];
  /** Runs SQL as the owner of its embedded Postgres, beside it. */
  sql: (statement: string) => Promise<Record<string, unknown>[]>;
}

/** To try out how many there may be would take all files of the process, which other tests share. */
const connections = 1000;

interface Options extends Partial<Pick<ServeOptions, "databaseUrl" | "tls" | "port">> {
  data: string;
  env?: Record<string, string>;
}

/**
 * Starts the server in this process, which costs a third of what a process of its own does, where one was started
 * before. For a story that is not about the process: its signals, its output, its flags and variables.
 */
export async function startServerHere(
  { data, env = {}, databaseUrl = null, tls = null, port = 0 }: Options,
): Promise<ServerHere> {
  if (databaseUrl === null) await copyDatabaseTemplate(data);
  const environment = (name: string): string | undefined => env[name];
  const lines: string[] = [];
  using opened = watchPglite();
  const server = await startServer(
    { hostname: "127.0.0.1", port, data, databaseUrl, tls, restore: false, connections },
    { env: environment, settings: readSettings(environment), log: new Log((line) => lines.push(line)) },
  );
  return {
    url: server.url,
    base: `${server.url}/functions/v1`,
    data,
    operatorKey: (await Deno.readTextFile(server.operatorKeyPath)).trim(),
    lines,
    sql: (statement) => asOwner(opened.databases.at(-1), statement),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** Keeps the databases that are opened until the end of the block: the server shows its own to nobody. */
function watchPglite(): { databases: PGlite[] } & Disposable {
  const databases: PGlite[] = [];
  const plain = PGlite.create.bind(PGlite);
  const watching = async (options: object): Promise<PGlite> => {
    const database: PGlite = await plain(options);
    databases.push(database);
    return database;
  };
  Object.assign(PGlite, { create: watching });
  return { databases, [Symbol.dispose]: () => void Object.assign(PGlite, { create: plain }) };
}

async function asOwner(database: PGlite | undefined, statement: string): Promise<Record<string, unknown>[]> {
  if (database === undefined) throw new Error("This server has no embedded Postgres");
  return await database.transaction(async (transaction) => {
    await transaction.exec("set local role none");
    return (await transaction.query<Record<string, unknown>>(statement)).rows;
  });
}
