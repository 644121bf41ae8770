import { createReadStream } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { PGlite } from "@electric-sql/pglite";
import { unpackTar } from "modern-tar/fs";
import type { Call, SqlCall } from "../../../supabase/functions/_shared/database/port.ts";
import { isOutageState, unavailable } from "../../../supabase/functions/_shared/http/errors.ts";
import type { Log } from "../../../supabase/functions/_shared/log.ts";
import { copyInUse, isBaseBackup } from "./base_backup.ts";
import type { Connection, Owner, Store } from "./connection.ts";
import { infoIfThere } from "../../host/open_file.ts";
import { exists } from "../../host/private_file.ts";
import { closeToOthers, makePrivateFolder } from "../../host/private_folder.ts";
import { dropTemplates, Maintenance } from "./maintenance.ts";
import { migrate } from "./migrate.ts";
import { PreparedCalls } from "./prepared.ts";
import { Room, scarcity } from "./room.ts";
import { newestSnapshot, removeUnfinished, Snapshots, warnOfFuture } from "./snapshots.ts";
import { StartError } from "../start_error.ts";
import { shellQuote } from "../../host/shell_quote.ts";

interface PgliteOptions {
  /** The database's own folder. The caller holds the lock on it: PGlite itself lets a second process in. */
  folder: string;
  snapshots: string;
  /** Whether to put the folder aside, and begin with the newest snapshot. */
  restore: boolean;
  log: Log;
}

/**
 * Opens the embedded Postgres in a folder, making it at the first start.
 *
 * @throws {StartError} when the folder does not open; the hint names its newest snapshot.
 */
export async function openPglite(options: PgliteOptions): Promise<Store> {
  const { folder, log } = options;
  await prepare(options);
  if (new Room(dirname(folder)).isScarce) throw writeFault(folder, scarcity());
  await warnOfFuture(options.snapshots, { log, now: new Date() });
  if (options.restore) await restore(options);
  const isNew = await isMissing(folder);
  if (isNew) await makeFirst(options);
  const database = await reopen(options);
  const room = new Room(folder);
  const maintenance = new Maintenance(database, log, room);
  try {
    await migrate(owner(database));
    await database.exec("set role service_role");
    await maintenance.start();
  } catch (error) {
    await maintenance.settled();
    await database.close();
    throw error;
  }
  const copy = (to: string): Promise<void> => maintenance.pauseFor(() => copyInUse(database, folder, to));
  const calls = new PreparedCalls(database);
  const snapshots = new Snapshots(options.snapshots, { copy, log, changed: isNew });
  return {
    call: noting(snapshots, async (call) => {
      if (call.effect !== "reads" && room.isScarce) throw unavailable("the database", scarcity());
      try {
        const result = await calls.make(call);
        noteMaintenance(maintenance, call, result);
        return result;
      } catch (error) {
        throw isOutage(error) ? unavailable("the database", error) : error;
      }
    }),
    isParallel: false,
    pipelines: false,
    jobs: [snapshots.job, ...maintenance.jobs],
    async close() {
      await maintenance.settled();
      await snapshots.takeIfChanged();
      await database.close();
    },
  };
}

/** A full disk; or an error without a SQLSTATE: not of Postgres, but of a WebAssembly machine that has stopped. */
function isOutage(error: unknown): boolean {
  const hasState = error instanceof Error && "code" in error && typeof error.code === "string";
  return !hasState || isOutageState(String(error.code));
}

function noteMaintenance(maintenance: Maintenance, { name, args, effect }: SqlCall, result: unknown): void {
  if (effect === "creates") maintenance.noteAgentCreated();
  if (effect === "reads") return;
  // What it leaves of its list, another call writes.
  const isPart = name === "record_ordinary_heartbeats";
  maintenance.noteWrites(
    isPart ? Object.keys(result ?? {}).length : lengthOf(args.agent_ids ?? args.handshakes),
  );
}

/** Of a call that is not about a list, one. */
function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 1;
}

/** A beat is not worth a snapshot: the next one renews what it wrote. */
function noting(snapshots: Snapshots, make: Call): Call {
  return async (call) => {
    const result = await make(call);
    const isKept = call.effect === "creates" || call.effect === "changes";
    if (isKept && !isNothing(result)) snapshots.noteChange();
    return result;
  };
}

/** What a call returns that found nothing to change: null, an empty list, or nothing but nulls. */
function isNothing(result: unknown): boolean {
  if (typeof result !== "object" || result === null) return result === null;
  return Object.values(result).every((part) => part === null);
}

/** Removes what a start or a snapshot that was killed left half-way, and closes the rest to other users of this host. */
async function prepare({ folder, snapshots }: PgliteOptions): Promise<void> {
  const name = basename(folder);
  try {
    for (const { name: entry } of await Array.fromAsync(Deno.readDir(dirname(folder)))) {
      const path = join(dirname(folder), entry);
      if (/^\.(probe|unfinished|restored)\b/.test(entry.slice(name.length)) && entry.startsWith(name)) {
        await Deno.remove(path, { recursive: true });
      } else if (entry === name || entry.startsWith(`${name}.before-restore-`)) await closeToOthers(path);
    }
    await removeUnfinished(snapshots);
  } catch (error) {
    throw await noRoom(folder, error) ?? error;
  }
}

/** Whether there is no folder, or an empty one, which is removed. */
async function isMissing(folder: string): Promise<boolean> {
  const info = await infoIfThere(folder);
  if (info === null) return true;
  if (!info.isDirectory) return false;
  for await (const _ of Deno.readDir(folder)) return false;
  await Deno.remove(folder);
  return true;
}

/** Not where there are snapshots of a database: those of an empty fleet would replace the good ones. */
async function makeFirst({ folder, snapshots, log }: PgliteOptions): Promise<void> {
  const newest = await newestSnapshot(snapshots);
  if (newest === null) {
    log.line("info", "making the embedded Postgres, which takes some seconds", { folder });
    return await make(folder);
  }
  throw new StartError(
    `Cannot find the embedded Postgres "${folder}", although there is a snapshot of it`,
    `start with --restore to take the newest one, "${newest}"; or move "${snapshots}" away to begin with an empty fleet`,
  );
}

/**
 * Makes the folder under another name, and renames it when it is whole: a start that is killed half-way or
 * runs out of disk leaves nothing that looks like a database.
 *
 * @param fill puts the files of one there, where it is not to be a new one
 */
async function make(folder: string, fill?: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  try {
    await makePrivateFolder(unfinished);
    await fill?.(unfinished);
    const database = await open(unfinished);
    try {
      if (fill === undefined) await dropTemplates(database);
      await migrate(owner(database));
    } finally {
      await database.close();
    }
  } catch (error) {
    // Before there is room again by what is removed here.
    const full = await noRoom(folder, error);
    if (await exists(unfinished)) await Deno.remove(unfinished, { recursive: true });
    throw full ?? error;
  }
  await Deno.rename(unfinished, folder);
}

/**
 * Begins with the newest snapshot. If it is killed before the first rename, the old folder is as it was; between the
 * two there is no folder, and the next start asks for --restore; after them there is the new one.
 */
async function restore({ folder, snapshots, log }: PgliteOptions): Promise<void> {
  const newest = await newestSnapshot(snapshots);
  if (newest === null) {
    throw new StartError(`Cannot restore: there is no snapshot in "${snapshots}"`, "start without --restore");
  }
  const aside = `${folder}.before-restore-${new Date().toISOString().replaceAll(":", "-")}`;
  const restored = `${folder}.restored`;
  try {
    await make(restored, (to) => unpack(newest, to));
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      `Cannot restore the snapshot "${newest}": it is damaged, or not a snapshot`,
      `move it away, and --restore takes the one before it: mv ${shellQuote(newest)} ${
        shellQuote(`${newest}.damaged`)
      }`,
      { cause: error },
    );
  }
  const isAside = await exists(folder);
  if (isAside) await Deno.rename(folder, aside);
  await Deno.rename(restored, folder);
  log.line("warn", "restored from a snapshot: what came after it is undone, revocations too", {
    snapshot: newest,
    ...(isAside ? { aside } : {}),
  });
}

/** @throws {Error} when it is not a whole snapshot: PGlite would make a new database of what is missing. */
async function unpack(snapshot: string, to: string): Promise<void> {
  const rights = { fmode: 0o600, dmode: 0o700 };
  await pipeline(createReadStream(snapshot), createGunzip(), unpackTar(to, rights));
  if (!await isBaseBackup(to)) throw new Error("it is not a copy of a database");
}

async function reopen({ folder, snapshots }: PgliteOptions): Promise<PGlite> {
  try {
    if (!await exists(join(folder, "PG_VERSION"))) throw new Error("there is no PG_VERSION in it");
    return await open(folder);
  } catch (error) {
    const full = await noRoom(folder, error);
    if (full !== null) throw full;
    const newest = await newestSnapshot(snapshots);
    throw new StartError(
      `Cannot open the embedded Postgres in "${folder}": it is damaged, or not a database`,
      newest === null
        ? `there is no snapshot; move "${folder}" away to begin with an empty one`
        : `start with --restore to put it aside and take the newest snapshot, "${newest}"`,
      { cause: error },
    );
  }
}

async function open(folder: string): Promise<PGlite> {
  const database = await PGlite.create({ dataDir: folder });
  await database.query("select 1");
  return database;
}

/**
 * The error of a full disk, or null. PGlite reports it like any other failure, so this tries to write as much as
 * Postgres needs for a segment of its log.
 */
async function noRoom(folder: string, cause: unknown): Promise<StartError | null> {
  const probe = `${folder}.probe`;
  try {
    await Deno.writeFile(probe, new Uint8Array(16 * 1024 * 1024));
    return null;
  } catch (error) {
    return writeFault(folder, error, cause);
  } finally {
    if (await exists(probe)) await Deno.remove(probe);
  }
}

function writeFault(folder: string, fault: unknown, cause: unknown = fault): StartError {
  const why = fault instanceof Error ? fault.message : String(fault);
  return new StartError(
    `Cannot write the embedded Postgres in "${folder}": ${why}`,
    "free 100 MB on that disk",
    { cause },
  );
}

function owner(database: PGlite): Owner {
  return {
    ...over(database),
    exclusively: (work) => database.transaction((transaction) => work(over(transaction))),
  };
}

function over(database: Pick<PGlite, "query" | "exec">): Connection {
  return {
    rows: async (sql) => (await database.query<Record<string, unknown>>(sql)).rows,
    run: async (sql) => void await database.exec(sql),
  };
}
