import { basename, dirname, join } from "node:path";
import { isErrno } from "../terminal/errors.ts";
import { serviceFolder } from "./names.ts";
import { FileFault, infoIfThere, makeFile, openRegular } from "./open_file.ts";
import { shellQuote } from "./shell_quote.ts";

const staleMilliseconds = 60_000;
const usualMaxBytes = 65_536;

/** What is wrong with the rights of a file, and the command that mends it. */
export interface Exposure {
  fault: string;
  mend: string;
}

/**
 * Writes a file that only its owner can read, whole or not at all: beside its place, synced, and renamed, and the
 * rename synced. Its folder is made with mode 0700, and it belongs to the folder's owner. The content may come in
 * parts. `modified` is the time that it is to bear; without it, that of the writing. A process that is killed half-way
 * leaves the old file, and beside it a part that the next write removes.
 */
export async function writePrivateFile(
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
  modified?: Date,
): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await removeStale(path);
  const beside = `${path}.${crypto.randomUUID()}`;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    await makeFile(beside, bytes, modified);
    await Deno.rename(beside, path);
  } catch (error) {
    await removeFile(beside);
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Why nothing can be written beside a file, or null. What it writes to see that is removed again. */
export async function probeFolder(path: string): Promise<string | null> {
  const beside = `${path}.${crypto.randomUUID()}`;
  try {
    await makeFile(beside, new TextEncoder().encode("probe\n"));
    return null;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // The name that was tried tells nothing.
    return error.message.replace(/, \w+ '.*'$/, "");
  } finally {
    await removeFile(beside).catch(() => false);
  }
}

/**
 * The text of a file that only its owner can read, or what keeps it from being that; null when there is none. The
 * checks are made of the file that was opened: it is a regular file and no link, nobody else may read or change it
 * (see `exposureOf`), and it has `maxBytes` at most.
 *
 * @param options.folder one whose owner is trusted as well when this process is root's: a service's own
 */
export async function readPrivateFile(
  path: string,
  { maxBytes = usualMaxBytes, folder }: { maxBytes?: number; folder?: string } = {},
): Promise<{ text: string } | Exposure | null> {
  try {
    using opened = await openRegular(path);
    if (opened === null) return null;
    const open = await exposureOf(path, opened.info, folder);
    return open ?? { text: await readText(opened.file, maxBytes) };
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    return { fault: error.message, mend: `rm ${shellQuote(path)}` };
  }
}

/**
 * The text of a regular file that others may read, but only this user or root can change, or what keeps it from being
 * that; null when there is none.
 */
export async function readOwnFile(path: string): Promise<{ text: string } | Exposure | null> {
  try {
    using opened = await openRegular(path);
    if (opened === null) return null;
    if (othersCanChange(opened.info)) {
      return { fault: "others can change it", mend: `rm ${shellQuote(path)}` };
    }
    return { text: await readText(opened.file, usualMaxBytes) };
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    return { fault: error.message, mend: `rm ${shellQuote(path)}` };
  }
}

/**
 * The text of a file that may be another program's or user's, and what gives it away to others; null when there is
 * none. It is a regular file, or a link to one, and has 64 KiB at most.
 *
 * @throws {FileFault} when it is something else
 */
export async function readWithExposure(
  path: string,
): Promise<{ text: string; open: Exposure | null } | null> {
  using opened = await openRegular(path, { links: true });
  if (opened === null) return null;
  return { open: await exposureOf(path, opened.info), text: await readText(opened.file, usualMaxBytes) };
}

/** The text of a regular file that belongs to this user, and that no other can read or change; null when there is none. */
export async function readFileOf(uid: number, path: string): Promise<{ text: string } | Exposure | null> {
  try {
    using opened = await openRegular(path);
    if (opened === null) return null;
    const { uid: owner, mode } = opened.info;
    if (owner === uid && ((mode ?? 0) & 0o077) === 0) {
      return { text: await readText(opened.file, usualMaxBytes) };
    }
    const file = shellQuote(path);
    return { fault: "it is open to others", mend: `chown ${uid} ${file} && chmod 600 ${file}` };
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    return { fault: error.message, mend: `rm ${shellQuote(path)}` };
  }
}

/** Sets the time that a private file bears, where it is still there. */
export async function setFileTime(path: string, time: Date): Promise<void> {
  using opened = await openRegular(path);
  await opened?.file.utime(time, time);
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

/** The text of a regular file of 64 KiB at most, or of one that a link leads to; null when there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  using opened = await openRegular(path, { links: true });
  return opened === null ? null : await readText(opened.file, usualMaxBytes);
}

/**
 * What gives a file away to others, or null: an owner that is neither this user nor root, or a right for group or
 * others. Windows has no such bits; there the folder's inherited rights protect it. Root trusts a file of the
 * folder's owner, too, directly in a folder that belongs to a service.
 */
export async function exposureOf(
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

function othersCanChange({ mode, uid }: Deno.FileInfo): boolean {
  if (Deno.build.os === "windows") return false;
  return (uid !== Deno.uid() && uid !== 0) || ((mode ?? 0) & 0o022) !== 0;
}

function bitsOf(mode: number | null): string {
  return ((mode ?? 0) & 0o777).toString(8).padStart(4, "0");
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

async function readText(file: Deno.FsFile, maxBytes: number): Promise<string> {
  const bytes = await readAtMost(file, maxBytes + 1);
  if (bytes.length > maxBytes) throw new FileFault(`it is larger than ${maxBytes} bytes`);
  return new TextDecoder().decode(bytes);
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
