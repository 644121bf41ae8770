import assert from "node:assert/strict";

const root = new URL("../../../", import.meta.url);

Deno.test("no path of a file is taken from an address without being decoded", async () => {
  const undecoded: string[] = [];
  for (const folder of ["cli", "installers", "supabase", "tests", "tools"]) {
    await collect(new URL(`${folder}/`, root));
  }
  assert.deepEqual(undecoded, []);

  async function collect(folder: URL): Promise<void> {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const inner = new URL(encodeURIComponent(name) + (isDirectory ? "/" : ""), folder);
      if (isDirectory) await collect(inner);
      else if (name.endsWith(".ts") && /import\.meta\.url\)\.pathname/.test(await Deno.readTextFile(inner))) {
        undecoded.push(inner.href.replace(root.href, ""));
      }
    }
  }
});
