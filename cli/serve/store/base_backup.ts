import { join } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { infoIfThere } from "../../host/open_file.ts";
import { exists } from "../../host/private_file.ts";
import { makePrivateFolder } from "../../host/private_folder.ts";
import { askAsOwner } from "./as_owner.ts";
import { Room } from "./room.ts";

/** The write-ahead log's folder, in Postgres's own. */
const logFolder = "pg_wal";
/** Without it a copy would not be told from a folder that was killed, and would begin at a later checkpoint. */
const labelFile = "backup_label";

/**
 * Copies the folder of an embedded Postgres that goes on working, as `pg_basebackup` does: the files as they are at the
 * time, half-written ones too, and the log of all that was written meanwhile, which mends them when the copy is opened.
 * Only files are copied, by the system: the calls between take no longer.
 *
 * No checkpoint may be made while it runs, or the log would be cut. The copy has all that was acknowledged before.
 *
 * @throws {Error} also where the copy, and an archive of it, would leave too little room on the disk
 *
 * Source: https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
export async function copyInUse(
  database: PGlite,
  from: string,
  to: string,
  room: Room = new Room(from),
): Promise<void> {
  // Beside the copy, its archive: what is packed worst takes as much.
  room.assertFor(2 * await sizeOf(from));
  const { first } = await askForRow<{ first: string }>(
    database,
    "select pg_walfile_name(pg_backup_start('snapshot', fast => true)) as first",
  );
  let isCopied = false;
  try {
    await copyFolder(from, to, (name) => name !== logFolder && name !== "postmaster.pid");
    isCopied = true;
  } finally {
    if (!isCopied) await giveUp(database, to);
  }
  const { last, label } = await askForRow<Ended>(database, stop);
  await copyLog(join(from, logFolder), join(to, logFolder), { first, last });
  await Deno.writeTextFile(join(to, labelFile), label);
}

interface Ended {
  last: string;
  label: string;
}

const stop =
  "select pg_walfile_name(lsn) as last, labelfile as label from pg_backup_stop(wait_for_archive => false)";

/** What was copied goes first: it may have filled the disk. What failed before is what is told. */
async function giveUp(database: PGlite, copy: string): Promise<void> {
  try {
    if (await exists(copy)) await Deno.remove(copy, { recursive: true });
  } finally {
    await askForRow<Ended>(database, stop).catch(() => undefined);
  }
}

/** In bytes, of all its files. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    bytes += isDirectory ? await sizeOf(path) : (await infoIfThere(path))?.size ?? 0;
  }
  return bytes;
}

/** Whether a folder is a whole copy: its label is written last. */
export async function isBaseBackup(folder: string): Promise<boolean> {
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  return names.includes(labelFile);
}

async function copyFolder(from: string, to: string, isPart: (name: string) => boolean): Promise<void> {
  await makePrivateFolder(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (!isPart(name)) continue;
    if (isDirectory) await copyFolder(join(from, name), join(to, name), () => true);
    else await copyIfThere(join(from, name), join(to, name));
  }
}

/** A table's file that was dropped meanwhile is missing in the copy, too, once its log is applied. */
async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await Deno.copyFile(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Of the log's files, whose names are in their order, those of the copy's time. */
async function copyLog(
  from: string,
  to: string,
  { first, last }: { first: string; last: string },
): Promise<void> {
  await copyFolder(from, to, (name) => first <= name && name <= last);
  const names = (await Array.fromAsync(Deno.readDir(to))).map(({ name }) => name);
  if (!names.includes(first)) throw new Error(`the log was cut while it was copied: there is no ${first}`);
}

/** The only row of what is asked as the superuser. */
async function askForRow<Row>(database: PGlite, query: string): Promise<Row> {
  const [row] = await askAsOwner<Row>(database, query);
  if (row === undefined) throw new Error("no row");
  return row;
}
