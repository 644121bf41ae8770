import assert from "node:assert/strict";
import { join } from "node:path";
import { openclaw, withFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { shellQuote } from "../../../cli/host/shell_quote.ts";
import { LogFile } from "../../../cli/agent/log/log_file.ts";
import { accepts, greets, startFaultServer } from "../../_support/fault_server.ts";
import { credentialsPath, makeAgent, ownEnvironment, run } from "../../_support/program.ts";

const secret = "ocs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_OS0B5A";
const agentId = "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";

// deno-lint-ignore no-control-regex -- what paints a terminal begins with one
const colour = /\u001b\[\d+m/;

/** Runs a program on a terminal of 80 columns, types each answer when there is quiet, and prints what was shown. */
const typist = `
import fcntl, json, os, pty, select, struct, sys, termios
answers, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
shown = b""
def read(patience):
    global shown
    while select.select([terminal], [], [], patience)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            return
        # Where the other side is gone, Linux has an error to say so, and macOS an end.
        if not part:
            return
        shown += part
        patience = 0.3
read(10)
for answer in answers:
    try:
        os.write(terminal, answer.encode() + b"\\r")
    except OSError:
        break
    read(5)
code = os.waitpid(pid, 0)[1] >> 8
print(json.dumps({"code": code, "shown": shown.decode(errors="replace")}))
`;

async function onTerminal(
  args: string[],
  answers: string[],
  home: string,
): Promise<{ code: number; shown: string }> {
  const { program, args: all } = openclaw(args);
  return await showTerminal([program, ...all], { answers, home });
}

async function showTerminal(
  command: string[],
  { answers = [], home, noColour = "" }: { answers?: string[]; home: string; noColour?: string },
): Promise<{ code: number; shown: string }> {
  const { stdout, stderr } = await new Deno.Command("python3", {
    args: ["-c", typist, JSON.stringify(answers), ...command],
    clearEnv: true,
    env: { ...ownEnvironment(home), TERM: "xterm", NO_COLOR: noColour },
    cwd: home,
  }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  assert.notEqual(text, "", decoder.decode(stderr));
  return JSON.parse(text);
}

Deno.test({
  name:
    "openclaw configure asks on a terminal, again where the answer cannot be right, and never shows the secret",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (home) => {
      const answers = ["fleet", "\u0015https://fleet.example", agentId, secret];
      const { code, shown } = await onTerminal(["configure"], answers, home);
      assert.equal(code, 0, shown);
      assert.match(shown, /an address like https/);
      assert.ok(!shown.includes("AAECAwQF"));
      const { url, agent_id, agent_secret } = JSON.parse(await Deno.readTextFile(credentialsPath(home)));
      assert.deepEqual([url, agent_id, agent_secret], ["https://fleet.example", agentId, secret]);
    }),
});

const leaving = [["Ctrl-C", "\u0003"], ["Ctrl-D", "\u0004"], ["Ctrl-Z", "\u001a"]] as const;
for (const [name, key] of leaving) {
  Deno.test({
    name:
      `openclaw configure that is left by ${name} on a terminal → usage, no file, and no secret on the screen`,
    ignore: Deno.build.os === "windows",
    fn: () =>
      withFolder(async (home) => {
        const args = ["configure", "--url", "https://fleet.example", "--agent-id", agentId];
        const { code, shown } = await onTerminal(args, [key, secret], home);
        assert.equal(code, 2, shown);
        assert.match(shown, /the question was not answered/);
        assert.ok(!shown.includes("Top-level await"), shown);
        await assert.rejects(Deno.stat(credentialsPath(home)), Deno.errors.NotFound);
      }),
  });
}

Deno.test({
  name: "openclaw configure --agent-secret-file - on a terminal asks, and does not show what is typed",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (home) => {
      const args = ["configure", "--url", "https://fleet.example", "--agent-id", agentId]
        .concat("--agent-secret-file", "-");
      const { code, shown } = await onTerminal(args, [secret], home);
      assert.equal(code, 0, shown);
      assert.ok(!shown.includes("AAECAwQF"), shown);
      assert.equal(JSON.parse(await Deno.readTextFile(credentialsPath(home))).agent_secret, secret);
    }),
});

Deno.test({
  name:
    "openclaw handshake --agent-secret-file - on a terminal → usage, without waiting for what would be shown",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (home) => {
      const args = ["handshake", "--agent-id", agentId, "--agent-secret-file", "-"];
      const { code, shown } = await onTerminal(args, [], home);
      assert.equal(code, 2, shown);
      assert.match(shown, /it is a terminal, which would show it/);
    }),
});

Deno.test({
  name:
    "openclaw configure on a terminal: Enter takes the server that is offered, and NO_COLOR paints nothing",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (home) => {
      const { program, args } = openclaw(["configure"]);
      const answers = ["", agentId, secret];
      const { code, shown } = await showTerminal([program, ...args], { answers, home, noColour: "1" });
      assert.equal(code, 0, shown);
      assert.doesNotMatch(shown, colour);
      const { url, agent_secret } = JSON.parse(await Deno.readTextFile(credentialsPath(home)));
      assert.deepEqual([url, agent_secret], ["http://127.0.0.1:54321", secret]);
    }),
});

Deno.test({
  name: "openclaw installer with a secret on a terminal → usage, and the secret is not shown",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (home) => {
      await Deno.writeTextFile(join(home, "secret"), secret, { mode: 0o600 });
      const args = ["installer", "bash", "--url", "https://fleet.example"];
      const identity = ["--agent-id", agentId, "--agent-secret-file", "secret"];
      const { code, shown } = await onTerminal([...args, ...identity], [], home);
      assert.equal(code, 2, shown);
      assert.match(shown, /Cannot print an installer to a terminal: it holds a secret/);
      assert.match(shown, /openclaw installer bash --output \S+/);
      assert.ok(!shown.includes(secret.slice(4, 20)), shown);
      const open = await onTerminal(args, [], home);
      assert.equal(open.code, 0, open.shown);
      assert.match(open.shown, /^#!\/bin\/sh/m);
    }),
});

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

const nowhere = ["--url", "http://127.0.0.1:9", "--agent-id", agentId, "--agent-secret", secret];
const commands = ["doctor", "status", "handshake"];

for (const command of commands) {
  testWith(
    ["python3", "sh"],
    `openclaw ${command} paints each stream only where that one is a terminal`,
    () =>
      withFolder(async (home) => {
        const { program, args } = openclaw([command, ...nowhere]);
        const line = [program, ...args].map(shellQuote).join(" ");
        const talked = await showTerminal(["sh", "-c", `${line} > answer`], { home });
        const answered = await showTerminal(["sh", "-c", `${line} 2> talk`], { home });
        assert.match(talked.shown, colour, "the warning on the terminal");
        assert.doesNotMatch(await Deno.readTextFile(join(home, "answer")), colour);
        assert.doesNotMatch(await Deno.readTextFile(join(home, "talk")), colour);
        if (command !== "handshake") assert.match(answered.shown, colour, "the answer on the terminal");
      }),
  );

  testWith(
    ["python3"],
    `openclaw ${command} paints nothing with NO_COLOR, and nothing without a terminal`,
    () =>
      withFolder(async (home) => {
        const { program, args } = openclaw([command, ...nowhere]);
        const { shown } = await showTerminal([program, ...args], { home, noColour: "1" });
        assert.match(shown, /warning: /);
        assert.doesNotMatch(shown, colour);
        const piped = await run([command, ...nowhere], { home, env: { NO_COLOR: "", TERM: "xterm" } });
        assert.match(piped.stderr, /warning: /);
        assert.doesNotMatch(piped.stderr + piped.stdout, colour);
      }),
  );
}

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
  ["python3"],
  "openclaw monitor on a terminal reads its credentials again at a SIGHUP, and stops at the one of a terminal that is closed",
  () =>
    withFolder(async (home) => {
      const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
      const configure = async ({ id }: { id: string }): Promise<void> => {
        const args = ["configure", "--url", server.url, "--agent-id", id, "--agent-secret-file", "-"];
        assert.equal((await run(args, { home, stdin: secret })).code, 0);
      };
      const asked = (): string[] =>
        server.caught.filter(({ path }) => path.endsWith("/handshake"))
          .map(({ body }) => JSON.parse(body).agent_id);
      const agents = [makeAgent(), makeAgent()] as const;
      await configure(agents[0]);
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
        await configure(agents[1]);
        Deno.kill(pid, "SIGHUP");
        while (asked().length < 2) await server.until(server.caught.length + 1);
        await server.until(server.caught.length + 2);
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
        server.close();
      }
    }),
);

function endIfThere(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
