import { type PGlite, protocol } from "@electric-sql/pglite";
import { describe, type Log } from "../../../supabase/functions/_shared/log.ts";
import type { Job } from "../schedule.ts";

const writesBetweenVacuums = 5000;
const oldTransactions = 100_000_000;

type Run = (sql: string) => Promise<void>;

/**
 * The work of the autovacuum and the checkpointer, which PGlite does not have: makes the room of rows that were
 * replaced free again, cuts the write-ahead log, keeps the planner's statistics, and freezes old rows before their
 * transaction numbers come round again.
 *
 * It runs after the replies. A failure (a full disk) is a line in the log, and is tried again.
 */
export class Maintenance {
  readonly #database: PGlite;
  readonly #log: Log;
  #writes = 0;
  #agentsCreated = 0;
  #nextStatistics = 64;
  #vacuums = 0;
  /** After how many of them the statistics are taken again. */
  #nextAnalysis = 1;
  /** Whether the vacuum that waits takes the statistics, too. */
  #analyzes = false;
  #waiting: Promise<void> | null = null;
  #last: Promise<void> = Promise.resolve();

  constructor(database: PGlite, log: Log) {
    this.#database = database;
    this.#log = log;
  }

  /** The server's periodic work. */
  get jobs(): Job[] {
    const hourMs = 60 * 60 * 1000;
    return [
      { name: "statistics", everyMs: hourMs, run: () => this.#queue("analyze", vacuumAndAnalyze) },
      { name: "freeze", everyMs: 24 * hourMs, run: () => this.#queue("freeze", freeze) },
    ];
  }

  /** Does at the start what the last run may not have come to. */
  async start(): Promise<void> {
    await this.#queue("vacuum", vacuumAndAnalyze);
    const { rows } = await this.#database.query<{ age: number }>(
      "select max(age(datfrozenxid)) as age from pg_database",
    );
    if ((rows[0]?.age ?? 0) > oldTransactions) await this.#queue("freeze", freeze);
  }

  /**
   * Rows were replaced or added. Room that is free again after every 5,000 of them is used before the file grows. Statistics
   * are taken after 5,000, 10,000, 20,000, … since the start, and every hour: they stop all beats for several times as
   * long as the room does, and few plans change before a table has doubled.
   */
  noteWrites(count: number): void {
    this.#writes += count;
    if (this.#writes < writesBetweenVacuums) return;
    this.#vacuums += 1;
    const isDue = this.#vacuums >= this.#nextAnalysis;
    if (isDue) this.#nextAnalysis *= 2;
    this.#vacuumSoon({ analyzes: isDue });
  }

  /**
   * An agent was created. After 64, 128, 256, … since the start the statistics are taken again: a plan that was made
   * and kept when there were few agents reads the whole table for every heartbeat when there are many.
   */
  noteAgentCreated(): void {
    if (++this.#agentsCreated < this.#nextStatistics) return;
    this.#nextStatistics *= 2;
    this.#vacuumSoon({ analyzes: true });
  }

  /** Waits for what is under way. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #vacuumSoon({ analyzes }: { analyzes: boolean }): void {
    this.#writes = 0;
    this.#analyzes ||= analyzes;
    this.#waiting ??= this.#queue("vacuum", (run) => {
      this.#waiting = null;
      const work = this.#analyzes ? vacuumAndAnalyze : vacuum;
      this.#analyzes = false;
      return work(run);
    });
  }

  #queue(what: string, work: (run: Run) => Promise<void>): Promise<void> {
    return this.#last = this.#last.then(nextTurn).then(() => asOwner(this.#database, work)).catch((error) =>
      this.#log.line("warn", `could not ${what} the embedded Postgres`, { cause: describe(error) })
    );
  }
}

/**
 * Includes the rows that are too long for their page (TOAST): long messages and many metrics. The checkpoint cuts the
 * log (pg_wal), which would grow without end; it comes first, because it may free the room that the vacuum needs.
 */
async function vacuum(run: Run, options = ""): Promise<void> {
  await run("checkpoint");
  await run(`vacuum ${options} ${vacuumedTables.map((table) => `public.${table}`).join(", ")}`);
}

function vacuumAndAnalyze(run: Run): Promise<void> {
  return vacuum(run, "(analyze)");
}

/** Every table of the migrations. */
export const vacuumedTables = [
  "agents",
  "agent_beats",
  "agent_events",
  "agent_instances",
  "agent_turns",
  "reader_keys",
  "enrollments",
  "enrollment_hosts",
  "ticks",
  "server_gaps",
  "incidents",
  "incident_agents",
  "agent_troubles",
  "channels",
  "deliveries",
  "history_settings",
  "history_beats",
  "history_hours",
  "history_minutes",
  "agent_gaps",
];

/**
 * PGlite is a standalone backend, which does not stop when transaction numbers run out: old rows would vanish. A
 * database that does not allow connections cannot be frozen, and the two templates would keep the log of all
 * transactions (2 bits each) from being cut. This server creates no databases, so they are dropped.
 */
async function freeze(run: Run): Promise<void> {
  await run(
    "update pg_catalog.pg_database set datistemplate = false where datname in ('template0', 'template1')",
  );
  for (const template of ["template0", "template1"]) await run(`drop database if exists ${template}`);
  await run("vacuum (freeze)");
}

/**
 * Runs statements as the superuser while nothing else runs: `runExclusive` holds back all calls, but not the
 * protocol's own messages, so that no call ever has that role.
 */
async function asOwner(database: PGlite, work: (run: Run) => Promise<void>): Promise<void> {
  const run: Run = async (sql) => void await database.execProtocol(protocol.serialize.query(sql));
  await database.runExclusive(async () => {
    await run("reset role");
    try {
      await work(run);
    } finally {
      await run("set role service_role");
    }
  });
}

/** Lets the reply go first to the call that made the work due: PGlite works in this thread. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
