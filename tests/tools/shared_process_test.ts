import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

Deno.test("no test changes the working folder or a variable, which all files of a run share", async () => {
  const changing: string[] = [];
  for await (const path of testsIn(fileURLToPath(new URL("../", import.meta.url)))) {
    if (/\b(Deno|process)\.chdir\(|\bDeno\.env\.(set|delete)\(/.test(await Deno.readTextFile(path))) {
      changing.push(path);
    }
  }
  assert.deepEqual(changing, []);
});

async function* testsIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* testsIn(path);
    else if (name.endsWith("_test.ts")) yield path;
  }
}
