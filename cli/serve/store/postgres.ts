import postgres from "postgres";
import { isLoopback } from "../../../supabase/functions/_shared/address.ts";
import {
  ContractError,
  isOutageState,
  unavailable,
} from "../../../supabase/functions/_shared/http/errors.ts";
import { databaseOver, type SqlCall } from "../../../supabase/functions/_shared/database/port.ts";
import {
  callParameters,
  callStatement,
  callText,
  type Connection,
  type Owner,
  type Store,
} from "./connection.ts";
import { migrate } from "./migrate.ts";
import { CallQueue } from "./queue.ts";
import { StartError } from "../start_error.ts";

type Settings = postgres.Options<Record<never, never>>;
type Rows = readonly Record<string, unknown>[];
type Ask = (pool: postgres.Sql, call: SqlCall) => Promise<Rows>;

const connections = 8;
const timeoutMs = 4000;
/**
 * Shorter than our own timeout, so that Postgres gives up first. A statement that was sent late may still be done
 * after we have replied that it was not.
 */
const statementTimeoutMs = 3500;
const serviceRole = "service_role";
const migrationLock = "select pg_advisory_xact_lock(hashtextextended('openclaw migrations', 0))";

/**
 * Opens a real Postgres and brings it to this version's schema.
 *
 * Behind a transaction pooler (`?prepare=false` in the address, or port 6543) nothing is prepared, and the
 * role is taken with every call; elsewhere each connection takes it once, when it is opened.
 *
 * @throws {StartError} when the database cannot be reached, migrated or used.
 */
export async function openPostgres(address: string): Promise<Store> {
  const url = parseAddress(address);
  const pooled = url.port === "6543" || url.searchParams.get("prepare") === "false";
  const settings: Settings = {
    onnotice: () => undefined,
    connect_timeout: 4,
    backoff: () => 0.5,
    prepare: !pooled,
    // postgres.js 3.4.9 asks for the types of arrays on each new connection, and ends the process when that fails.
    fetch_types: false,
    ...(needsEncryption(url) ? { ssl: "prefer" as const } : {}),
    ...ipv6(url),
  };
  await prepare(address, settings);
  const role: Settings = pooled
    ? {}
    : { connection: { role: serviceRole, statement_timeout: statementTimeoutMs } };
  const store = storeOver((max) => postgres(address, { ...settings, ...role, max }), { pooled });
  try {
    await databaseOver(store.call).health.ping();
    return store;
  } catch (error) {
    await store.close();
    throw startErrorOf(error);
  }
}

/**
 * Beats and handshakes come as lists: each kind on one connection, whose backend is warm. While Postgres works on a list of
 * handshakes, the next one is on its way on the same connection, but not behind a pooler: not every one of them can.
 */
function storeOver(connect: (max: number) => postgres.Sql, { pooled }: { pooled: boolean }): Store {
  const ask = pooled ? askInTransaction : askDirectly;
  // A second connection is there for when the first one was lost: postgres.js waits half a second to open it again.
  const oneByOne = (): Lane => new Lane(() => connect(2), { ask, concurrency: 1 });
  // postgres.js would use the second one at once.
  const pipelined = (): Lane => new Lane(() => connect(1), { ask, concurrency: 2 });
  const lists = new Map<SqlCall["name"], Lane>([
    ["record_ordinary_heartbeats", oneByOne()],
    ["record_heartbeats", oneByOne()],
    ["open_sessions", pooled ? oneByOne() : pipelined()],
  ]);
  const concurrency = connections - lists.size;
  const others = new Lane(() => connect(concurrency), { ask, concurrency });
  return {
    call: (call) => (lists.get(call.name) ?? others).call(call),
    isParallel: true,
    pipelines: !pooled,
    jobs: [],
    close: async () => void await Promise.all([others, ...lists.values()].map((lane) => lane.close())),
  };
}

/** A database that takes no writes fails every call: a new pool for each of them would be a load of its own. */
const leastRenewalMs = 1000;

/** Longer than a call may take. */
const graceSeconds = 5;

/**
 * One call on each connection at a time, or two where they are pipelined; the others wait in our own queue, because
 * postgres.js cannot safely cancel a query. A pool in which a call got no reply in time is replaced by a new one:
 * its connections may be dead. So is one with an error that belongs to the connection, which would fail the next
 * call, too. And so is one that has lost a connection under a call: postgres.js 3.4.9 keeps what Postgres said
 * before it ended the session, and when it has connected again, the next call fails with that.
 */
class Lane {
  readonly #connect: () => postgres.Sql;
  readonly #ask: Ask;
  readonly #queue: CallQueue;
  #pool: postgres.Sql;
  #bornAt = performance.now();

  constructor(connect: () => postgres.Sql, { ask, concurrency }: { ask: Ask; concurrency: number }) {
    this.#connect = connect;
    this.#ask = ask;
    this.#queue = new CallQueue({ concurrency, timeoutMs });
    this.#pool = connect();
  }

  async call(call: SqlCall): Promise<unknown> {
    let used = this.#pool;
    try {
      const [row] = await this.#queue.run(() => {
        used = this.#pool;
        return this.#ask(used, call);
      }, () => this.#replace(used, { graceSeconds: 0 }));
      return row?.result ?? null;
    } catch (error) {
      const isDue = performance.now() - this.#bornAt > leastRenewalMs;
      if (isLoss(error) || belongsToConnection(error) && isDue) this.#replace(used, { graceSeconds });
      throw isOutage(error) ? unavailable("the database", error) : error;
    }
  }

  close(): Promise<void> {
    return this.#pool.end({ timeout: graceSeconds });
  }

  /** @param options.graceSeconds how long its other calls may still take */
  #replace(used: postgres.Sql, options: { graceSeconds: number }): void {
    if (used !== this.#pool) return;
    this.#pool = this.#connect();
    this.#bornAt = performance.now();
    void used.end({ timeout: options.graceSeconds });
  }
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

function startErrorOf(thrown: unknown): unknown {
  const error = thrown instanceof ContractError ? thrown.cause : thrown;
  const hint = error instanceof postgres.PostgresError ? hintFor(error.code) : undefined;
  if (hint !== undefined && error instanceof Error) {
    return new StartError(`Cannot use the database: ${error.message}`, hint, { cause: error });
  }
  if (!isOutage(error)) return error;
  return new StartError(
    "Cannot reach the database",
    "check the host, port and password of the database URL",
    { failure: "unreachable", cause: error },
  );
}

/** What a user can do about a refusal, by its SQLSTATE. */
function hintFor(sqlState: string): string | undefined {
  if (sqlState === "08P01") return "if this is a transaction pooler, add ?prepare=false to the database URL";
  if (!/^28|^3D|^42501$/.test(sqlState)) return undefined;
  return "connect as a user that may create in that database and create roles, or that has been granted service_role";
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

async function askDirectly(pool: postgres.Sql, call: SqlCall): Promise<Rows> {
  const values = callParameters(call) as postgres.ParameterOrJSON<never>[];
  return await pool.unsafe(callStatement(call), values, { prepare: true });
}

/**
 * The role and the call in one message of the simple protocol, which is one transaction. Not `begin`: when
 * the connection is lost within it, postgres.js 3.4.9 ends the process.
 */
async function askInTransaction(pool: postgres.Sql, call: SqlCall): Promise<Rows> {
  const results: unknown = await pool.unsafe(`
    set local role ${serviceRole};
    set local statement_timeout = ${statementTimeoutMs};
    ${callText(call)}`).simple();
  const last: unknown = Array.isArray(results) ? results.at(-1) : null;
  return Array.isArray(last) ? last : [];
}

/**
 * What the same call may not meet on a new connection: a session that may not write, as after a failover (25006), one
 * that the server ends (57P), a statement that it prepared before the schema changed, or has forgotten (0A000, 26000).
 */
function belongsToConnection(error: unknown): boolean {
  return error instanceof postgres.PostgresError && /^(25006|57P0\d|0A000|26000)$/.test(error.code);
}

/** The connection ended under the call. */
function isLoss(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    /^(CONNECTION_CLOSED|ECONNRESET|EPIPE)$/.test(String(error.code));
}

/** The socket's failure, the driver's own, or Postgres's. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  if (error instanceof postgres.PostgresError) return isOutageState(code) || code.startsWith("28");
  return /^(TIMEOUT|CONNECTION_|CONNECT_TIMEOUT|E[A-Z_]+$)/.test(code) ||
    error instanceof Deno.errors.ConnectionRefused ||
    error instanceof Deno.errors.ConnectionReset;
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url !== null && /^postgres(ql)?:$/.test(url.protocol) && isDecodable(url)) return url;
  throw new StartError(
    "Cannot read the database URL: it is not a postgres:// address",
    "give it as DATABASE_URL=postgres://user:password@host:5432/database, with % as %25",
    { failure: "usage" },
  );
}

/**
 * postgres.js 3.4.9 would ask for the address with its brackets; a list is taken as it is, though its types do
 * not know of lists.
 */
function ipv6({ hostname, port }: URL): object {
  return hostname.startsWith("[") ? { host: [hostname.slice(1, -1)], port: [Number(port || 5432)] } : {};
}

function isDecodable({ username, password, pathname }: URL): boolean {
  try {
    [username, password, pathname].forEach(decodeURIComponent);
    return true;
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}

/** As libpq does by default: encrypted if the server can. On this host there is no need. */
function needsEncryption(url: URL): boolean {
  const isHere = url.hostname === "" || isLoopback(url.hostname);
  return !isHere && !url.searchParams.has("sslmode") && !url.searchParams.has("ssl");
}
