import assert from "node:assert/strict";
import { join } from "node:path";
import { LogFile } from "../../../cli/agent/log/log_file.ts";
import { shellQuote } from "../../../cli/host/shell_quote.ts";
import { handshakesAndBeats, handshakesOf, startFaultServer } from "../../_support/fault_server.ts";
import { storeCredentials } from "../../_support/home.ts";
import { closedPort } from "../../_support/port.ts";
import { credentialsPath, isThere, makeAgent, ownEnvironment, run } from "../../_support/program.ts";
import { assertNoSecret } from "../../_support/refused.ts";
import { openclaw, temporaryFolder } from "../../_support/server.ts";
import { showTerminal, terminal, type Typed } from "../../_support/terminal.ts";
import { testWith } from "../../_support/tools.ts";
import { agentId, agentSecret as secret } from "../../_support/vectors.ts";

// deno-lint-ignore no-control-regex -- what paints a terminal begins with one
const colour = /\u001b\[\d+m/;

const questions = {
  server: "The server's address",
  id: "The agent's id",
  secret: "The agent's secret",
};

async function onTerminal(
  args: string[],
  answers: Typed[],
  home: string,
): Promise<{ code: number; shown: string }> {
  const { program, args: all } = openclaw(args);
  return await showTerminal([program, ...all], { answers, home });
}

testWith(
  terminal,
  "openclaw configure asks on a terminal, again where the answer cannot be right, and never shows the secret",
  async () => {
    await using folder = await temporaryFolder();
    const home = folder.path;
    const answers: Typed[] = [
      [questions.server, "fleet"],
      ["an address like https", "\u0015https://fleet.example"],
      [questions.id, agentId],
      [questions.secret, secret],
    ];
    const { code, shown } = await onTerminal(["configure"], answers, home);
    assert.equal(code, 0, shown);
    assertNoSecret(shown);
    const { url, agent_id, agent_secret } = JSON.parse(await Deno.readTextFile(credentialsPath(home)));
    assert.deepEqual([url, agent_id, agent_secret], ["https://fleet.example", agentId, secret]);
  },
);

const leaving = [["Ctrl-C", "\u0003"], ["Ctrl-D", "\u0004"], ["Ctrl-Z", "\u001a"]] as const;
for (const [name, key] of leaving) {
  testWith(
    terminal,
    `openclaw configure that is left by ${name} on a terminal → usage, no file, and no secret on the screen`,
    async () => {
      await using home = await temporaryFolder();
      const args = ["configure", "--url", "https://fleet.example", "--agent-id", agentId];
      const { code, shown } = await onTerminal(args, [[questions.secret, key + secret]], home.path);
      assert.equal(code, 2, shown);
      assert.match(shown, /the question was not answered/);
      assert.ok(!shown.includes("Top-level await"), shown);
      assert.equal(await isThere(credentialsPath(home.path)), false);
    },
  );
}

testWith(
  terminal,
  "openclaw configure --agent-secret-file - on a terminal asks, and does not show what is typed",
  async () => {
    await using folder = await temporaryFolder();
    const home = folder.path;
    const args = ["configure", "--url", "https://fleet.example", "--agent-id", agentId]
      .concat("--agent-secret-file", "-");
    const { code, shown } = await onTerminal(args, [[questions.secret, secret]], home);
    assert.equal(code, 0, shown);
    assertNoSecret(shown);
    assert.equal(JSON.parse(await Deno.readTextFile(credentialsPath(home))).agent_secret, secret);
  },
);

testWith(
  terminal,
  "openclaw handshake --agent-secret-file - on a terminal → usage, without waiting for what would be shown",
  async () => {
    await using home = await temporaryFolder();
    const args = ["handshake", "--agent-id", agentId, "--agent-secret-file", "-"];
    const { code, shown } = await onTerminal(args, [], home.path);
    assert.equal(code, 2, shown);
    assert.match(shown, /it is a terminal, which would show it/);
  },
);

testWith(
  terminal,
  "openclaw configure on a terminal: Enter takes the server that is offered, and NO_COLOR paints nothing",
  async () => {
    await using folder = await temporaryFolder();
    const home = folder.path;
    const { program, args } = openclaw(["configure"]);
    const answers: Typed[] = [[questions.server, ""], [questions.id, agentId], [questions.secret, secret]];
    const { code, shown } = await showTerminal([program, ...args], { answers, home, noColour: "1" });
    assert.equal(code, 0, shown);
    assert.doesNotMatch(shown, colour);
    const { url, agent_secret } = JSON.parse(await Deno.readTextFile(credentialsPath(home)));
    assert.deepEqual([url, agent_secret], ["http://127.0.0.1:54321", secret]);
  },
);

testWith(
  terminal,
  "openclaw installer with a secret on a terminal → usage, and the secret is not shown",
  async () => {
    await using folder = await temporaryFolder();
    const home = folder.path;
    await Deno.writeTextFile(join(home, "secret"), secret, { mode: 0o600 });
    const args = ["installer", "bash", "--url", "https://fleet.example"];
    const identity = ["--agent-id", agentId, "--agent-secret-file", "secret"];
    const { code, shown } = await onTerminal([...args, ...identity], [], home);
    assert.equal(code, 2, shown);
    assert.match(shown, /Cannot print an installer to a terminal: it holds a secret/);
    assert.match(shown, /openclaw(-server)? installer bash --output \S+/);
    assertNoSecret(shown);
    const open = await onTerminal(args, [], home);
    assert.equal(open.code, 0, open.shown);
    assert.match(open.shown, /^#!\/bin\/sh/m);
  },
);

Deno.test({
  name: "a disk that is full costs the log lines, not the agent, and is complained of once",
  ignore: Deno.build.os !== "linux",
  fn() {
    const complaints: string[] = [];
    const log = new LogFile("/dev/full", { mostBytes: 1e6, warn: (text) => complaints.push(text) });
    for (let line = 0; line < 5; line++) log.line("a line");
    assert.equal(complaints.length, 1);
    assert.match(complaints[0] ?? "", /going on: No space left/);
  },
});

const nowhere = ["--url", closedPort(), "--agent-id", agentId, "--agent-secret", secret];
const commands = ["doctor", "status", "handshake"];

for (const command of commands) {
  testWith(
    [...terminal, "sh"],
    `openclaw ${command} paints each stream only where that one is a terminal`,
    async () => {
      await using folder = await temporaryFolder();
      const home = folder.path;
      const { program, args } = openclaw([command, ...nowhere]);
      const line = [program, ...args].map(shellQuote).join(" ");
      const talked = await showTerminal(["sh", "-c", `${line} > answer`], { home });
      const answered = await showTerminal(["sh", "-c", `${line} 2> talk`], { home });
      assert.match(talked.shown, colour, "the warning on the terminal");
      assert.doesNotMatch(await Deno.readTextFile(join(home, "answer")), colour);
      assert.doesNotMatch(await Deno.readTextFile(join(home, "talk")), colour);
      if (command !== "handshake") assert.match(answered.shown, colour, "the answer on the terminal");
    },
  );
}

testWith(terminal, "openclaw status paints nothing with NO_COLOR", async () => {
  await using home = await temporaryFolder();
  const { program, args } = openclaw(["status", ...nowhere]);
  const { shown } = await showTerminal([program, ...args], { home: home.path, noColour: "1" });
  assert.match(shown, /warning: [^]*liveness {2}unknown/);
  assert.doesNotMatch(shown, colour);
});

Deno.test("openclaw status paints nothing without a terminal", async () => {
  await using home = await temporaryFolder();
  const env = { NO_COLOR: "", TERM: "xterm" };
  const piped = await run(["status", ...nowhere], { home: home.path, env });
  assert.match(piped.stderr, /warning: /);
  assert.doesNotMatch(piped.stderr + piped.stdout, colour);
});

/** Runs a program on a terminal that is closed once a line comes, and prints its number and how it ended. */
const holder = `
import os, pty, select, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
print(pid, flush=True)
while 0 not in (ready := select.select([terminal, 0], [], [])[0]):
    if not os.read(terminal, 65536):
        break
os.close(terminal)
print(os.waitpid(pid, 0)[1], flush=True)
`;

testWith(
  terminal,
  "openclaw monitor on a terminal reads its credentials again at a SIGHUP, and stops at the one of a terminal that is closed",
  async () => {
    await using folder = await temporaryFolder();
    const home = folder.path;
    using server = startFaultServer(handshakesAndBeats());
    const asked = (): string[] => handshakesOf(server).map(({ body }) => JSON.parse(body).agent_id);
    const agents = [makeAgent(), makeAgent()] as const;
    await storeCredentials(home, server.url, agents[0]);
    const { program, args } = openclaw(["monitor"]);
    const child = new Deno.Command("python3", {
      args: ["-c", holder, program, ...args],
      clearEnv: true,
      env: { ...ownEnvironment(home), TERM: "xterm" },
      cwd: home,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const pid = Number((await lines.read()).value);
    try {
      await server.until(3);
      await storeCredentials(home, server.url, agents[1]);
      Deno.kill(pid, "SIGHUP");
      while (asked().length < 2) await server.until(server.caught.length + 1);
      await server.until(server.caught.length + 1);
      assert.deepEqual(asked(), agents.map(({ id }) => id));
      await child.stdin.close();
      assert.equal((await lines.read()).value, "0\n");
      assert.equal(JSON.parse(server.caught.at(-1)?.body ?? "").status, "stopping");
      assert.equal(asked().length, 2);
    } catch (error) {
      endIfThere(pid);
      throw error;
    } finally {
      await lines.cancel();
      await child.status;
    }
  },
);

function endIfThere(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
