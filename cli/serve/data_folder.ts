import { join, resolve } from "node:path";
import { base64url } from "jose";
import { generateSigningKey, type KeyRing } from "../../supabase/functions/_shared/keys.ts";
import { parseKeyRing } from "../../supabase/functions/_shared/env.ts";
import { randomBytes } from "../../supabase/functions/_shared/random.ts";
import { makeSecret, secretFault } from "../../supabase/functions/_shared/secret.ts";
import { tryLock } from "../host/file_lock.ts";
import { openLockFile } from "../host/open_file.ts";
import { readPrivateFile, writePrivateFile } from "../host/private_file.ts";
import { folderFault, makePrivateFolder } from "../host/private_folder.ts";
import { assertNoForeignData } from "./foreign_data.ts";
import { StartError } from "./start_error.ts";

/** The folder in which one server at a time keeps what must outlive it. */
export interface DataFolder {
  path: string;
  operatorKeyPath: string;
  readerKeyPath: string;
  databasePath: string;
  snapshotsPath: string;
  release: () => void;
}

/**
 * Opens the data folder, making it with mode 0700 at the first start, and locks it for as long as this
 * process lives, however it ends.
 *
 * @throws {StartError} when it cannot be used, or another server uses it.
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const folder = resolve(path);
  try {
    await assertNoForeignData(folder);
    await makePrivateFolder(folder);
    const open = await folderFault(folder);
    if (open !== null) {
      throw new StartError(`Cannot use the data folder "${folder}": ${open.fault}`, open.mend);
    }
    const lock = await takeLock(folder);
    return {
      path: folder,
      operatorKeyPath: join(folder, "operator-key"),
      readerKeyPath: join(folder, "reader-key"),
      databasePath: join(folder, "postgres"),
      snapshotsPath: join(folder, "snapshots"),
      release: () => lock.close(),
    };
  } catch (error) {
    if (error instanceof StartError || !(error instanceof Error)) throw error;
    throw new StartError(
      `Cannot use the data folder "${folder}": ${error.message}`,
      "name another one with --data",
      {
        cause: error,
      },
    );
  }
}

async function takeLock(folder: string): Promise<Deno.FsFile> {
  const lock = await openLockFile(join(folder, "lock"));
  if (await tryLock(lock)) return lock;
  lock.close();
  throw new StartError(
    `Cannot use the data folder "${folder}": another server is using it`,
    "stop the other one, or name another folder with --data",
    { failure: "conflict" },
  );
}

/** The embedded server's one secret API key, made at its first start. */
export async function readOperatorKey({ operatorKeyPath: path }: DataFolder): Promise<string> {
  const made = (): Promise<string> => Promise.resolve(`sb_secret_${base64url.encode(randomBytes(32))}\n`);
  const key = (await readOrMake(path, made)).trim();
  if (/^sb_secret_[\w-]{20,}$/.test(key)) return key;
  throw new StartError(
    `Cannot read the operator key in "${path}": it does not have the form of one`,
    "remove it to have a new one made",
  );
}

/**
 * The embedded server's own reader's key, made at its first start. It is in no database: several servers on one
 * Postgres have a folder each, and a key whose file was removed has to be good for nothing after the next start.
 */
export async function readReaderKey({ readerKeyPath: path }: DataFolder): Promise<string> {
  const key = (await readOrMake(path, () => `${makeSecret(randomBytes(32), "ocr_")}\n`)).trim();
  const fault = secretFault(key, "ocr_");
  if (fault === null) return key;
  throw new StartError(
    `Cannot read the reader's key in "${path}": it ${fault}`,
    "remove it to have a new one made",
  );
}

/** Notes which server's keys are in the folder, for the operator's commands: no key goes to another server. */
export async function writeUrl({ path }: DataFolder, url: string): Promise<void> {
  await writePrivateFile(join(path, "url"), `${url}\n`);
}

/** The signing keys of a server that was given none, made at its first start. */
export async function readSigningKeys({ path: folder }: DataFolder): Promise<KeyRing> {
  const path = join(folder, "jwt-keys.json");
  const text = await readOrMake(
    path,
    async () => `${JSON.stringify({ keys: [await generateSigningKey()] }, null, 2)}\n`,
  );
  return await parseKeyRing(text, (what) =>
    new StartError(
      `Cannot read the signing keys in "${path}": ${what}`,
      "remove the file to have new keys made, which ends all sessions, or repair it",
    ));
}

/** @throws {StartError} when others may read or change the file: what it holds is not a secret any more. */
async function readOrMake(path: string, make: () => string | Promise<string>): Promise<string> {
  const found = await readPrivateFile(path);
  if (found === null) {
    const text = await make();
    await writePrivateFile(path, text);
    return text;
  }
  if ("text" in found) return found.text;
  throw new StartError(`Cannot use "${path}": ${found.fault}`, found.mend);
}
