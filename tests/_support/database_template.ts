import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { binary } from "./compiled.ts";
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
  const template = join(tmpdir(), `openclaw-test-database-${Deno.uid() ?? ""}-${await keyOfSchema()}`);
  using lock = await Deno.open(`${template}.lock`, { create: true, write: true, mode: 0o600 });
  await lock.lock(true);
  if (!await isFolder(template)) await makeTemplate(template);
  return template;
}

async function makeTemplate(template: string): Promise<void> {
  const unfinished = `${template}.unfinished`;
  if (await isFolder(unfinished)) await Deno.remove(unfinished, { recursive: true });
  await Deno.mkdir(unfinished, { mode: 0o700 });
  const data = join(unfinished, "data");
  const server = await startServerProcess({ data, makesDatabase: true });
  await server.stop();
  await Deno.rename(join(data, "postgres"), template);
  await Deno.remove(unfinished, { recursive: true });
}

/** All that the content of a new database depends on. */
async function keyOfSchema(): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of ["supabase/migrations", "cli/serve/store"]) {
    const names = (await Array.fromAsync(Deno.readDir(join(root, folder)))).map(({ name }) => name).sort();
    for (const name of names) hash.update(await Deno.readFile(join(root, folder, name)));
  }
  hash.update(await Deno.readFile(join(root, "deno.json")));
  return hash.update(binary ?? "").digest("hex").slice(0, 16);
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

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.lstat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
