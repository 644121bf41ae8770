import assert from "node:assert/strict";
import { required } from "./_support/require.ts";

const root = new URL("../", import.meta.url);
const scripts = [".ci/run"];

Deno.test({
  ...required(
    "shellcheck finds nothing in our shell scripts",
    await has("shellcheck") ? null : "shellcheck is not installed",
  ),
  async fn() {
    const { success, stdout } = await new Deno.Command("shellcheck", { args: scripts, cwd: root }).output();
    assert.ok(success, new TextDecoder().decode(stdout));
  },
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
