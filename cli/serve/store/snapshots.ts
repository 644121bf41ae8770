import { join } from "node:path";
import { describe, type Log } from "../../../supabase/functions/_shared/log.ts";
import { exists, writePrivateFile } from "../../host/private_file.ts";
import { closeToOthers } from "../../host/private_folder.ts";
import type { Job } from "../schedule.ts";

const keptSnapshots = 3;
const suffix = ".tar.gz";

/**
 * Copies of the embedded Postgres, for the day its folder no longer opens: PGlite never asks the system to
 * write to the disk (fsync), so a power cut can break what it holds.
 *
 * One is made at a clean stop and every 15 minutes, when something but heartbeats changed since the last
 * one. It is written beside its place, synced and renamed; the last three are kept.
 */
export class Snapshots {
  readonly #folder: string;
  readonly #dump: () => Promise<Blob>;
  readonly #log: Log;
  #changed: boolean;
  #last: Promise<void> = Promise.resolve();

  /** @param options.changed whether the database holds something that no snapshot has yet */
  constructor(folder: string, options: { dump: () => Promise<Blob>; log: Log; changed: boolean }) {
    this.#folder = folder;
    this.#dump = options.dump;
    this.#log = options.log;
    this.#changed = options.changed;
  }

  /** Something was written that is worth a snapshot. */
  noteChange(): void {
    this.#changed = true;
  }

  /** The server's periodic work. */
  get job(): Job {
    return { name: "snapshot", everyMs: 15 * 60 * 1000, run: () => this.takeIfChanged() };
  }

  /** Takes one, after the one that is under way, if something has changed by then. */
  takeIfChanged(): Promise<void> {
    return this.#last = this.#last.then(() => this.#takeIfChanged());
  }

  /** A snapshot that fails (a full disk) leaves the older ones as they are, and is tried again. */
  async #takeIfChanged(): Promise<void> {
    if (!this.#changed) return;
    this.#changed = false;
    try {
      await takeSnapshot(this.#folder, await this.#dump());
    } catch (error) {
      this.#changed = true;
      this.#log.line("warn", "no snapshot could be taken", { cause: describe(error) });
    }
  }
}

/** The path of the newest snapshot in a folder, or null. */
export async function newestSnapshot(folder: string): Promise<string | null> {
  const newest = (await names(folder)).at(-1);
  return newest === undefined ? null : join(folder, newest);
}

/** Removes what is left of snapshots that were killed while they were written, and closes the folder to other users. */
export async function removeUnfinished(folder: string): Promise<void> {
  if (!await exists(folder)) return;
  await closeToOthers(folder);
  for (const { name } of await Array.fromAsync(Deno.readDir(folder))) {
    if (/\.tar\.gz\.[0-9a-f-]{36}$/.test(name)) await Deno.remove(join(folder, name));
  }
}

async function takeSnapshot(folder: string, dump: Blob): Promise<void> {
  const name = new Date().toISOString().replaceAll(":", "-");
  await writePrivateFile(join(folder, `${name}${suffix}`), new Uint8Array(await dump.arrayBuffer()));
  for (const old of (await names(folder)).slice(0, -keptSnapshots)) await Deno.remove(join(folder, old));
}

async function names(folder: string): Promise<string[]> {
  if (!await exists(folder)) return [];
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).filter((name) => name.endsWith(suffix)).sort();
}
