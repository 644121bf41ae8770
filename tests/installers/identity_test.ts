import { join } from "node:path";
import { fillIn, identityCases } from "../_support/identity_cases.ts";
import { greets, startFaultServer } from "../_support/fault_server.ts";
import { assertEnded, Host, type Language, powershell, python, sh } from "../_support/installers.ts";
import { loopbackCases } from "../_support/loopback_cases.ts";
import { PowerShellSession } from "../_support/powershell.ts";
import { PythonSession } from "../_support/python_session.ts";
import { temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";

for (const language of [sh, python, powershell]) {
  testWith(language.tools, `${language.name} reads id and secret as the program does`, async (context) => {
    using server = startFaultServer(() => greets());
    await using room = await temporaryFolder();
    // One for all: a start of PowerShell takes a second of CPU, and one of Python a tenth.
    await using session = language.extension === "ps1" ? new PowerShellSession(room.path) : null;
    await using forks = language.extension === "py" ? new PythonSession(language.command, room.path) : null;
    const how: Language = { ...language, ...session && { session }, ...forks && { forks } };
    for (const one of identityCases) {
      await context.step(`${one.name} → exit code ${one.code}`, async () => {
        await using folder = await temporaryFolder();
        const host = new Host(how, folder.path);
        await Deno.mkdir(host.home);
        const path = join(folder.path, "the secret");
        if (one.file !== undefined) await Deno.writeTextFile(path, one.file, { mode: 0o600 });
        const { env, args } = fillIn(one, path);
        const asked = server.caught.length;
        assertEnded(
          await host.run(["--url", server.url, "--dry-run", "--script-agent", ...args], { env }),
          one.code,
        );
        const handshakes = server.caught.slice(asked);
        if (one.code !== 0 && handshakes.length > 0) throw new Error("the server was asked");
        const sent = JSON.stringify({ id: agentId, secret: agentSecret });
        for (const { body } of handshakes) {
          const { agent_id, agent_secret }: Record<string, unknown> = JSON.parse(body);
          if (JSON.stringify({ id: agent_id, secret: agent_secret }) !== sent) throw new Error(body);
        }
        if (one.code === 0 && handshakes.length === 0) throw new Error("the server was not asked");
      });
    }
    for (const { host: name, isLoopback } of loopbackCases) {
      await context.step(
        `http://${name} ${isLoopback ? "is" : "is not"} an address for a secret`,
        async () => {
          await using folder = await temporaryFolder();
          const host = new Host(how, folder.path);
          await Deno.mkdir(host.home);
          const env = { OPENCLAW_AGENT_ID: agentId, OPENCLAW_AGENT_SECRET: agentSecret };
          // Nothing listens at the port of the discard service: the address was accepted.
          assertEnded(
            await host.run(["--url", `http://${name}:9`, "--dry-run"], { env }),
            isLoopback ? 6 : 2,
          );
        },
      );
    }
  });
}
