import { join } from "node:path";
import { infoIfThere } from "../host/open_file.ts";
import { readOwnFile, readPrivateFile } from "../host/private_file.ts";
import { folderFault } from "../host/private_folder.ts";
import { CliError } from "../terminal/errors.ts";
import { checkKey } from "./key.ts";

/** The data folder of a server that was started in the working folder, as a path from there. */
const name = "openclaw-data";
const instead = "name the server with --url, and its key's file with OPENCLAW_OPERATOR_KEY_FILE";

/**
 * The URL of the server whose data folder is here; null where there is none, or one that has not said its URL yet.
 *
 * @param here the working folder, where it is not the process's own
 * @throws {CliError} `refused` when the folder, or its file `url`, could have been written by others: a key would go
 * to a server of theirs
 */
export async function urlOfServerHere(here = ""): Promise<string | null> {
  const folder = join(here, name);
  if (await infoIfThere(folder, Deno.stat) === null) return null;
  const open = await folderFault(folder, instead);
  if (open !== null) throw refused(folder, open.fault, open.mend);
  const path = join(folder, "url");
  const found = await readOwnFile(path);
  if (found !== null && "fault" in found) throw refused(folder, `${path}: ${found.fault}`, found.mend);
  const url = found?.text.trim() ?? "";
  return url === "" ? null : url;
}

/** The operator's key of the server whose data folder is here. Its owner and mode are checked; see readPrivateFile. */
export async function keyOfServerHere(here = ""): Promise<string | null> {
  const folder = join(here, name);
  const path = join(folder, "operator-key");
  const found = await readPrivateFile(path);
  if (found === null) return null;
  if ("fault" in found) throw refused(folder, `${path}: ${found.fault}`, found.mend);
  return checkKey(found.text, `"${path}"`);
}

function refused(folder: string, fault: string, hint: string): CliError {
  return new CliError("refused", `Cannot use the server's data folder "${folder}": ${fault}`, { hint });
}
