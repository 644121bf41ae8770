import type { PGlite } from "@electric-sql/pglite";
import { describe, type Log } from "../../../supabase/functions/_shared/log.ts";
import type { Job } from "../schedule.ts";
import { askAsOwner } from "./as_owner.ts";
import { type Room, scarcity } from "./room.ts";

const writesBetweenVacuums = 5000;
/** Two of its files, looked at after every 5,000 writes. A start after a kill reads what there is. */
const mostLogBytes = 32 * 1024 * 1024;
const oldTransactions = 100_000_000;
/** Of a table 6,000 rows are read for its statistics, where Postgres by itself reads 30,000. */
const statisticsTarget = 20;

const checkpoint = "checkpoint";
const vacuum = "vacuum";
const analyze = "vacuum (analyze)";
/** PGlite is a standalone backend, which does not stop when transaction numbers run out: old rows would vanish. */
const freeze = "vacuum (freeze)";

/** Statements, one after the other. */
type Work = () => AsyncIterable<string> | Iterable<string>;

/**
 * The work of the autovacuum and the checkpointer, which PGlite does not have: makes the room of rows that were
 * replaced free again, cuts the write-ahead log, keeps the planner's statistics, and freezes old rows before their
 * transaction numbers come round again.
 *
 * It runs after the replies, a statement at a time: calls go in between. A failure (a full disk) is a line in the log, and
 * is tried again.
 */
export class Maintenance {
  readonly #database: PGlite;
  readonly #log: Log;
  readonly #room: Pick<Room, "isScarce" | "hasSegment">;
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

  /** @param room of the database's disk: where it is scarce, nothing is done but to cut the log */
  constructor(database: PGlite, log: Log, room: Pick<Room, "isScarce" | "hasSegment">) {
    this.#database = database;
    this.#log = log;
    this.#room = room;
  }

  /** The server's periodic work. */
  get jobs(): Job[] {
    const hourMs = 60 * 60 * 1000;
    return [
      {
        name: "statistics",
        everyMs: hourMs,
        run: () => this.#queue("analyze", () => this.#everything()),
      },
      { name: "freeze", everyMs: 24 * hourMs, run: () => this.#queue("freeze", () => [freeze]) },
    ];
  }

  /** Does at the start what the last run may not have come to. */
  async start(): Promise<void> {
    await this.#database.exec(`set default_statistics_target = ${statisticsTarget}`);
    await this.#queue("vacuum", () => this.#everything());
    const { rows } = await this.#database.query<{ age: number }>(
      "select max(age(datfrozenxid)) as age from pg_database",
    );
    if ((rows[0]?.age ?? 0) > oldTransactions) await this.#queue("freeze", () => [freeze]);
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

  /** Runs work while no checkpoint is made: the maintenance that is due meanwhile waits. */
  pauseFor<Result>(work: () => Promise<Result>): Promise<Result> {
    const run = this.#last.then(work);
    this.#last = run.then(() => undefined, () => undefined);
    return run;
  }

  /** Waits for what is under way. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #vacuumSoon({ analyzes }: { analyzes: boolean }): void {
    this.#writes = 0;
    this.#analyzes ||= analyzes;
    this.#waiting ??= this.#queue("vacuum", () => {
      this.#waiting = null;
      const act = this.#analyzes ? analyze : vacuum;
      this.#analyzes = false;
      return this.#ofWrites(act);
    });
  }

  #queue(what: string, work: Work): Promise<void> {
    return this.#last = this.#last.then(async () => {
      for await (const statement of work()) {
        await nextTurn();
        if (this.#room.isScarce && !(statement === checkpoint && this.#room.hasSegment)) throw scarcity();
        await askAsOwner(this.#database, statement);
      }
    }).catch((error) =>
      this.#log.line("warn", `could not ${what} the embedded Postgres`, { cause: describe(error) })
    );
  }

  async *#ofWrites(act: string): AsyncIterable<string> {
    await nextTurn();
    if (await this.#logBytes() > mostLogBytes) yield checkpoint;
    yield* onEachTable(act);
  }

  /** The checkpoint comes first, because it may free the room that the vacuum needs. */
  *#everything(): Iterable<string> {
    yield checkpoint;
    yield* onEachTable(analyze);
  }

  /** How long the log (pg_wal), which would grow without end, is since the last checkpoint. */
  async #logBytes(): Promise<number> {
    const { rows } = await this.#database.query<{ bytes: number }>(
      "select (pg_current_wal_lsn() - redo_lsn)::float8 as bytes from pg_control_checkpoint()",
    );
    return rows[0]?.bytes ?? 0;
  }
}

/** Includes the rows that are too long for their page (TOAST): long messages and many metrics. */
function* onEachTable(act: string): Iterable<string> {
  for (const table of vacuumedTables) yield `${act} public.${table}`;
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
 * Drops the two databases that Postgres makes others of, half of a new folder's files. This server makes none; and a
 * database that does not allow connections cannot be frozen, so that the log of all transactions (2 bits each) would
 * never be cut. As the superuser.
 */
export async function dropTemplates(database: PGlite): Promise<void> {
  await database.query(
    "update pg_catalog.pg_database set datistemplate = false where datname in ('template0', 'template1')",
  );
  for (const template of ["template0", "template1"]) await database.query(`drop database ${template}`);
}

/** Lets the replies go first: PGlite works in this thread. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
