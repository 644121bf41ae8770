import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { packTar } from "modern-tar/fs";
import { describe, type Log } from "../../../supabase/functions/_shared/log.ts";
import { exists, writePrivateFile } from "../../host/private_file.ts";
import { closeToOthers, makePrivateFolder } from "../../host/private_folder.ts";
import type { Job } from "../schedule.ts";

const keptSnapshots = 3;
const suffix = ".tar.gz";
/** Where a copy is before it is packed, in the folder of the snapshots. */
const unpackedName = "unpacked";
/** The fastest: 56 MB of 371 in 4.7 s of a processor, where 46 MB take 7.5 s. */
const level = 1;
const tolerableMs = 60_000;

/**
 * Copies of the embedded Postgres, for the day its folder no longer opens: PGlite never asks the system to
 * write to the disk (fsync), so a power cut can break what it holds.
 *
 * One is made at a clean stop and every 15 minutes, when something but heartbeats changed since the last
 * one. It is written beside its place, synced and renamed; the last three are kept. Their order is a number that only
 * grows, never the clock, which may be ahead for an hour: that would throw away each new one, or believe an old one.
 */
export class Snapshots {
  readonly #folder: string;
  readonly #copy: (to: string) => Promise<void>;
  readonly #log: Log;
  readonly #now: () => Date;
  #changed: boolean;
  #last: Promise<void> = Promise.resolve();

  /**
   * @param options.copy makes a folder that is a copy of the database's, which goes on working
   * @param options.changed whether the database holds something that no snapshot has yet
   */
  constructor(
    folder: string,
    options: { copy: (to: string) => Promise<void>; log: Log; changed: boolean; now?: () => Date },
  ) {
    this.#folder = folder;
    this.#copy = options.copy;
    this.#log = options.log;
    this.#changed = options.changed;
    this.#now = options.now ?? (() => new Date());
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
      await takeSnapshot(this.#folder, { copy: this.#copy, now: this.#now() });
      await warnOfFuture(this.#folder, { log: this.#log, now: this.#now() });
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
    if (name === unpackedName || /\.tar\.gz\.[0-9a-f-]{36}$/.test(name)) {
      await Deno.remove(join(folder, name), { recursive: true });
    }
  }
}

/** Says which snapshots are dated later than now: the clock was ahead when they were taken, or is behind now. */
export async function warnOfFuture(folder: string, { log, now }: { log: Log; now: Date }): Promise<void> {
  const ahead = (await names(folder)).filter((name) => (dateOf(name) ?? 0) > now.getTime() + tolerableMs);
  if (ahead.length === 0) return;
  log.line("warn", "snapshots are dated in the future: this host's clock was ahead, or is behind", {
    snapshots: ahead.join(" "),
    now: now.toISOString(),
  });
}

/** A part at a time: a snapshot takes as much memory for a large fleet as for a small one. */
async function takeSnapshot(
  folder: string,
  { copy, now }: { copy: (to: string) => Promise<void>; now: Date },
): Promise<void> {
  const last = (await names(folder)).at(-1);
  const number = String(last === undefined ? 1 : numberOf(last) + 1).padStart(8, "0");
  const name = `${number}-${now.toISOString().replaceAll(":", "-")}${suffix}`;
  const unpacked = join(folder, unpackedName);
  await makePrivateFolder(folder);
  await removeIfThere(unpacked);
  try {
    await copy(unpacked);
    await pipeline(
      packTar(unpacked),
      createGzip({ level }),
      (parts: AsyncIterable<Uint8Array>) => writePrivateFile(join(folder, name), parts),
    );
  } finally {
    await removeIfThere(unpacked);
  }
  for (const old of (await names(folder)).slice(0, -keptSnapshots)) await Deno.remove(join(folder, old));
}

async function removeIfThere(folder: string): Promise<void> {
  if (await exists(folder)) await Deno.remove(folder, { recursive: true });
}

/** In their order: one without a number comes before all others. */
async function names(folder: string): Promise<string[]> {
  if (!await exists(folder)) return [];
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).filter((name) => name.endsWith(suffix)).sort()
    .sort((one, other) => numberOf(one) - numberOf(other));
}

/** Of at most 15 digits, so that there is always one more. */
function numberOf(name: string): number {
  return Number(/^(\d{8,15})-/.exec(name)?.[1] ?? 0);
}

function dateOf(name: string): number | null {
  const [, day, hours, minutes, seconds] =
    /(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})Z\.tar\.gz$/.exec(name) ?? [];
  return day === undefined ? null : Date.parse(`${day}T${hours}:${minutes}:${seconds}Z`);
}
