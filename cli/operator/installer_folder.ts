import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Shell } from "../api/operator/agents.ts";
import { infoIfThere, makeFile } from "../host/open_file.ts";
import { removeFile, writePrivateFile } from "../host/private_file.ts";
import { folderFault } from "../host/private_folder.ts";
import { CliError, isErrno } from "../terminal/errors.ts";

const extensions: Record<Shell, string> = { bash: "sh", powershell: "ps1", python: "py" };
/** What Windows takes for a device, whatever stands behind the dot. */
const devices = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
const longestName = 60;

/**
 * The name of an agent's installer. An agent may be called anything: a name of lower-case letters, digits, ".", "_" and
 * "-" is kept, and any other is reduced to those and gets the beginning of its SHA-256, so that two names never
 * share a file, also where upper and lower case are the same.
 */
export function installerFileName(name: string, shell: Shell): string {
  const extension = extensions[shell];
  const isPlain = /^[a-z0-9][a-z0-9._-]*$/.test(name) && !devices.test(name) && name.length <= longestName;
  if (isPlain) return `${name}.${extension}`;
  const reduced = name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 40);
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${reduced === "" ? "agent" : `agent-${reduced}`}-${digest}.${extension}`;
}

/**
 * Makes the folder for installers, mode 0700, if it is not there; looks whether only this user can change what is in
 * it; and writes a file there to see that it can.
 *
 * @throws {CliError} `refused` when others could put another file in the place of an installer, `unexpected` when it
 * cannot be made or written
 */
export async function openInstallerFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    const open = await folderFault(path, "name a folder of your own");
    if (open !== null) {
      throw new CliError("refused", `Cannot write installers into "${path}": ${open.fault}`, {
        hint: open.mend,
      });
    }
    const probe = join(path, `.openclaw-${crypto.randomUUID()}`);
    try {
      await makeFile(probe, new Uint8Array(4096));
    } finally {
      await removeFile(probe);
    }
  } catch (error) {
    throw writeError(error, path);
  }
}

/** @throws {CliError} `conflict` when one of the files is there already: none is ever replaced */
export async function assertFree(folder: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const path = join(folder, file);
    if (await infoIfThere(path) === null) continue;
    throw new CliError("conflict", `Cannot write "${path}": there is something already`, {
      hint: "name another folder, or remove it",
    });
  }
}

/**
 * Writes an installer, which only this user can read from the moment that it is there, whole or not at all.
 *
 * @throws {CliError} `conflict` when something is there, `unexpected` when it cannot be written
 */
export async function writeInstaller(folder: string, file: string, content: string): Promise<string> {
  const path = join(folder, file);
  await assertFree(folder, [file]);
  try {
    await writePrivateFile(path, content);
  } catch (error) {
    throw writeError(error, path);
  }
  return path;
}

function writeError(error: unknown, path: string): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (error instanceof CliError) return error;
  return new CliError("unexpected", `Cannot write "${path}": ${error.message}`, {
    hint: isErrno(error, "ENOSPC", "EDQUOT") ? "df -h" : "name a folder that this user can write",
    cause: error,
  });
}
