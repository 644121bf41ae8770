import assert from "node:assert/strict";
import { part } from "./_support/require.ts";

const root = new URL("../", import.meta.url);
const scripts = [".ci/run", "tests/_support/boot_systemd.sh", "tools/powershell_ahead.sh"];

const shellcheck = await part("shellcheck", async () => await has("shellcheck") ? "shellcheck" : null);

shellcheck.test("shellcheck finds nothing in our shell scripts", async (program) => {
  const { success, stdout } = await new Deno.Command(program, { args: scripts, cwd: root }).output();
  assert.ok(success, new TextDecoder().decode(stdout));
});

async function has(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).output())
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
