import { dirname } from "node:path";
import { tryLock } from "../host/file_lock.ts";
import { infoIfThere, isSame, openLockFile } from "../host/open_file.ts";
import { removeFile } from "../host/private_file.ts";

const againMilliseconds = 100;
/** As long as the requests of a rotation may take. */
const longestMilliseconds = 35_000;

/**
 * Takes the lock under which this program changes the credentials file; null when another process has it. Its file is
 * beside the credentials, and goes with the lock; on Windows it stays.
 *
 * @throws {Error} when it cannot be made
 */
export async function lockCredentials(path: string): Promise<AsyncDisposable | null> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const lockPath = `${path}.openclaw-lock`;
  while (true) {
    const file = await openLockFile(lockPath);
    if (!await tryLock(file)) {
      file.close();
      return null;
    }
    // Its holder may have removed it since it was opened here: then another process may lock a new one.
    const there = await infoIfThere(lockPath);
    if (there !== null && isSame(there, await file.stat())) return held(file, lockPath);
    file.close();
  }
}

/** The same, and waits for another process that has it: for 35 s at most, then it is null. */
export async function awaitCredentialsLock(path: string): Promise<AsyncDisposable | null> {
  const over = performance.now() + longestMilliseconds;
  while (true) {
    const lock = await lockCredentials(path);
    if (lock !== null || performance.now() > over) return lock;
    await new Promise((resolve) => setTimeout(resolve, againMilliseconds));
  }
}

function held(file: Deno.FsFile, lockPath: string): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      try {
        if (Deno.build.os !== "windows") await removeFile(lockPath);
      } catch (error) {
        // An empty file that stays is no reason to fail.
        if (!(error instanceof Error)) throw error;
      } finally {
        file.close();
      }
    },
  };
}
