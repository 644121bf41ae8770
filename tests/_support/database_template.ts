import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { keptFolder } from "./kept_folder.ts";
import { run } from "./run.ts";
import { startServerProcess } from "./server.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Makes a data folder in which the server finds its embedded database, empty and of this version's schema; one that
 * has anything in it already stays as it is. The first start of a server costs seconds of CPU to make a database; the
 * template is made once for each schema, and stays in the system's temporary folder. Not for a test of that first start.
 */
export async function copyDatabaseTemplate(data: string): Promise<void> {
  await Deno.mkdir(data, { recursive: true, mode: 0o700 });
  for await (const _ of Deno.readDir(data)) return;
  await copyFolder(await findTemplate(), join(data, "postgres"));
}

async function findTemplate(): Promise<string> {
  return await keptFolder(`database-${await keyOfSchema()}`, async (folder) => {
    const data = join(folder, "data");
    const server = await startServerProcess({ data, makesDatabase: true });
    await server.stop();
    return join(data, "postgres");
  });
}

/** All that the content of a new database depends on. */
async function keyOfSchema(): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of ["supabase/migrations", "cli/serve/store"]) {
    const names = (await Array.fromAsync(Deno.readDir(join(root, folder)))).map(({ name }) => name).sort();
    for (const name of names) hash.update(await Deno.readFile(join(root, folder, name)));
  }
  hash.update(await Deno.readFile(join(root, "deno.json")));
  return hash.digest("hex").slice(0, 16);
}

/** By `cp` where there is one: a thousand files take Deno a second of CPU, and it a tenth. */
export async function copyFolder(from: string, to: string): Promise<void> {
  if (Deno.build.os !== "windows" && (await run("cp", ["-Rp", from, to]))?.code === 0) return;
  await copyFiles(from, to);
}

async function copyFiles(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { mode: 0o700 });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFiles(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}
