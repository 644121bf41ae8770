import { dirname } from "node:path";
import { isSame } from "./open_file.ts";

/**
 * Opens a file to append to it, making it with mode 0600 when it is not there. In a folder of another user it follows
 * no link and takes no file with a second name: that user could have put one there for root to write to.
 *
 * @throws {Error} saying so, or that the file cannot be opened
 */
export function openForAppend(path: string): Deno.FsFile {
  const named = lookIfThere(path);
  if (named === null) return Deno.openSync(path, { append: true, createNew: true, mode: 0o600 });
  const fault = strangenessOf(named, dirname(path));
  if (fault !== null) throw new Error(fault);
  const file = Deno.openSync(path, { append: true, create: named.isSymlink, mode: 0o600 });
  if (named.isSymlink || isSame(named, file.statSync())) return file;
  file.close();
  throw new Error("it was replaced while it was opened");
}

function strangenessOf({ isSymlink, isFile, uid, nlink }: Deno.FileInfo, folder: string): string | null {
  if (Deno.build.os === "windows") return null;
  const isStrange = (owner: number | null): boolean => owner !== Deno.uid() && owner !== 0;
  const owner = Deno.statSync(folder).uid;
  if (isSymlink && (isStrange(uid) || isStrange(owner))) {
    return `it is a link of user ${isStrange(uid) ? uid : owner}`;
  }
  if (isFile && isStrange(owner) && nlink !== 1) return `it has ${nlink} names in a folder of user ${owner}`;
  return null;
}

function lookIfThere(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
