import { join } from "node:path";
import { CliError } from "../errors.ts";
import { tryLock } from "../file_lock.ts";
import { giveToOwner } from "../private_file.ts";

/** Held for as long as the process lives, however it ends. */
export interface Lock {
  release: () => void;
}

/**
 * Keeps a second process with the same state folder from watching over the same agent. Not one with another:
 * a lock where every user may write would let any of them keep the agent down. Where nothing can be written, it
 * goes on without.
 *
 * @throws {CliError} `conflict` when there is one already
 */
export async function lockAgent(
  folder: string,
  { agentId, warn }: { agentId: string; warn: (text: string) => void },
): Promise<Lock> {
  const path = join(folder, `monitor-${agentId}.lock`);
  const file = await openLock(folder, path, warn);
  if (file === null) return { release: () => undefined };
  if (await tryLock(file)) return { release: () => file.close() };
  file.close();
  throw new CliError(
    "conflict",
    `Cannot watch over agent ${agentId}: another process on this host does so already`,
    {
      hint: "openclaw status",
    },
  );
}

async function openLock(
  folder: string,
  path: string,
  warn: (text: string) => void,
): Promise<Deno.FsFile | null> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await Deno.open(path, { write: true, create: true, mode: 0o600 });
    await giveToOwner(path);
    return file;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    warn(`cannot tell whether another process watches over this agent, going on: ${error.message}`);
    return null;
  }
}
