import assert from "node:assert/strict";
import { abilities, kept } from "../../cli/permissions.ts";
import { withFolder } from "../_support/server.ts";

const root = new URL("../../", import.meta.url).href;

/** Gives up what the command does not need, then tries everything. */
const script = `
import { giveUp } from "${root}cli/permissions.ts";
await giveUp(Deno.args[0]);
const attempts = {
  ffi: () => Deno.dlopen("/nowhere.so", {}),
  run: () => new Deno.Command(Deno.build.os === "windows" ? "cmd" : "true", { args: [] }).outputSync(),
  env: () => Deno.env.get("PATH"),
  write: () => Deno.writeTextFileSync(Deno.args[1], ""),
  sys: () => Deno.hostname(),
  net: () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),
  read: () => Deno.statSync(Deno.args[2]),
};
const able = Object.entries(attempts).filter(([, attempt]) => {
  try {
    attempt();
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotCapable);
  }
}).map(([name]) => name);
console.log(JSON.stringify(able));
`;

for (const [command, needed] of Object.entries(kept)) {
  Deno.test(`openclaw ${command} can do ${needed.join(", ") || "nothing"}, and has given up everything else`, () =>
    withFolder(async (folder) => {
      const path = `${folder}/script.ts`;
      await Deno.writeTextFile(path, script);
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--quiet",
          "--no-prompt",
          "--no-config",
          "--allow-all",
          path,
          command,
          `${folder}/new`,
          folder,
        ],
        env: { NO_COLOR: "1" },
      }).output();
      const decoder = new TextDecoder();
      const able: unknown = JSON.parse(decoder.decode(stdout) || decoder.decode(stderr));
      assert.deepEqual(able, abilities.filter((ability) => (needed as readonly string[]).includes(ability)));
    }));
}
