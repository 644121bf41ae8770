import assert from "node:assert/strict";
import { join } from "node:path";
import { assertNoForeignData } from "../../../cli/serve/foreign_data.ts";
import { StartError } from "../../../cli/serve/start_error.ts";
import { temporaryFolder } from "../../_support/server.ts";

const folders: [what: string, names: string[], isOurs: boolean][] = [
  ["is empty", [], true],
  ["is a new file system", ["lost+found"], true],
  ["a first start has left unfinished", ["lock", "operator-key.0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11"], true],
  ["is a server's", ["lock", "operator-key", "jwt-keys.json", "postgres", "snapshots", "url"], true],
  ["is a server's, with its administrator's file in it", ["operator-key", "notes.txt"], true],
  ["is npm's openclaw's", ["openclaw.json", "agents", "workspace"], false],
  ["is npm's openclaw's, and locked by it", ["lock", "openclaw.json"], false],
  ["has one hidden file", [".env"], false],
];
for (const [what, names, isOurs] of folders) {
  Deno.test(`a data folder that ${what} is ${isOurs ? "taken" : "a conflict, and named"}`, async () => {
    await using folder = await temporaryFolder();
    for (const name of names) await Deno.writeTextFile(join(folder.path, name), "");
    const tried = assertNoForeignData(folder.path);
    if (isOurs) return await tried;
    await assert.rejects(tried, (error) => error instanceof StartError && error.failure === "conflict");
    assert.equal((await Array.fromAsync(Deno.readDir(folder.path))).length, names.length);
  });
}

Deno.test("a data folder that is not there is taken", async () => {
  await using folder = await temporaryFolder();
  await assertNoForeignData(join(folder.path, "new"));
});
