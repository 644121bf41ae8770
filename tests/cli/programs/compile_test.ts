import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { agentFlags } from "../../../tools/agent_flags.ts";
import { withFolder } from "../../_support/server.ts";

const compiler = fileURLToPath(new URL("../../../tools/compile.ts", import.meta.url));
const systems = new Map([
  ["linux-x64", "x86_64-unknown-linux-gnu"],
  ["linux-arm64", "aarch64-unknown-linux-gnu"],
  ["darwin-x64", "x86_64-apple-darwin"],
  ["darwin-arm64", "aarch64-apple-darwin"],
  ["windows-x64", "x86_64-pc-windows-msvc"],
]);

// What Deno makes of it is seen where it is compiled for this host: here, a stand-in notes what it is asked.
Deno.test({
  name: "deno task compile --all asks for both programs on every system, and vouches for each file",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      const standIn = join(folder, "deno");
      const script = `#!/bin/sh
for one in "$@"; do
  [ "$before" != --output ] || output=$one
  before=$one
done
printf '%s\\n' "$@" >"$output"
`;
      await Deno.writeTextFile(standIn, script, { mode: 0o755 });
      const dist = join(folder, "dist");
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--allow-all", compiler, "--all", "--output", dist],
        env: { DENO_COMPILE_BIN: standIn, NO_COLOR: "1" },
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));

      const names = ["openclaw", "openclaw-server"].flatMap((program) =>
        [...systems.keys()].map((system) =>
          `${program}-${system}${system.startsWith("windows") ? ".exe" : ""}`
        )
      );
      const made = (await Array.fromAsync(Deno.readDir(dist))).map(({ name }) => name).sort();
      assert.deepEqual(made, [...names, "SHA256SUMS"].sort());
      for (const name of names) {
        const asked = (await Deno.readTextFile(join(dist, name))).trimEnd().split("\n");
        const system = /-((?:linux|darwin|windows)-\w+?)(?:\.exe)?$/.exec(name)?.[1] ?? "";
        assert.equal(asked[asked.indexOf("--target") + 1], systems.get(system), name);
        assert.equal(asked[0], "compile");
        assert.ok(asked.includes("--no-prompt"), name);
        const isServer = name.startsWith("openclaw-server");
        assert.equal(asked.includes("supabase/migrations"), isServer, name);
        assert.equal(asked.includes(`--v8-flags=${agentFlags}`), !isServer, name);
        assert.equal(asked.at(-1), isServer ? "cli/main.ts" : "cli/openclaw.ts");
      }

      const checked = await new Deno.Command("sha256sum", {
        args: ["--check", "--strict", "SHA256SUMS"],
        cwd: dist,
      }).output();
      assert.ok(checked.success);
      const told = new TextDecoder().decode(checked.stdout).trimEnd().split("\n");
      assert.deepEqual(told.map((line) => basename(line.split(":")[0] ?? "")).sort(), names.sort());
    }),
});
