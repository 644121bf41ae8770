import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exists } from "../../cli/host/private_file.ts";
import { type Finished, powershell, run } from "../_support/installers.ts";
import { powershellEnvironment, PowerShellSession } from "../_support/powershell.ts";
import { temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";

const folder = fileURLToPath(new URL("../../installers/agents/", import.meta.url));
const stranger = 12_345;
/** What starts the agent; null stands for a PowerShell that runs one after the other. */
const agents: [name: string, tools: string[], command: string[] | null][] = [
  ["agent.ps1", powershell.tools, null],
  ["agent.sh", ["dash", "awk", "sed"], ["dash", join(folder, "agent.sh")]],
  ["agent.py", ["python3"], ["python3", join(folder, "agent.py")]],
];

type Monitor = (...args: string[]) => Promise<Finished>;

/** An empty home, and what runs the agent's "monitor" in it. */
async function withHome(
  command: string[] | null,
  work: (home: string, monitor: Monitor) => Promise<void>,
): Promise<void> {
  await using home = await temporaryFolder();
  if (command !== null) {
    const env = { HOME: home.path };
    return await work(home.path, (...args) => run([...command, "monitor", ...args], { env }));
  }
  await using session = new PowerShellSession(home.path);
  const env = { HOME: home.path, ...powershellEnvironment(home.path) };
  await work(
    home.path,
    (...args) => session.run({ file: join(folder, "agent.ps1"), args: ["monitor", ...args], env }),
  );
}

for (const [name, tools, command] of agents) {
  testWith(
    ["root", ...tools],
    `${name} writes its log through no link or second name in another user's folder, and makes nothing through one`,
    () =>
      withHome(command, async (home, monitor) => {
        const theirs = join(home, "theirs");
        await Deno.mkdir(theirs);
        await Deno.chown(theirs, stranger, stranger);
        for (const [link, target] of [["a", "victim"], ["b", "not-there"]] as const) {
          await Deno.symlink(join(home, target), join(theirs, link));
        }
        await Deno.writeTextFile(join(home, "victim"), "as it was");
        await Deno.link(join(home, "victim"), join(theirs, "c"));
        for (const link of ["a", "b", "c"]) {
          const { code, stderr } = await monitor("--log-file", join(theirs, link));
          assert.deepEqual(
            [code, stderr.split("\n")[0]],
            [1, `error: Cannot write "${join(theirs, link)}": it is a link in a folder of another user`],
          );
        }
        assert.equal(await Deno.readTextFile(join(home, "victim")), "as it was");
        assert.equal(await exists(join(home, "not-there")), false);
      }),
  );

  testWith(
    ["mkfifo", ...tools],
    `${name} writes its log through a link of its own user, and does not wait for a pipe in the place of its credentials`,
    () =>
      withHome(command, async (home, monitor) => {
        await Deno.symlink(join(home, "log"), join(home, "link"));
        assert.equal((await monitor("--log-file", join(home, "link"))).code, 1);
        assert.match(
          await Deno.readTextFile(join(home, "log")),
          /error: Cannot read "[^"]+credentials\.json": there is no such file/,
        );
        const place = join(home, ".config/openclaw-agent");
        await Deno.mkdir(place, { recursive: true });
        await run(["mkfifo", "-m", "600", join(place, "credentials.json")]);
        const { code, stderr } = await monitor();
        assert.equal(code, 1, stderr);
        assert.match(stderr, /^error: Cannot read "[^"]+": it holds no credentials\n/);
      }),
  );
}
