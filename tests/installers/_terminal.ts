import assert from "node:assert/strict";
import { join } from "node:path";
import { type Finished, Host, type Language, powershell, python, run } from "../_support/installers.ts";
import { powershellEnvironment } from "../_support/powershell.ts";
import { type Fleet, type Step, testSteps } from "./_steps.ts";

/**
 * Runs a command at a terminal, types a line, and shows what the terminal showed. As every terminal, it says where its
 * cursor is when it is asked; PowerShell waits for that.
 */
const terminal = `
import os, pty, sys
answer = sys.argv[1]
def read(descriptor):
    text = os.read(descriptor, 1024)
    if b"\\x1b[6n" in text:
        os.write(descriptor, b"\\x1b[1;1R")
    if b"[y/N]" in text:
        os.write(descriptor, answer.encode() + b"\\n")
    return text
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:], read, lambda descriptor: b"")))
`;

/**
 * That an installer asks before it touches anything.
 * @param isWhole false: only its questions, and a no and a yes to them
 */
export function testAsking(languages: readonly Language[], { isWhole }: { isWhole: boolean }): void {
  const steps = languages.map((language): Step => ({
    name: language.name,
    tools: [...language.tools, ...python.tools],
    work: ({ folder, ...given }) => asks(new Host(language, folder), given, isWhole),
  }));
  const names = isWhole ? "" : `, in short: ${languages.map(({ name }) => name)}`;
  testSteps(`at a terminal, each installer asks before it touches anything${names}`, steps);
}

async function asks(host: Host, { fleet, url }: Fleet, isWhole: boolean): Promise<void> {
  const { language } = host;
  await Deno.mkdir(host.home);
  const { id, secret } = await fleet.createAgent();
  const env = {
    ...(language === powershell ? powershellEnvironment(`${host.home}/..`) : {}),
    HOME: host.home,
    OPENCLAW_URL: url,
    OPENCLAW_AGENT_ID: id,
    OPENCLAW_AGENT_SECRET: secret,
  };
  const ask = (answer: string, args: string[]): Promise<Finished> =>
    run(["python3", "-c", terminal, answer, ...language.command, language.file, ...args], {
      env,
      stdin: "",
    });

  if (isWhole) {
    const shown = await ask("", ["--enrollment-code-file", "-"]);
    assert.equal(shown.code, 2, shown.stdout);
    assert.match(
      shown.stdout,
      /Cannot read the code from standard input: it is a terminal, which would show it/,
    );
  }

  const no = await ask("n", []);
  assert.equal(no.code, 1, no.stdout);
  assert.match(
    no.stdout,
    /Install the agent "test agent" to .*\? \[y\/N\][^]*Cancelled: nothing was changed/,
  );
  assert.deepEqual(await host.tree(), {});

  if (isWhole) {
    assert.doesNotMatch((await ask("n", ["--yes"])).stdout, /\[y\/N\]/);
    assert.equal((await fleet.agent(id)).liveness, "online");

    assert.equal((await ask("", ["--uninstall"])).code, 1);
    assert.equal((await ask("y", ["--uninstall"])).code, 0);
    assert.deepEqual(await host.tree(), {});
  }

  const both = await ask("y", []);
  assert.match(both.stdout, /May it be called "openclaw", too\? \[y\/N\]/);
  assert.equal(await Deno.readLink(join(host.home, ".local/bin/openclaw")), host.word);
}
