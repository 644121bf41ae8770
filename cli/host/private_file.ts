// Deno 2.4 has lchown in the whole module only.
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { isErrno } from "../terminal/errors.ts";
import { serviceFolder } from "./names.ts";
import { shellQuote } from "./shell_quote.ts";

const staleMilliseconds = 60_000;

/** What is wrong with the rights of a file, and the command that mends it. */
export interface Exposure {
  fault: string;
  mend: string;
}

/**
 * Writes a file that only its owner can read, whole or not at all: beside its place, synced, and renamed, and the
 * rename synced. Its folder is made with mode 0700, and it belongs to the folder's owner. `modified` is the time that
 * it is to bear; without it, that of the writing. A process that is killed half-way leaves the old file, and beside it
 * a part that the next write removes.
 */
export async function writePrivateFile(
  path: string,
  content: string | Uint8Array,
  modified?: Date,
): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await removeStale(path);
  const beside = `${path}.${crypto.randomUUID()}`;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    await writeSynced(beside, bytes, modified);
    await giveToOwner(beside);
    await Deno.rename(beside, path);
  } catch (error) {
    await removeFile(beside);
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * The text of a file that only its owner can read, or what keeps it from being that; null when there is none. The
 * checks are made of the file that was opened: it is a regular file and no link, nobody else may read or change it
 * (see `exposure`), and it has `maxBytes` at most.
 *
 * @param options.folder one whose owner is trusted as well when this process is root's: a service's own
 */
export async function readPrivateFile(
  path: string,
  { maxBytes = 65_536, folder }: { maxBytes?: number; folder?: string } = {},
): Promise<{ text: string } | Exposure | null> {
  const named = await infoIfThere(path);
  if (named === null) return null;
  const replace = `rm ${shellQuote(path)}`;
  if (!named.isFile) return { fault: "it is not a regular file", mend: replace };
  using file = await Deno.open(path);
  const opened = await file.stat();
  if (Deno.build.os !== "windows" && (opened.ino !== named.ino || opened.dev !== named.dev)) {
    return { fault: "it was replaced while it was opened", mend: replace };
  }
  const open = await exposureOf(path, opened, folder);
  if (open !== null) return open;
  const bytes = await readAtMost(file, maxBytes + 1);
  if (bytes.length > maxBytes) return { fault: `it is larger than ${maxBytes} bytes`, mend: replace };
  return { text: new TextDecoder().decode(bytes) };
}

/** Whether there is something at the path, be it a link to nothing. */
export async function exists(path: string): Promise<boolean> {
  return await infoIfThere(path) !== null;
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
 * What gives a file away to others, or null: an owner that is neither this user nor root, or a right for group or
 * others. Windows has no such bits; there the folder's inherited rights protect it.
 */
export async function exposure(path: string): Promise<Exposure | null> {
  if (Deno.build.os === "windows") return null;
  return await exposureOf(path, await Deno.stat(path), serviceFolder());
}

/** Root trusts a file of the folder's owner, too, directly in a folder that belongs to a service. */
async function exposureOf(
  path: string,
  { mode, uid }: Deno.FileInfo,
  folder: string = serviceFolder(),
): Promise<Exposure | null> {
  if (Deno.build.os === "windows") return null;
  const me = Deno.uid();
  const isServices = me === 0 && dirname(path) === folder && uid === (await Deno.stat(folder)).uid;
  const take = `${me === 0 ? "" : "sudo "}chown ${me} ${shellQuote(path)}`;
  if (uid !== me && uid !== 0 && !isServices) {
    return { fault: `it belongs to user ${uid}, neither to this user (${me}) nor to root`, mend: take };
  }
  if (((mode ?? 0) & 0o077) === 0) return null;
  const close = `chmod 600 ${shellQuote(path)}`;
  return {
    fault: `its mode is ${bitsOf(mode)}, which lets others read or change it`,
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
    // Null: its writer has just put it in its place.
    const mtime = (await infoIfThere(part))?.mtime ?? null;
    if (mtime !== null && Date.now() - mtime.getTime() > staleMilliseconds) await removeFile(part);
  }
}

/** What is at the path, and not what it links to; null when there is nothing. */
async function infoIfThere(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isErrno(error, "ENOTDIR")) return null;
    throw error;
  }
}

async function writeSynced(path: string, bytes: Uint8Array, modified: Date | undefined): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
  if (modified !== undefined) await file.utime(new Date(), modified);
  await file.sync();
}

async function readAtMost(file: Deno.FsFile, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const read = await file.read(bytes.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}

/** Makes a rename outlast a power cut. Windows has no such call, and some network file systems refuse it. */
async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(path);
  try {
    await folder.sync();
  } catch (error) {
    if (!isErrno(error, "EINVAL", "ENOTSUP", "EOPNOTSUPP")) throw error;
  }
}
