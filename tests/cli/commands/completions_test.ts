import assert from "node:assert/strict";
import { join } from "node:path";
import { completionScript } from "../../../cli/commands/completions/_scripts.ts";
import { shellQuote } from "../../../cli/host/shell_quote.ts";
import { syntaxFaults } from "../../_support/powershell.ts";
import { isThere, ownEnvironment, run } from "../../_support/program.ts";
import { succeed } from "../../_support/run.ts";
import { openclaw, removeAtEnd, temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";

/** Where both names are ours. */
const both = ["openclaw-agent", "openclaw"] as const;
const shells = ["bash", "zsh", "fish", "powershell"];

for (const shell of shells) {
  Deno.test(`openclaw completions ${shell} prints a script that asks openclaw and evaluates nothing`, async () => {
    await using home = await temporaryFolder();
    const { code, stdout, stderr } = await run(["completions", shell], { home: home.path });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(
      stdout,
      `${completionScript(shell, ["openclaw-agent"])}\n`,
      "the one that the tests below give the shell",
    );
    assert.match(stdout, /openclaw-agent complete '?--/);
    assert.doesNotMatch(stdout, /\beval\b|Invoke-Expression|iex|readonly|_get_comp_words/i);
  });
}

Deno.test("openclaw completions for another shell → usage", async () => {
  await using home = await temporaryFolder();
  const { code, stdout } = await run(["completions", "tcsh"], { home: home.path });
  assert.deepEqual([code, stdout], [2, ""]);
});

testWith(["pwsh"], "PowerShell reads the completion script", async () => {
  await using home = await temporaryFolder();
  const path = join(home.path, "script.ps1");
  await Deno.writeTextFile(path, completionScript("powershell", both));
  assert.equal(await syntaxFaults([path]), "");
});

/** Typed and followed by a Tab, with what then stands there. None of it may run. */
const typed: [name: string, text: string, wanted: RegExp][] = [
  ["a command", "hea", /heartbeat/],
  ["a flag", "monitor --prob", /--probe-url/],
  ["a flag's word", "heartbeat --status deg", /--status degraded/],
  ["a flag's word behind =", "heartbeat --status=deg", /--status=degraded/],
  ["a command's own command", "service uni", /service uninstall/],
  ["a flag behind what would run", "monitor $(>ran) --prob", /--probe-url/],
  ["a flag behind what would run in quotes", 'monitor "$(>ran)" --prob', /--probe-url/],
  ["a flag that would run", "monitor --$(>ran)= --prob", /--probe-url/],
  ["a file, where nothing else fits", "monitor --ca-file autho", /authority\.pem/],
];

/** A Tab in the middle of what would run; then the line is emptied, and another says that the Tab is over. */
const unfinished = "openclaw heartbeat -$(>ran)=x\t\u0015echo DO''NE\r";

/** Starts a shell on a terminal of its own, types into it, and prints what it shows until that fits or time is over. */
const typist = `
import fcntl, os, pty, re, select, struct, sys, termios, time
text, wanted, command = sys.argv[1], sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
shown = ""
def read(pattern):
    global shown
    end = time.time() + 120
    while time.time() < end and not re.search(pattern, shown):
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
read("READY> ")
setup, shown = shown, ""
os.write(terminal, text.encode())
read(wanted)
os.kill(pid, 9)
print(setup + shown)
`;

const terminals: { shell: string; file: string; start: string; command: string[] }[] = [
  {
    shell: "bash",
    file: "setup",
    start: "",
    command: ["bash", "--noprofile", "--rcfile", "setup", "-i"],
  },
  {
    shell: "zsh",
    file: ".zshrc",
    // Its other binding of the key has the shell itself expand the word before anybody completes it.
    start: "autoload -U compinit; compinit -u -D; bindkey '^I' complete-word\n",
    command: ["zsh", "-d", "-i"],
  },
];

for (const { shell, file, start, command } of terminals) {
  const lines: [name: string, typed: string, wanted: RegExp][] = [
    ...typed.map(([name, text, wanted]): [string, string, RegExp] => [
      `${shell} completes ${name}, and runs nothing of what was typed`,
      `openclaw ${text}\t`,
      wanted,
    ]),
    [`${shell} runs nothing of the word that it cannot complete`, unfinished, /DONE\r/],
  ];
  for (const [name, text, wanted] of lines) {
    testWith([shell, "python3", ...stubNeeds()], name, async () => {
      await using home = await temporaryFolder();
      await prepare(home.path, shell);
      await Deno.writeTextFile(
        join(home.path, file),
        `${start}source ./script\nsource ./script\nPS1='READY> '\n`,
      );
      const { stdout } = await succeed("python3", ["-c", typist, text, wanted.source, ...command], {
        ...within(home.path),
        timeoutSeconds: 300,
      });
      assert.match(stdout, wanted);
      assert.doesNotMatch(stdout, /not found|readonly|error/i);
      assert.equal(await isThere(join(home.path, "ran")), false, "what was typed was run");
    });
  }
}

for (const [name, text, wanted] of typed) {
  testWith(
    ["fish", ...stubNeeds()],
    `fish completes ${name}, and runs nothing of what was typed`,
    async () => {
      await using home = await temporaryFolder();
      await prepare(home.path, "fish");
      const command = `source script; source script; complete --do-complete ${
        shellQuote(`openclaw ${text}`)
      }`;
      const { stdout, stderr } = await succeed("fish", ["--no-config", "-c", command], within(home.path));
      assert.equal(stderr, "");
      const last = /[^ ]*$/.exec(wanted.source)?.[0] ?? "";
      assert.match(stdout, new RegExp(`^${last}`, "m"));
      assert.equal(await isThere(join(home.path, "ran")), false);
    },
  );
}

function stubNeeds(): string[] {
  return ["sh", "cksum", "mv", "cat"];
}

/** What `openclaw complete` answered to words before, for every shell: the answer depends on nothing else. */
const answers = await Deno.makeTempDir({ prefix: "openclaw-completions-" });
removeAtEnd(answers);

/** A home with the shell's script, a certificate, and an `openclaw-agent` that asks this program once for the same words. */
async function prepare(home: string, shell: string): Promise<void> {
  await Deno.writeTextFile(join(home, "script"), completionScript(shell, both));
  await Deno.writeTextFile(join(home, "authority.pem"), "");
  const { program, args } = openclaw([]);
  const own = [program, ...args].map(shellQuote).join(" ");
  const stub = `#!/bin/sh
sum=$(printf '%s\\n' "$#" "$@" | cksum)
answer=${shellQuote(answers)}/"\${sum%% *}"
[ -e "$answer" ] || { ${own} "$@" >"$answer.$$" && mv "$answer.$$" "$answer"; }
exec cat "$answer"
`;
  await Deno.mkdir(join(home, "bin"));
  await Deno.writeTextFile(join(home, "bin/openclaw-agent"), stub, { mode: 0o755 });
}

function within(home: string): { cwd: string; env: Record<string, string> } {
  const PATH = `${join(home, "bin")}:${Deno.env.get("PATH")}`;
  return { cwd: home, env: { ...ownEnvironment(home), PATH, TERM: "xterm", ZDOTDIR: home } };
}
