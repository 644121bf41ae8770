import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

Deno.test("no test changes the working folder, which all files of a run share", async () => {
  const changing: string[] = [];
  for await (const path of modulesIn(fileURLToPath(new URL("../", import.meta.url)))) {
    if (/\b(Deno|process)\.chdir\(/.test(await Deno.readTextFile(path))) changing.push(path);
  }
  assert.deepEqual(changing, []);
});

async function* modulesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* modulesIn(path);
    else if (name.endsWith(".ts")) yield path;
  }
}
