import { join } from "node:path";
import { tryLock } from "../host/file_lock.ts";
import { openLockFile } from "../host/open_file.ts";
import { alreadyWatched, claimHost, type HostClaim, type KnownIdentity } from "./host_claim.ts";

/** Held for as long as the process lives, however it ends. */
export type Lock = HostClaim;

/**
 * Keeps a second process from watching over the same agent: with a file in the state folder, and on Linux with the
 * host's claim, for a process that keeps another one. Without one of them it goes on, and warns.
 *
 * @throws {CliError} `conflict` when there is one already
 */
export async function lockAgent(
  folder: string,
  { agentId, secret, next, warn }: KnownIdentity & { warn: (text: string) => void },
): Promise<Lock> {
  const file = await lockFolder(folder, { agentId, warn });
  try {
    const claim = await claimHost({ agentId, secret, next, warn });
    return {
      prove: claim.prove,
      release() {
        claim.release();
        file?.close();
      },
    };
  } catch (error) {
    file?.close();
    throw error;
  }
}

/** Null where nothing can be written. */
async function lockFolder(
  folder: string,
  { agentId, warn }: { agentId: string; warn: (text: string) => void },
): Promise<Deno.FsFile | null> {
  const file = await openLock(folder, join(folder, `monitor-${agentId}.lock`), warn);
  if (file === null || await tryLock(file)) return file;
  file.close();
  throw alreadyWatched(agentId);
}

async function openLock(
  folder: string,
  path: string,
  warn: (text: string) => void,
): Promise<Deno.FsFile | null> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    return await openLockFile(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    warn(`"${path}" cannot be locked, going on without: ${error.message}`);
    return null;
  }
}
