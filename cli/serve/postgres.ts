import postgres from "postgres";
import { isOutageState, unavailable } from "../../supabase/functions/_shared/errors.ts";
import { callStatement, type Connection, type Owner, type Store } from "./connection.ts";
import { migrate } from "./migrate.ts";
import { StartError } from "./start_error.ts";

type Settings = postgres.Options<Record<never, never>>;
type Query = Promise<readonly Record<string, unknown>[]> & { cancel?: () => void };
type Parameters = postgres.ParameterOrJSON<never>[];

const connections = 8;
const patienceMilliseconds = 4000;
const serviceRole = "service_role";
const migrationLock = "select pg_advisory_xact_lock(hashtextextended('openclaw migrations', 0))";

/**
 * Opens a real Postgres and brings it to this version's schema.
 *
 * Behind a transaction pooler (`?prepare=false` in the address, or port 6543) nothing is prepared, and the
 * role is taken in every transaction; elsewhere each connection takes it once, when it is opened.
 *
 * @throws {StartError} when the database cannot be reached or may not be migrated.
 */
export async function openPostgres(address: string): Promise<Store> {
  const url = parseAddress(address);
  const pooled = url.port === "6543" || url.searchParams.get("prepare") === "false";
  const settings: Settings = {
    onnotice: () => undefined,
    connect_timeout: 4,
    backoff: () => 0.5,
    prepare: !pooled,
    ...(needsEncryption(url) ? { ssl: "prefer" as const } : {}),
  };
  await prepare(address, settings);
  const role: Settings = pooled ? {} : { connection: { role: serviceRole } };
  const pool = postgres(address, { ...settings, ...role, max: connections });
  const ask = pooled ? askInTransaction : askDirectly;
  return {
    call: async (name, args) => {
      try {
        const [row] = await patiently(ask(pool, callStatement(name, args), Object.values(args)));
        return row?.result ?? null;
      } catch (error) {
        throw isOutage(error) ? unavailable("the database", error) : error;
      }
    },
    close: () => pool.end({ timeout: 5 }),
  };
}

async function prepare(address: string, settings: Settings): Promise<void> {
  const database = postgres(address, { ...settings, max: 1 });
  try {
    const [row] = await database`select current_setting('server_version_num')::integer as version,
      current_setting('server_encoding') as encoding`;
    if (Number(row?.version) < 150000) {
      throw new StartError("Cannot use this Postgres: it is older than 15", "use Postgres 15 or later");
    }
    if (row?.encoding !== "UTF8") {
      throw new StartError(
        `Cannot use this database: its encoding is ${row?.encoding}`,
        "create it with: createdb --encoding=UTF8 --template=template0 <name>",
      );
    }
    await migrate(owner(database));
  } catch (error) {
    throw startErrorOf(error);
  } finally {
    await database.end({ timeout: 1 });
  }
}

function startErrorOf(error: unknown): unknown {
  if (isOutage(error)) {
    return new StartError(
      "Cannot reach the database",
      "check the host, port and password of the database URL",
      {
        cause: error,
      },
    );
  }
  if (error instanceof postgres.PostgresError && /^(28|3D|42501)/.test(error.code)) {
    return new StartError(
      `Cannot use the database: ${error.message}`,
      "connect as a user who may log in, create schemas there and create roles (or make the roles anon, authenticated and service_role)",
      { cause: error },
    );
  }
  return error;
}

function owner(database: postgres.Sql): Owner {
  return {
    ...over(database),
    exclusively: async (work) => {
      await database.begin(async (transaction) => {
        await transaction.unsafe(migrationLock);
        await work(over(transaction));
      });
    },
  };
}

function over(database: Pick<postgres.Sql, "unsafe">): Connection {
  return {
    rows: async (sql) => [...await database.unsafe(sql)],
    run: async (sql) => void await database.unsafe(sql).simple(),
  };
}

function askDirectly(pool: postgres.Sql, statement: string, args: unknown[]): Query {
  return pool.unsafe(statement, args as Parameters, { prepare: true });
}

function askInTransaction(pool: postgres.Sql, statement: string, args: unknown[]): Query {
  return pool.begin(async (transaction) => {
    const [, rows] = await Promise.all([
      transaction.unsafe(`set local role ${serviceRole}`),
      transaction.unsafe(statement, args as Parameters),
    ]);
    return rows;
  });
}

/** Gives up after 4 s, and takes back what was only waiting for a connection. */
async function patiently<Result>(query: Promise<Result> & { cancel?: () => void }): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new DatabaseSilent());
    query.catch(() => undefined);
    query.cancel?.();
  }, patienceMilliseconds);
  try {
    return await Promise.race([query, promise]);
  } finally {
    clearTimeout(timer);
  }
}

class DatabaseSilent extends Error {
  override readonly name = "DatabaseSilent";
  readonly code = "SILENT";

  constructor() {
    super(`no answer within ${patienceMilliseconds / 1000} s`);
  }
}

/** The socket's failure, the driver's own, or Postgres's. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  if (error instanceof postgres.PostgresError) return isOutageState(code);
  return /^(SILENT|CONNECTION_|CONNECT_TIMEOUT|E[A-Z]+$)/.test(code) ||
    error instanceof Deno.errors.ConnectionRefused ||
    error instanceof Deno.errors.ConnectionReset;
}

function parseAddress(address: string): URL {
  if (URL.canParse(address) && /^postgres(ql)?:$/.test(new URL(address).protocol)) return new URL(address);
  throw new StartError(
    "Cannot read the database URL: it is not a postgres:// address",
    "give it as DATABASE_URL=postgres://user:password@host:5432/database",
  );
}

/** As libpq does when nothing is said: encrypted if the server can. On this host there is no need. */
function needsEncryption(url: URL): boolean {
  const isHere = ["", "localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  return !isHere && !url.searchParams.has("sslmode") && !url.searchParams.has("ssl");
}
