import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FleetClient } from "../_support/client.ts";
import { assertEnded, Host, languages, powershell, run, sh } from "../_support/installers.ts";
import { PowerShellSession } from "../_support/powershell.ts";
import { withFolder } from "../_support/server.ts";
import { startServerHere } from "../_support/server_here.ts";
import { isInstalled, testWith } from "../_support/tools.ts";

const generate = fileURLToPath(new URL("../../tools/installers.ts", import.meta.url));

async function release(args: string[]): ReturnType<typeof run> {
  const deno = ["run", "--quiet", "--allow-read", "--allow-write", generate, ...args];
  return await run([Deno.execPath(), ...deno], { env: { HOME: Deno.env.get("HOME") ?? "/", NO_COLOR: "1" } });
}

const hasPowershell = isInstalled("pwsh");
const released = hasPowershell ? [...languages, powershell] : languages;

testWith(
  ["bash", "busybox", "zsh", "python3", ...sh.tools],
  `a released installer knows its programs' sums, and takes no other program${
    hasPowershell ? "" : " (install.ps1: not run, there is no PowerShell here)"
  }`,
  async () => {
    await withFolder(async (folder) => {
      await using server = await startServerHere({ data: join(folder, "data") });
      const fleet = new FleetClient(server.base, server.operatorKey);
      const program = join(folder, "openclaw-linux-x64");
      await Deno.writeTextFile(program, "#!/bin/sh\necho 0.1.0\n", { mode: 0o755 });
      const { stdout: sum } = await run(["sha256sum", program]);
      const sums = join(folder, "sums");
      await Deno.writeTextFile(
        sums,
        `${sum.split(" ")[0]}  openclaw-linux-x64\n${"0".repeat(64)}  openclaw-linux-arm64\n`,
      );
      const made = await release(["--release", join(folder, "dist"), sums, "https://example.com/v0.1.0/"]);
      assert.equal(made.code, 0, made.stderr);
      await using session = hasPowershell ? new PowerShellSession(folder) : null;
      for (const language of released) {
        const own = join(folder, language.name.replaceAll(" ", "_"));
        await Deno.mkdir(join(own, "home"), { recursive: true });
        const file = join(folder, `dist/install.${language.extension}`);
        const inSession = language === powershell && session !== null ? { session } : {};
        const host = new Host({ ...language, file, ...inSession }, own);
        const agent = await fleet.createAgent();
        assertEnded(await host.install(agent, server.url, { args: ["--binary", program] }), 0);
        assert.equal(await Deno.readTextFile(host.program), await Deno.readTextFile(program));
        const forged = join(own, "openclaw-linux-x64");
        await Deno.writeTextFile(forged, "#!/bin/sh\necho 0.1.1\n", { mode: 0o755 });
        assertEnded(
          await host.install(agent, server.url, { args: ["--binary", forged] }),
          1,
          /Cannot verify/,
        );
        const plain = await host.install(agent, server.url, { args: ["--dry-run"] });
        assertEnded(plain, 0);
      }
    });
  },
);

Deno.test("a release without sums, or under an address without TLS, is none", async () => {
  await withFolder(async (folder) => {
    const sums = join(folder, "sums");
    await Deno.writeTextFile(sums, "nothing\n");
    assert.equal((await release(["--release", folder, sums, "https://example.com"])).code, 1);
    assert.equal((await release(["--release", folder, sums, "http://example.com"])).code, 2);
    assert.equal((await release(["--check"])).code, 0);
  });
});
