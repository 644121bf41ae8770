import assert from "node:assert/strict";
import { join } from "node:path";
import { inMemory } from "../../tools/_memory.ts";
import { part } from "../_support/require.ts";
import { run } from "../_support/run.ts";
import { temporaryFolder } from "../_support/server.ts";

const memory = await part("memory that root may mount in a namespace", async () => {
  await using folder = await temporaryFolder();
  return await inMemory(folder.path, ["true"]);
});

memory.test("a command has its folder in memory, and nothing of it is left", async () => {
  await using folder = await temporaryFolder();
  const script = 'echo written >"$0/file" && stat -f -c %T "$0"';
  const there = await inMemory(folder.path, ["sh", "-c", script, folder.path]);
  assert.ok(there !== null);
  const ended = await run(...there);
  assert.deepEqual([ended?.code, ended?.stdout], [0, "tmpfs\n"]);
  await assert.rejects(Deno.lstat(join(folder.path, "file")), Deno.errors.NotFound);
});
