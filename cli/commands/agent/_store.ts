import { dirname, join } from "node:path";
import type { Places } from "../../host/paths.ts";
import { folderExposure, removeFile, writePrivateFile } from "../../host/private_file.ts";
import { formatCredentials, type StoredCredentials } from "../../identity/credentials.ts";
import { awaitCredentialsLock } from "../../identity/credentials_lock.ts";
import { isForeign, isThere } from "../../service/own_files.ts";
import { CliError, isErrno } from "../../terminal/errors.ts";

/** Writes the credentials file and drops the session of the agent that was there before. */
export async function storeCredentials(stored: StoredCredentials, places: Places): Promise<string> {
  const { credentials: path } = places;
  await assertOursToWrite(path);
  await using _lock = await lockOrFault(path);
  await writeCredentials(stored, places);
  return path;
}

async function lockOrFault(path: string): Promise<AsyncDisposable> {
  try {
    return await awaitCredentialsLock(path) ?? isBusy(path);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CliError) throw error;
    throw cannotWrite(path, error);
  }
}

/** The same, for a caller that has the file's lock. */
export async function writeCredentials(
  stored: StoredCredentials,
  { credentials: path, state }: Places,
): Promise<void> {
  try {
    await writePrivateFile(path, formatCredentials(stored));
    await removeFile(join(state, "session.json"));
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CliError) throw error;
    throw cannotWrite(path, error);
  }
}

function cannotWrite(path: string, error: Error): CliError {
  const isFull = isErrno(error, "ENOSPC", "EDQUOT");
  return new CliError("unexpected", `Cannot write "${path}": ${error.message}`, {
    hint: isFull ? "df -h" : "run it as the user whose agent it is, with a home folder that it can write",
    cause: error,
  });
}

/** Another program may keep a file of this name, and a folder that all may write makes the file useless. */
async function assertOursToWrite(path: string): Promise<void> {
  if (await isForeign(path)) {
    throw new CliError("conflict", `Cannot write "${path}": another program's file of that name is there`, {
      hint: "XDG_CONFIG_HOME=<another folder> openclaw configure",
    });
  }
  const folder = dirname(path);
  const open = await isThere(Deno.stat, folder) ? await folderExposure(folder) : null;
  if (open !== null) {
    throw new CliError("refused", `Cannot write "${path}": ${open.fault}`, { hint: open.mend });
  }
}

function isBusy(path: string): never {
  throw new CliError("conflict", `Cannot write "${path}": another process is changing it`, {
    hint: "openclaw service status, then the same again",
  });
}
