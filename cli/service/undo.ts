import { dirname } from "node:path";
import { CliError } from "../terminal/errors.ts";
import { readIfThere, removeFile, writePrivateFile } from "../host/private_file.ts";
import { changingNames, isThere, oldPath, removeIfEmpty, removeOwnFiles } from "./own_files.ts";
import { moveProgram, removeLeftovers } from "./perform.ts";
import type { ServiceLayout } from "./layout.ts";

/** What stood where an installation writes. */
export interface Undo {
  /** Puts all of it back. */
  undo: () => Promise<void>;
  /** Drops what was kept for that. */
  forget: () => Promise<void>;
}

/** Keeps what an installation is about to replace: the small files in memory, the program beside itself. */
export async function rememberFiles(layout: ServiceLayout, copies: boolean): Promise<Undo> {
  const { program, credentials, unit, manifest } = layout;
  const folders = (await Promise.all([program, credentials, unit, manifest].map(missingFolders))).flat()
    .sort((one, other) => other.length - one.length);
  const isNew = await Promise.all(layout.folders.map(async (folder) => !await isThere(Deno.lstat, folder)));
  const secret = await readIfThere(credentials);
  const small = await Promise.all(
    [unit, manifest].map(async (path) => ({ path, bytes: await bytesAt(path) })),
  );
  const old = oldPath(program);
  const hadProgram = await isThere(Deno.lstat, program);
  if (copies && hadProgram) await copyWhole(program, old);
  return {
    async undo() {
      if (copies && hadProgram) await moveProgram(old, program);
      else if (copies) await removeFile(program);
      if (secret === null) await removeFile(credentials);
      else if (secret !== await readIfThere(credentials)) await writePrivateFile(credentials, secret);
      for (const { path, bytes } of small) {
        if (bytes === null) await removeFile(path);
        else await Deno.writeFile(path, bytes);
      }
      // A service that ran for a moment may have left something in a folder that was not there.
      for (const folder of layout.folders.filter((_, index) => isNew[index])) {
        await removeOwnFiles(folder, changingNames(layout));
      }
      for (const folder of folders) await removeIfEmpty(folder);
    },
    async forget() {
      await removeFile(old);
    },
  };
}

async function bytesAt(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
  return await isThere(Deno.lstat, path) ? await Deno.readFile(path) : null;
}

async function copyWhole(from: string, to: string): Promise<void> {
  try {
    await removeFile(to);
    await Deno.copyFile(from, to);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    await removeLeftovers(from);
    throw new CliError("unexpected", `Cannot keep a copy of "${from}" as "${to}": ${error.message}`, {
      hint: "look at the disk and its permissions, and end what still runs from that copy",
      cause: error,
    });
  }
}

/** The folders above a path that are not there, the deepest first. */
export async function missingFolders(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let one = dirname(path); !await isThere(Deno.stat, one); one = dirname(one)) missing.push(one);
  return missing;
}
