import { dirname } from "node:path";
import { CliError } from "../terminal/errors.ts";
import { readIfThere, removeFile, writePrivateFile } from "../host/private_file.ts";
import { isThere, oldPath, removeIfEmpty, removeOwnFiles } from "./own_files.ts";
import { moveProgram, removeRests } from "./perform.ts";
import type { Place } from "./layout.ts";

/** What stood where an installation writes. */
export interface Undo {
  /** Puts all of it back. */
  undo: () => Promise<void>;
  /** Drops what was kept for that. */
  forget: () => Promise<void>;
}

/** Keeps what an installation is about to replace: the small files in memory, the program beside itself. */
export async function rememberFiles(place: Place, copies: boolean): Promise<Undo> {
  const { program, credentials, unit, log } = place;
  const folders = (await Promise.all([program, credentials, unit].map(missingFolders))).flat()
    .sort((one, other) => other.length - one.length);
  const isNew = await Promise.all(place.folders.map(async (folder) => !await isThere(Deno.lstat, folder)));
  const secret = await readIfThere(credentials);
  const definition = await isThere(Deno.lstat, unit) ? await Deno.readFile(unit) : null;
  const old = oldPath(program);
  const hadProgram = await isThere(Deno.lstat, program);
  if (copies && hadProgram) await copyWhole(program, old);
  return {
    async undo() {
      if (copies && hadProgram) await moveProgram(old, program);
      else if (copies) await removeFile(program);
      if (secret === null) await removeFile(credentials);
      else if (secret !== await readIfThere(credentials)) await writePrivateFile(credentials, secret);
      if (definition === null) await removeFile(unit);
      else await Deno.writeFile(unit, definition);
      // A service that ran for a moment may have left something in a folder that was not there.
      for (const folder of place.folders.filter((_, index) => isNew[index])) {
        await removeOwnFiles(folder, log);
      }
      for (const folder of folders) await removeIfEmpty(folder);
    },
    async forget() {
      await removeFile(old);
    },
  };
}

async function copyWhole(from: string, to: string): Promise<void> {
  try {
    await removeFile(to);
    await Deno.copyFile(from, to);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    await removeRests(from);
    throw new CliError("unexpected", `Cannot keep a copy of "${from}" as "${to}": ${error.message}`, {
      hint: "look at the disk and its permissions, and end what still runs from that copy",
      cause: error,
    });
  }
}

async function missingFolders(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let one = dirname(path); !await isThere(Deno.stat, one); one = dirname(one)) missing.push(one);
  return missing;
}
