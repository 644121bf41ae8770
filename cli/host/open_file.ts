import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno } from "../terminal/errors.ts";

/** A file, and what it was when it was opened. */
export interface OpenFile extends Disposable {
  file: Deno.FsFile;
  info: Deno.FileInfo;
}

/** What is at a path is not the file that was expected there. */
export class FileFault extends Error {
  override readonly name = "FileFault";
}

/** How often a file may be replaced while it is opened: each time it is another command's whole new one. */
const mostTries = 20;
const hasOwners = Deno.build.os !== "windows";

/**
 * Opens a regular file that is there; null when nothing is. What is checked is what was opened: a pipe or device is
 * not opened at all, and a link only with `links`. Nothing is made through a link. One that another process replaces
 * between the two looks is opened anew.
 *
 * @throws {FileFault} when it is not a regular file, or is replaced again and again
 */
export async function openRegular(
  path: string,
  { links = false, write = false }: { links?: boolean; write?: boolean } = {},
): Promise<OpenFile | null> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const named = await infoIfThere(path, links ? Deno.stat : Deno.lstat);
    if (named === null) return null;
    if (!named.isFile) throw new FileFault("it is not a regular file");
    const file = await openIfThere(path, write);
    if (file === null) return null;
    const info = await file.stat();
    if (isSame(info, named)) return { file, info, [Symbol.dispose]: () => file.close() };
    file.close();
  }
  throw new FileFault("it is replaced again and again while it is opened");
}

/**
 * Makes a file of mode 0600 that was not there, and gives it to the owner of its folder where this process is root's:
 * the system's service has a user of its own. By its descriptor: that user could put a link in the place of the name.
 * `modified` is the time that it is to bear.
 *
 * @throws {Error} when something is there, be it a link to nothing
 */
export async function makeFile(
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  modified?: Date,
): Promise<void> {
  const owner = await ownerForRoot(dirname(path));
  const file = await open(path, "wx", 0o600);
  try {
    for await (const bytes of content instanceof Uint8Array ? [content] : content) {
      for (let written = 0; written < bytes.length;) {
        written += (await file.write(bytes, written, bytes.length - written)).bytesWritten;
      }
    }
    if (modified !== undefined) await file.utimes(new Date(), modified);
    if (owner !== null) await file.chown(owner.uid, owner.gid);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Opens a file to be locked, making it when it is not there.
 *
 * @throws {FileFault} when it is not a regular file with one name of this user, of root, or of its folder's owner
 */
export async function openLockFile(path: string): Promise<Deno.FsFile> {
  try {
    await makeFile(path, new Uint8Array());
  } catch (error) {
    // By a look, and not by the error, whose code Deno 2.4 leaves out.
    if (await infoIfThere(path) === null) throw error;
  }
  const opened = await openRegular(path, { write: true });
  if (opened === null) throw new FileFault("it was removed while it was opened");
  const fault = await strangenessOf(opened.info, dirname(path));
  if (fault === null) return opened.file;
  opened.file.close();
  throw new FileFault(fault);
}

/** Whether two looks were at the same file. Windows tells no identity. */
export function isSame(one: Deno.FileInfo, other: Deno.FileInfo): boolean {
  return !hasOwners || (one.ino === other.ino && one.dev === other.dev);
}

async function openIfThere(path: string, write: boolean): Promise<Deno.FsFile | null> {
  try {
    return await Deno.open(path, { read: true, write });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** What is at the path; null when there is nothing, or a file where a folder would be. */
export async function infoIfThere(
  path: string,
  look: (path: string) => Promise<Deno.FileInfo> = Deno.lstat,
): Promise<Deno.FileInfo | null> {
  try {
    return await look(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isErrno(error, "ENOTDIR")) return null;
    throw error;
  }
}

/** Null unless this process is root's, and the folder is not. */
async function ownerForRoot(folder: string): Promise<{ uid: number; gid: number } | null> {
  if (!hasOwners || Deno.uid() !== 0) return null;
  const { uid, gid } = await Deno.stat(folder);
  return uid === null || gid === null || uid === 0 ? null : { uid, gid };
}

async function strangenessOf({ uid, nlink }: Deno.FileInfo, folder: string): Promise<string | null> {
  if (!hasOwners) return null;
  if (nlink !== 1) return `it has ${nlink} names, expected one`;
  const { uid: owner } = await Deno.stat(folder);
  return [Deno.uid(), 0, owner].includes(uid)
    ? null
    : `it belongs to user ${uid}, who does not own its folder`;
}
