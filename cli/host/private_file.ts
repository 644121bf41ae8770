// Deno 2.4 has lchown in the whole module alone.
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { isErrno } from "../terminal/errors.ts";
import { serviceFolder } from "./paths.ts";
import { shellQuote } from "./shell_quote.ts";

const staleMilliseconds = 60_000;

/** What is wrong with the rights of a file, and the command that mends it. */
export interface Exposure {
  fault: string;
  mend: string;
}

/**
 * Writes a file that only its owner can read, whole or not at all: beside its place, synced, and renamed. Its
 * folder is made with mode 0700, and it belongs to the folder's owner. `modified` is the time that it is to bear; none:
 * that of the writing. A process that is killed half-way leaves the
 * old file, and beside it a part that the next write removes.
 */
export async function writePrivateFile(path: string, text: string, modified?: Date): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await removeStale(path);
  const beside = `${path}.${crypto.randomUUID()}`;
  const file = await Deno.open(beside, { write: true, createNew: true, mode: 0o600 });
  try {
    try {
      const bytes = new TextEncoder().encode(text);
      for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
      if (modified !== undefined) await file.utime(new Date(), modified);
      await file.sync();
    } finally {
      file.close();
    }
    await giveToOwner(beside);
    await Deno.rename(beside, path);
  } catch (error) {
    await removeFile(beside);
    throw error;
  }
}

/** Removes a file; false when there was none. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await Deno.remove(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A file's text; null when there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isErrno(error, "ENOTDIR")) return null;
    throw error;
  }
}

/**
 * What gives a file away to others, or null: an owner who is neither this user nor root, or a right for group
 * or others. Windows has no such bits; there the folder's inherited rights protect it.
 */
export async function exposure(path: string): Promise<Exposure | null> {
  if (Deno.build.os === "windows") return null;
  const { mode, uid } = await Deno.stat(path);
  const me = Deno.uid();
  const isServices = me === 0 && dirname(path) === serviceFolder &&
    uid === (await Deno.stat(serviceFolder)).uid;
  const take = `${me === 0 ? "" : "sudo "}chown ${me} ${shellQuote(path)}`;
  if (uid !== me && uid !== 0 && !isServices) {
    return { fault: `it belongs to user ${uid}, neither to this user (${me}) nor to root`, mend: take };
  }
  if (((mode ?? 0) & 0o077) === 0) return null;
  const close = `chmod 600 ${shellQuote(path)}`;
  return {
    fault: `its mode is ${bitsOf(mode)}, which lets others at it`,
    mend: me === 0 || uid === me ? close : `${take} && ${close}`,
  };
}

/** What lets others replace the files in a folder, or null. Where the sticky bit is set, they cannot. */
export async function folderExposure(folder: string): Promise<Exposure | null> {
  if (Deno.build.os === "windows") return null;
  const { mode, uid } = await Deno.stat(folder);
  if (((mode ?? 0) & 0o022) === 0 || ((mode ?? 0) & 0o1000) !== 0) return null;
  const me = Deno.uid();
  return {
    fault: `the mode of its folder is ${bitsOf(mode)}, which lets others put another file there`,
    mend: `${uid === me || me === 0 ? "" : "sudo "}chmod 700 ${shellQuote(folder)}`,
  };
}

function bitsOf(mode: number | null): string {
  return ((mode ?? 0) & 0o777).toString(8).padStart(4, "0");
}

/**
 * What root writes belongs to whom the folder belongs: the system's service has a user of its own. Not through
 * a link, which that user could have put there meanwhile.
 */
export async function giveToOwner(path: string): Promise<void> {
  if (Deno.build.os === "windows" || Deno.uid() !== 0) return;
  const { uid, gid } = await Deno.stat(dirname(path));
  if (uid !== null && gid !== null && uid !== 0) await promisify(fs.lchown)(path, uid, gid);
}

async function removeStale(path: string): Promise<void> {
  const folder = dirname(path);
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.startsWith(`${basename(path)}.`) || !/\.[0-9a-f-]{36}$/.test(name)) continue;
    const part = join(folder, name);
    const mtime = await timeOf(part);
    if (mtime !== null && Date.now() - mtime.getTime() > staleMilliseconds) await removeFile(part);
  }
}

/** Null for a part whose writer has just put it in its place. */
async function timeOf(part: string): Promise<Date | null> {
  try {
    return (await Deno.lstat(part)).mtime;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
