import { dirname } from "node:path";
import { formatCredentials } from "../../cli/identity/credentials.ts";
import type { CreatedAgent } from "./client.ts";
import { credentialsPath } from "./program.ts";

/** Writes a file that its user alone may read, in folders of the same kind. */
export async function writePrivate(path: string, text: string, mode = 0o600): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(path, text, { mode });
}

/** The credentials file that `openclaw configure` writes; the tests of that command show that it is this one. */
export async function storeCredentials(
  home: string,
  url: string,
  { id, secret }: CreatedAgent,
): Promise<void> {
  await writePrivate(credentialsPath(home), formatCredentials({ url, agentId: id, secret }));
}

/** The names of what is in a folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}
