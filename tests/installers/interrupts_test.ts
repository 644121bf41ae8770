import assert from "node:assert/strict";
import { join } from "node:path";
import { FleetClient } from "../_support/client.ts";
import { assertEnded, Host, languages } from "../_support/installers.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { pretendOlder } from "./_scenarios.ts";
import { testWith } from "../_support/tools.ts";

// The moments between what a tool has done and the next line: here, each of them is met.
for (const language of languages.filter(({ extension }) => extension === "sh")) {
  testWith(language.tools, `${language.name}, told to stop by each tool that changes something`, async () => {
    await withFolder(async (folder) => {
      const server = await startServerProcess({ data: join(folder, "data") });
      const fleet = new FleetClient(server.base, server.operatorKey);
      for (const tool of ["mkdir", "chmod", "mv", "ln"]) {
        const own = join(folder, tool);
        const host = new Host(language, own);
        await Deno.mkdir(host.home, { recursive: true });
        const agent = await fleet.createAgent();
        if (tool === "ln") {
          // Only a file that is there is kept aside.
          assertEnded(await host.install(agent, server.url), 0);
          await pretendOlder(host);
        }
        const before = await host.tree();
        const times = tool === "ln" ? 1 : 4;
        for (let time = 1; time <= times; time++) {
          const env = await traitor(host, { tool, time });
          const { code, stderr } = await host.install(agent, server.url, { env });
          if (code === 0) continue;
          assert.match(stderr, /error: Cannot go on: it was interrupted/, `${tool}, time ${time}`);
          assert.deepEqual(await host.tree(), before, `${tool}, time ${time}`);
        }
      }
      await server.stop();
    });
  });
}

/** A PATH with a tool that does what is asked and, at one time, tells whoever asked to stop. */
async function traitor(
  host: Host,
  { tool, time }: { tool: string; time: number },
): Promise<Record<string, string>> {
  const bin = join(host.home, "../bin");
  await Deno.mkdir(bin, { recursive: true });
  const count = join(bin, "count");
  await Deno.writeTextFile(count, "");
  const script = `#!/bin/sh
/bin/${tool} "$@" || exit
echo >>'${count}'
[ "$(wc -l <'${count}')" -ne ${time} ] || kill -TERM "$PPID"
`;
  await Deno.writeTextFile(join(bin, tool), script, { mode: 0o755 });
  const rest = host.language.applets === undefined ? "" : `${await appletsOf(host)}:`;
  return { PATH: `${bin}:${rest}${Deno.env.get("PATH")}` };
}

/** Where the host's tools are, when all of them are busybox's. */
async function appletsOf(host: Host): Promise<string> {
  await host.run(["--version"]);
  return join(host.home, "../applets");
}
