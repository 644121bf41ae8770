import assert from "node:assert/strict";
import { join } from "node:path";
import { syntaxFaults } from "../../_support/powershell.ts";
import { succeed } from "../../_support/run.ts";
import { openclaw, withFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { isThere, ownEnvironment, run } from "../../_support/program.ts";

const shells = ["bash", "zsh", "fish", "powershell"];

/** Typed and followed by a Tab, with what then stands there. None of it may run. */
const typed: [name: string, text: string, wanted: RegExp][] = [
  ["a command", "hea", /heartbeat/],
  ["a flag", "monitor --pro", /--probe-url/],
  ["a flag's word", "heartbeat --status deg", /--status degraded/],
  ["a flag's word behind =", "heartbeat --status=deg", /--status=degraded/],
  ["a command's own command", "service uni", /service uninstall/],
  ["a flag behind what would run", "monitor $(>ran) --pro", /--probe-url/],
  ["a flag behind what would run in quotes", 'monitor "$(>ran)" --pro', /--probe-url/],
  ["a flag that would run", "monitor --$(>ran)= --pro", /--probe-url/],
  ["a file, where nothing else fits", "monitor --ca-file autho", /authority\.pem/],
];

/** zsh's other binding of the key has the shell itself expand the word before anybody completes it. */
const zshStart = "autoload -U compinit; compinit -u -D; bindkey '^I' complete-word\n";

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
    end = time.time() + 20
    while time.time() < end and not re.search(pattern, shown):
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
read("READY> ")
setup, shown = shown, ""
os.write(terminal, text.encode())
read(wanted)
os.kill(pid, 9)
print(setup + shown)
`;

/** A Tab in the middle of what would run; then the line is emptied, and another says that the Tab is over. */
const unfinished = "openclaw heartbeat -$(>ran)=x\t\u0015echo DO''NE\r";

for (const shell of shells) {
  Deno.test(`openclaw completions ${shell} prints a script that asks openclaw and evaluates nothing`, () =>
    withFolder(async (home) => {
      const { code, stdout, stderr } = await run(["completions", shell], { home });
      assert.equal(code, 0, stderr);
      assert.equal(stderr, "");
      assert.match(stdout, /openclaw complete '?--/);
      assert.doesNotMatch(stdout, /\beval\b|Invoke-Expression|iex|readonly|_get_comp_words/i);
    }));
}

Deno.test("openclaw completions for another shell → usage", () =>
  withFolder(async (home) => {
    const { code, stdout } = await run(["completions", "tcsh"], { home });
    assert.deepEqual([code, stdout], [2, ""]);
  }));

for (const [name, text, wanted] of typed) {
  testWith(
    ["bash", "python3"],
    `bash completes ${name}, and runs nothing of what was typed`,
    () =>
      inHome("bash", async (home, setup) => {
        await Deno.writeTextFile(join(home, "setup"), setup);
        const command = ["bash", "--noprofile", "--rcfile", join(home, "setup"), "-i"];
        await assertCompletes(`openclaw ${text}\t`, wanted, { command, home });
      }),
  );

  testWith(
    ["zsh", "python3"],
    `zsh completes ${name}, and runs nothing of what was typed`,
    () =>
      inHome("zsh", async (home, setup) => {
        // Its other binding of the key has the shell itself expand the word before.
        const start = "autoload -U compinit; compinit -u -D; bindkey '^I' complete-word\n";
        await Deno.writeTextFile(join(home, ".zshrc"), start + setup);
        await assertCompletes(`openclaw ${text}\t`, wanted, { command: ["zsh", "-d", "-i"], home });
      }),
  );

  testWith(
    ["fish"],
    `fish completes ${name}, and runs nothing of what was typed`,
    () =>
      inHome("fish", async (home, setup) => {
        await Deno.writeTextFile(join(home, "setup"), setup.replace("PS1=", "set PS1 "));
        const command = `source setup; complete --do-complete ${quote(`openclaw ${text}`)}`;
        const { stdout, stderr } = await succeed("fish", ["--no-config", "-c", command], {
          cwd: home,
          env: ownEnvironment(home),
        });
        assert.equal(stderr, "");
        const last = /[^ ]*$/.exec(wanted.source)?.[0] ?? "";
        assert.match(stdout, new RegExp(`^${last}`, "m"));
        assert.equal(await isThere(join(home, "ran")), false);
      }),
  );
}

testWith(
  ["bash", "python3"],
  "bash runs nothing of the word that it cannot complete",
  () =>
    inHome("bash", async (home, setup) => {
      await Deno.writeTextFile(join(home, "setup"), setup);
      const command = ["bash", "--noprofile", "--rcfile", join(home, "setup"), "-i"];
      await assertCompletes(unfinished, /DONE\r/, { command, home });
    }),
);

testWith(
  ["zsh", "python3"],
  "zsh runs nothing of the word that it cannot complete",
  () =>
    inHome("zsh", async (home, setup) => {
      await Deno.writeTextFile(join(home, ".zshrc"), zshStart + setup);
      await assertCompletes(unfinished, /DONE\r/, { command: ["zsh", "-d", "-i"], home });
    }),
);

testWith(["pwsh"], "PowerShell reads the completion script", () =>
  withFolder(async (home) => {
    const { stdout: script } = await run(["completions", "powershell"], { home });
    const path = join(home, "script.ps1");
    await Deno.writeTextFile(path, script);
    assert.equal(await syntaxFaults([path]), "");
  }));

/** A home with a certificate in it, and a shell's setup that has this program under its name and its script, twice. */
async function inHome(shell: string, work: (home: string, setup: string) => Promise<void>): Promise<void> {
  await withFolder(async (home) => {
    const { stdout: script } = await run(["completions", shell], { home });
    await Deno.writeTextFile(join(home, "script"), script);
    await Deno.writeTextFile(join(home, "authority.pem"), "");
    const { program, args } = openclaw([]);
    const words = [program, ...args].map(quote).join(" ");
    const named = shell === "fish"
      ? `function openclaw; ${words} $argv; end`
      : `openclaw() { ${words} "$@"; }`;
    await work(home, `${named}\nsource ./script\nsource ./script\nPS1='READY> '\n`);
  });
}

async function assertCompletes(
  text: string,
  wanted: RegExp,
  { command, home }: { command: string[]; home: string },
): Promise<void> {
  const { stdout } = await succeed("python3", ["-c", typist, text, wanted.source, ...command], {
    cwd: home,
    env: { ...ownEnvironment(home), TERM: "xterm", ZDOTDIR: home },
  });
  assert.match(stdout, wanted);
  assert.doesNotMatch(stdout, /not found|readonly|error/i);
  assert.equal(await isThere(join(home, "ran")), false, "what was typed was run");
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
