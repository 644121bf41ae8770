import { isErrno } from "../terminal/errors.ts";
import { StartError } from "./start_error.ts";

/** What only a server's data folder has; one of them makes it ours, whatever was put beside it. */
const certain: readonly string[] = ["operator-key", "jwt-keys.json", "postgres"];
/** What an unfinished first start leaves, and what a new file system has. */
const harmless = new RegExp(
  "^(lock|url|snapshots|lost\\+found|(operator-key|reader-key|jwt-keys\\.json)(\\.[0-9a-f-]{36})?" +
    "|postgres\\.(unfinished|probe|restored|restored\\.unfinished|before-restore-.*))$",
);

/**
 * A server does not begin in a folder in which another program keeps something: a backup of that program's would take
 * the keys along, and who removes it would remove them.
 *
 * @throws {StartError} `conflict`, before anything is written
 */
export async function assertNoForeignData(folder: string): Promise<void> {
  const names = await namesIn(folder);
  if (names.some((name) => certain.includes(name))) return;
  const foreign = names.filter((name) => !harmless.test(name)).sort();
  if (foreign.length === 0) return;
  const shown = foreign.slice(0, 3).map((name) => JSON.stringify(name)).join(", ");
  throw new StartError(
    `Cannot use the data folder "${folder}": it has files that are not this server's: ${shown}`,
    "name a folder of its own with --data",
    { failure: "conflict" },
  );
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isErrno(error, "ENOTDIR")) return [];
    throw error;
  }
}
