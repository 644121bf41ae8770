import { basename, join } from "node:path";
import { isErrno } from "../terminal/errors.ts";
import { parseObject } from "../host/json.ts";
import { readIfThere, removeFile } from "../host/private_file.ts";

const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const certain = new RegExp(
  `^(?:monitor-${uuid}\\.lock|(?:credentials|session)\\.json\\.${uuid}|(?:credentials|install)\\.json\\.openclaw-(?:new|old(?:\\.openclaw-new)?))$`,
);

/** The files of a folder that have a name that another program may give too, and a field that only ours have. */
const fields: Record<string, string> = {
  "credentials.json": "agent_secret",
  "session.json": "received_at",
  "install.json": "written_by",
};

/** What is to take a file's place, and is not whole yet. The installers call it so, too, and nobody else does. */
export function newPath(path: string): string {
  return `${path}.openclaw-new`;
}

/** What had a file's place, for as long as it may have to come back. */
export function oldPath(path: string): string {
  return `${path}.openclaw-old`;
}

/** All that an installation may leave beside a file when it is cut off, this program's or an installer's. */
export function restsOf(path: string): string[] {
  return [newPath(path), `${newPath(path)}.exe`, oldPath(path), newPath(oldPath(path))];
}

/** The names in a folder that this program or its installers gave, sorted; the others are somebody else's. */
export async function sortNames(
  folder: string,
  log: string | null,
): Promise<{ ours: string[]; others: string[] }> {
  const sorted: { ours: string[]; others: string[] } = { ours: [], others: [] };
  for (const { name, isFile } of await entriesOf(folder)) {
    const isOurs = isFile &&
      (certain.test(name) || isLog(join(folder, name), log) || await hasField(folder, name));
    (isOurs ? sorted.ours : sorted.others).push(name);
  }
  return { ours: sorted.ours.sort(), others: sorted.others.sort() };
}

/** Removes what is ours, and the folder with it when nothing else is there. A link goes after its folder. */
export async function removeOwnFiles(folder: string, log: string | null): Promise<void> {
  for (const name of (await sortNames(folder, log)).ours) await removeFile(join(folder, name));
  if (await isThere(Deno.stat, folder) && (await Deno.lstat(folder)).isSymlink) return;
  await removeIfEmpty(folder);
}

/** Whether something is at a path, as `lstat` or `stat` see it. */
export async function isThere(look: (path: string) => Promise<unknown>, path: string): Promise<boolean> {
  try {
    await look(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isErrno(error, "ENOTDIR")) return false;
    throw error;
  }
}

async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isErrno(error, "ENOTDIR")) return [];
    throw error;
  }
}

function isLog(path: string, log: string | null): boolean {
  return log !== null && (path === log || [1, 2, 3].some((age) => path === `${log}.${age}`));
}

/**
 * Whether a file that we write was written by another program: an object without the field that only ours have. Of
 * what cannot be read nobody knows.
 */
export async function isAnothers(path: string): Promise<boolean> {
  try {
    const field = fields[basename(path)];
    const object = parseObject(await readIfThere(path) ?? "");
    return field !== undefined && object !== null && !(field in object);
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

async function hasField(folder: string, name: string): Promise<boolean> {
  const field = fields[name];
  if (field === undefined) return false;
  const object = parseObject(await readIfThere(join(folder, name)) ?? "");
  return object !== null && field in object;
}

/** Removes a folder, or a link to none, in which nothing is. */
export async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await Deno.remove(folder);
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY", "EEXIST", "ENOTDIR") && !(error instanceof Deno.errors.NotFound)) {
      throw error;
    }
  }
}
