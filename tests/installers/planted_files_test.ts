import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exists } from "../../cli/host/private_file.ts";
import { powershell, run } from "../_support/installers.ts";
import { powershellEnvironment } from "../_support/powershell.ts";
import { temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";

const folder = fileURLToPath(new URL("../../installers/agents/", import.meta.url));
const stranger = 12_345;
const powershellAgent = [...powershell.command, join(folder, "agent.ps1")];
const agents: [name: string, tools: string[], command: string[]][] = [
  ["agent.ps1", powershell.tools, powershellAgent],
  ["agent.sh", ["dash", "awk", "sed"], ["dash", join(folder, "agent.sh")]],
  ["agent.py", ["python3"], ["python3", join(folder, "agent.py")]],
];

function environmentOf(home: string): Record<string, string> {
  return { HOME: home, ...powershellEnvironment(home) };
}

for (const [name, tools, command] of agents) {
  testWith(
    ["root", ...tools],
    `${name} writes its log through no link or second name in another user's folder, and makes nothing through one`,
    async () => {
      await using home = await temporaryFolder();
      const theirs = join(home.path, "theirs");
      await Deno.mkdir(theirs);
      await Deno.chown(theirs, stranger, stranger);
      for (const [link, target] of [["a", "victim"], ["b", "not-there"]] as const) {
        await Deno.symlink(join(home.path, target), join(theirs, link));
      }
      await Deno.writeTextFile(join(home.path, "victim"), "as it was");
      await Deno.link(join(home.path, "victim"), join(theirs, "c"));
      for (const link of ["a", "b", "c"]) {
        const args = ["monitor", "--log-file", join(theirs, link)];
        const { code, stderr } = await run([...command, ...args], { env: environmentOf(home.path) });
        assert.deepEqual(
          [code, stderr.split("\n")[0]],
          [1, `error: Cannot write "${join(theirs, link)}": it is a link in a folder of another user`],
        );
      }
      assert.equal(await Deno.readTextFile(join(home.path, "victim")), "as it was");
      assert.equal(await exists(join(home.path, "not-there")), false);
    },
  );

  testWith(tools, `${name} writes its log through a link of its own user`, async () => {
    await using home = await temporaryFolder();
    await Deno.symlink(join(home.path, "log"), join(home.path, "link"));
    const args = ["monitor", "--log-file", join(home.path, "link")];
    assert.equal((await run([...command, ...args], { env: environmentOf(home.path) })).code, 1);
    assert.match(
      await Deno.readTextFile(join(home.path, "log")),
      /error: Cannot read "[^"]+credentials\.json"/,
    );
  });

  testWith(
    ["mkfifo", ...tools],
    `${name} does not wait for a pipe in the place of its credentials`,
    async () => {
      await using home = await temporaryFolder();
      const place = join(home.path, ".config/openclaw-agent");
      await Deno.mkdir(place, { recursive: true });
      await run(["mkfifo", "-m", "600", join(place, "credentials.json")]);
      const { code, stderr } = await run([...command, "monitor"], { env: environmentOf(home.path) });
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^error: Cannot read "[^"]+": it holds no credentials\n/);
    },
  );
}
