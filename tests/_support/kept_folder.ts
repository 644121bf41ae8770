import { tmpdir } from "node:os";
import { join } from "node:path";
import { exists } from "../../cli/host/private_file.ts";

/**
 * The path of a folder that costs seconds to make: it is made once for each name, and stays in the system's temporary
 * folder for the next test file. `make` returns which part of the folder that it is given is wanted.
 */
export async function keptFolder(name: string, make: (folder: string) => Promise<string>): Promise<string> {
  const kept = join(tmpdir(), `openclaw-test-${Deno.uid() ?? ""}-${name}`);
  using lock = await Deno.open(`${kept}.lock`, { create: true, write: true, mode: 0o600 });
  await lock.lock(true);
  if (await exists(kept)) return kept;
  const unfinished = `${kept}.unfinished`;
  if (await exists(unfinished)) await Deno.remove(unfinished, { recursive: true });
  await Deno.mkdir(unfinished, { mode: 0o700 });
  await Deno.rename(await make(unfinished), kept);
  await Deno.remove(unfinished, { recursive: true });
  return kept;
}
