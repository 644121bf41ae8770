import assert from "node:assert/strict";
import { join } from "node:path";
import { FleetClient } from "../_support/client.ts";
import { type Finished, Host, languages, python, run, sh } from "../_support/installers.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";

/** Runs a command at a terminal, types a line, and shows what the terminal showed. */
const terminal = `
import os, pty, sys
answer = sys.argv[1]
def read(descriptor):
    text = os.read(descriptor, 1024)
    if b"[y/N]" in text:
        os.write(descriptor, answer.encode() + b"\\n")
    return text
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:], read, lambda descriptor: b"")))
`;

testWith(
  ["bash", "busybox", "zsh", ...sh.tools, ...python.tools],
  "at a terminal, both installers ask before they touch anything",
  async () => {
    await withFolder(async (folder) => {
      const server = await startServerProcess({ data: join(folder, "data") });
      const fleet = new FleetClient(server.base, server.operatorKey);
      for (const language of languages) {
        const own = join(folder, language.name.replaceAll(" ", "_"));
        await Deno.mkdir(join(own, "home"), { recursive: true });
        const host = new Host(language, own);
        const { id, secret } = await fleet.createAgent();
        const env = {
          HOME: host.home,
          OPENCLAW_URL: server.url,
          OPENCLAW_AGENT_ID: id,
          OPENCLAW_AGENT_SECRET: secret,
        };
        const ask = (answer: string, args: string[]): Promise<Finished> =>
          run(["python3", "-c", terminal, answer, ...language.command, language.file, ...args], {
            env,
            stdin: "",
          });

        const no = await ask("n", []);
        assert.equal(no.code, 1, no.stdout);
        assert.match(
          no.stdout,
          /Install the agent "test agent" to .*\? \[y\/N\][^]*Cancelled: nothing was changed/,
        );
        assert.deepEqual(await host.tree(), {});

        assert.doesNotMatch((await ask("n", ["--yes"])).stdout, /\[y\/N\]/);
        assert.equal((await fleet.agent(id)).liveness, "online");

        assert.equal((await ask("", ["--uninstall"])).code, 1);
        assert.equal((await ask("y", ["--uninstall"])).code, 0);
        assert.deepEqual(await host.tree(), {});
      }
      await server.stop();
    });
  },
);
