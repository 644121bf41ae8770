import { basename, join } from "node:path";
import { isErrno } from "../terminal/errors.ts";
import { parseObject } from "../host/json.ts";
import { readIfThere, removeFile } from "../host/private_file.ts";
import type { ServiceLayout } from "./layout.ts";

const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
/** Names that no other program gives. */
const certain = new RegExp(
  `^(?:monitor-${uuid}\\.lock|(?:credentials|session)\\.json\\.${uuid}|(?:credentials|install)\\.json\\.openclaw-(?:new|old(?:\\.openclaw-new)?)|credentials\\.json\\.openclaw-lock)$`,
);

/** The files that another program may call so, too, and a field that only ours have. */
const fields: Record<string, string> = { "credentials.json": "agent_secret", "session.json": "received_at" };

/** What is to take a file's place, and is not whole yet. The installers use the same name, and no other program does. */
export function newPath(path: string): string {
  return `${path}.openclaw-new`;
}

/** What had a file's place, for as long as it may have to come back. */
export function oldPath(path: string): string {
  return `${path}.openclaw-old`;
}

/** All that an installation may leave beside a file when it is cut off, this program's or an installer's. */
export function leftoversOf(path: string): string[] {
  return [newPath(path), `${newPath(path)}.exe`, oldPath(path), newPath(oldPath(path))];
}

/** The names of the files that the service itself writes, which no manifest has a hash of. */
export function changingNames({ credentials, session, log }: ServiceLayout): string[] {
  const logs = log === null ? [] : [log, `${log}.1`, `${log}.2`, `${log}.3`];
  const changing = [credentials, session, ...logs].map((path) => path.replace(/^.*[/\\]/, ""));
  return [...changing, "enrollment-id"];
}

/** The names in a folder, sorted: ours are those given that another program did not write, and the certain ones. */
export async function sortNames(
  folder: string,
  names: readonly string[],
): Promise<{ ours: string[]; others: string[] }> {
  const sorted: { ours: string[]; others: string[] } = { ours: [], others: [] };
  for (const { name, isFile } of await entriesOf(folder)) {
    const isOurs = isFile &&
      (certain.test(name) || (names.includes(name) && !await isForeign(join(folder, name))));
    (isOurs ? sorted.ours : sorted.others).push(name);
  }
  return { ours: sorted.ours.sort(), others: sorted.others.sort() };
}

/** Removes what is ours, and the folder with it when nothing else is there. A link goes after its folder. */
export async function removeOwnFiles(folder: string, names: readonly string[]): Promise<void> {
  for (const name of (await sortNames(folder, names)).ours) await removeFile(join(folder, name));
  if (await isThere(Deno.stat, folder) && (await Deno.lstat(folder)).isSymlink) return;
  await removeIfEmpty(folder);
}

/** Whether something is at a path, as `lstat` or `stat` see it. */
export async function isThere(stat: (path: string) => Promise<unknown>, path: string): Promise<boolean> {
  try {
    await stat(path);
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

/**
 * Whether a file that we write was written by another program: an object without the field that only ours have. A
 * file that cannot be read is taken for ours.
 */
export async function isForeign(path: string): Promise<boolean> {
  try {
    const field = fields[basename(path)];
    const object = parseObject(await readIfThere(path) ?? "");
    return field !== undefined && object !== null && !(field in object);
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
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
