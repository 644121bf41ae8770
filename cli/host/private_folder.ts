import type { Exposure } from "./private_file.ts";
import { shellQuote } from "./shell_quote.ts";

/** Makes a folder, if it is not there, that only its owner can enter. */
export async function makePrivateFolder(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
}

/** Closes a folder of ours to others who can enter it. Windows has no such modes. */
export async function closeToOthers(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  const { mode } = await Deno.stat(path);
  if (mode !== null && (mode & 0o077) !== 0) await Deno.chmod(path, 0o700);
}

/**
 * What lets others change what is in a folder of ours, or null: an owner that is neither this user nor root, or a
 * right. `instead` is what to do where the folder is another user's.
 */
export async function folderFault(
  path: string,
  instead = "name another one with --data, or start the server as that user",
): Promise<Exposure | null> {
  if (Deno.build.os === "windows") return null;
  const { mode, uid } = await Deno.stat(path);
  const me = Deno.uid();
  if (uid !== me && uid !== 0) {
    return {
      fault: `it belongs to user ${uid}, neither to this user (${me}) nor to root`,
      mend: instead,
    };
  }
  if (((mode ?? 0) & 0o022) === 0) return null;
  const bits = ((mode ?? 0) & 0o777).toString(8).padStart(4, "0");
  return {
    fault: `its mode is ${bits}, which lets others write to it`,
    mend: `chmod 700 ${shellQuote(path)}`,
  };
}
