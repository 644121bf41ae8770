import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { FleetClient } from "../_support/client.ts";
import { assertEnded, type Finished, installPs1, powershell, tree } from "../_support/installers.ts";
import { powershellEnvironment, PowerShellSession, pwsh } from "../_support/powershell.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { version } from "../../cli/version.ts";
import { formatManifest, parseManifest } from "../../cli/service/manifest.ts";
import { sha256, sha256Of } from "../../cli/service/ours.ts";
import { service } from "./_agents.ts";
import { withFront } from "./_front.ts";

/** The user that the stand-ins are asked for; the name of a user of Windows may have all of this. */
const user = "HOST\\me & <you>";
const sid = "S-1-5-21-1-2-3-1001";

/**
 * What Microsoft documents of the two commands, "schtasks" and "icacls" in the reference of Windows' commands, as far as
 * an installer may use it: every call of a stand-in has to have one of these forms.
 *
 * - `schtasks /create /tn <taskname> /xml <file> [/f]`, `/run /tn`, `/end /tn`, `/delete /tn [/f]`, `/query [/tn] [/xml]`
 * - `icacls <name> [/grant[:r] <sid>:<perm> …] [/inheritance:e|d|r]`, `icacls <name> /reset`; a SID has a `*` before it,
 *   and the inheritance rights `(OI)(CI)` stand before the simple right `F`
 */
const documented = [
  /^schtasks \/Create \/F \/TN openclaw-agent \/XML \S+$/,
  /^schtasks \/(Run|End) \/TN openclaw-agent$/,
  /^schtasks \/Delete \/F \/TN openclaw-agent$/,
  /^schtasks \/Query \/TN openclaw-agent( \/XML)?$/,
  /^icacls \S+ \/inheritance:r \/grant:r( \*S-1-[\d-]+:\(OI\)\(CI\)F)+$/,
  /^icacls \S+ \/reset$/,
];

/** Keeps one task as Windows does, starts what its XML names, and ends it without asking, as Windows may. */
const schtasks = `#!/usr/bin/env python3
import os, re, signal, subprocess, sys, xml.etree.ElementTree as tree
state, words = os.environ["WINDOWS_STATE"], sys.argv[1:]
task, pid = state + "/task", state + "/pid"
open(state + "/log", "a").write("schtasks " + " ".join(words) + "\\n")
def end():
    if os.path.exists(pid):
        os.kill(int(open(pid).read()), signal.SIGKILL)
        os.remove(pid)
if words[0] == "/Create":
    if os.path.exists(state + "/fail"):
        sys.exit("ERROR: Access is denied.")
    open(task, "w").write(open(words[-1], encoding="utf-16").read())
elif not os.path.exists(task):
    sys.exit("ERROR: The system cannot find the file specified.")
elif words[0] == "/Query":
    print(open(task).read() if "/XML" in words else "openclaw")
elif words[0] == "/Run":
    text = re.sub("<[?].*?[?]>", "", open(task).read())
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    given = tree.fromstring(text).find(".//" + space + "Arguments").text
    file = re.fullmatch('-NoProfile -NonInteractive -ExecutionPolicy Bypass -WindowStyle Hidden -File "([^"]+)" monitor --quiet --log-file "([^"]+)"', given)
    words = ["-File", file[1], "monitor", "--quiet", "--log-file", file[2]]
    child = subprocess.Popen([os.environ["PWSH"], "-NoProfile"] + words, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    open(pid, "w").write(str(child.pid))
elif words[0] == "/End":
    end()
elif words[0] == "/Delete":
    end()
    os.remove(task)
`;

const icacls = `#!/bin/sh
echo "icacls $*" >>"$WINDOWS_STATE/log"
`;

/**
 * What says who runs it is of Windows only, and so is it that a name makes a file a program: an alias comes before the
 * installer's own function.
 */
const prelude = `function Get-StandIn { return @{ Name = '${user}'; Sid = '${sid}' } }
Set-Alias Get-WindowsUser Get-StandIn
function Set-StandInMode { chmod $args[0] $args[1] }
Set-Alias Set-Mode Set-StandInMode
`;

/** A program that installs and removes itself, as far as an installer sees of it, and writes down how it was asked. */
const program = `#!/bin/sh
state=$WINDOWS_STATE
case $* in
  --version) [ ! -e "$state/broken" ] ;;
  'service install '*)
    { echo "$0 $*"; env; echo; cat; } >"$state/note"
    [ ! -e "$state/refuse" ] || { echo 'error: Cannot install: it is a test' >&2; exit 5; }
    mv "$0" "\${0%.openclaw-new.exe}"
    echo '{}' >"$APPDATA/openclaw-agent/openclaw.log"
    ;;
  'service uninstall'*)
    echo "$0 $*" >>"$state/note"
    rm -r "$APPDATA/openclaw-agent"
    ;;
esac
`;

interface Windows {
  session: PowerShellSession;
  /** What the installer is given. */
  env: Record<string, string>;
  folder: string;
  /** What the stand-ins keep, and note down. */
  state: string;
}

/** A PowerShell for which it is Windows, with no installation. */
async function onWindows(work: (windows: Windows) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const [bin, state] = [join(folder, "bin"), join(folder, "state")];
    for (const path of [bin, state, join(folder, "roaming"), join(folder, "local")]) await Deno.mkdir(path);
    await Deno.writeTextFile(join(bin, "schtasks"), schtasks, { mode: 0o755 });
    await Deno.writeTextFile(join(bin, "icacls"), icacls, { mode: 0o755 });
    await Deno.writeTextFile(join(folder, "prelude.ps1"), prelude);
    await using _task = endedTask(join(state, "pid"));
    await using session = new PowerShellSession(folder, { prelude: join(folder, "prelude.ps1") });
    const base = powershellEnvironment(folder);
    const env = {
      ...base,
      OS: "Windows_NT",
      PROCESSOR_ARCHITECTURE: "AMD64",
      APPDATA: join(folder, "roaming"),
      LOCALAPPDATA: join(folder, "local"),
      SystemRoot: join(folder, "windows"),
      WINDOWS_STATE: state,
      PWSH: pwsh ?? "",
      PATH: `${bin}:${base.PATH ?? ""}`,
    };
    await work({ session, env, folder, state });
  });
}

/** Runs the installer, and returns what it called, and what it said. */
async function call(
  { session, env, state }: Windows,
  args: string[],
  [code, message]: [code: number, message: RegExp],
): Promise<{ calls: string[]; ended: Finished }> {
  const log = join(state, "log");
  await Deno.writeTextFile(log, "");
  const ended: Finished = await session.run({ file: installPs1, args, env });
  assertEnded(ended, code, message);
  const calls = (await Deno.readTextFile(log)).split("\n").slice(0, -1);
  for (const one of calls) assert.ok(documented.some((form) => form.test(one)), one);
  return { calls, ended };
}

/** What is in this user's folders. */
async function filesOf({ folder }: Windows): Promise<string[]> {
  const found = await Promise.all(["roaming", "local"].map((name) => tree(join(folder, name))));
  return found.flatMap((one) => Object.keys(one)).map((name) => name.slice(folder.length + 5)).sort();
}

const query = ["schtasks /Query /TN openclaw-agent /XML"];
const absent = [...query, "schtasks /Query /TN openclaw-agent"];
const stop = [
  "schtasks /End /TN openclaw-agent",
  "schtasks /Delete /F /TN openclaw-agent",
  "schtasks /Query /TN openclaw-agent",
];

function protect(windows: Windows): string {
  return `icacls ${windows.folder}/roaming/openclaw-agent /inheritance:r /grant:r *${sid}:(OI)(CI)F *S-1-5-18:(OI)(CI)F`;
}

testWith(
  [...powershell.tools, "python3"],
  "install.ps1 on a stand-in for Windows registers a task, repairs it, undoes it and removes it",
  () =>
    onWindows(async (windows) => {
      const { folder, state } = windows;
      await using server = await startServerProcess({ data: join(folder, "data") });
      const fleet = new FleetClient(server.base, server.operatorKey);
      const { id, secret } = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
      Object.assign(windows.env, identity(server.url, id, secret));
      const own = join(folder, "roaming/openclaw-agent");
      const start = [
        "schtasks /End /TN openclaw-agent",
        `schtasks /Create /F /TN openclaw-agent /XML ${own}/task.xml`,
        "schtasks /Run /TN openclaw-agent",
      ];
      const calls = async (args: string[], code: number, message: RegExp): Promise<string[]> =>
        (await call(windows, args, [code, message])).calls;

      await Deno.writeTextFile(join(state, "fail"), "");
      const failed = await calls([], 1, /Cannot start the service "task"/);
      assert.ok(failed.includes(`icacls ${own} /reset`), failed.join("\n"));
      assert.deepEqual(await filesOf(windows), []);
      await Deno.remove(join(state, "fail"));

      const first = await calls([], 0, /reports ".*" as online/);
      assert.deepEqual(first, [...absent, protect(windows), ...start]);
      const installed = await filesOf(windows);
      assert.deepEqual(installed, [
        "local/openclaw-agent",
        "local/openclaw-agent/openclaw-agent.ps1",
        "roaming/openclaw-agent",
        "roaming/openclaw-agent/credentials.json",
        "roaming/openclaw-agent/install.json",
        "roaming/openclaw-agent/openclaw.log",
        "roaming/openclaw-agent/task.xml",
      ]);
      const bytes = await Deno.readFile(join(own, "task.xml"));
      assert.deepEqual(Array.from(bytes.slice(0, 2)), [255, 254], "it does not say that it is UTF-16");
      const xml = new TextDecoder("utf-16le").decode(bytes);
      assert.ok(xml.includes("<UserId>HOST\\me &amp; &lt;you&gt;</UserId>"), xml);
      // The program reads what the installer wrote.
      const manifest = parseManifest(await Deno.readTextFile(join(own, "install.json")));
      assert.deepEqual([manifest?.program, manifest?.service, manifest?.writtenBy], [
        "script",
        "task",
        "install.ps1",
      ]);
      assert.deepEqual(
        manifest?.files,
        new Map([
          [join(folder, "local/openclaw-agent/openclaw-agent.ps1"), [
            await sha256Of(join(folder, "local/openclaw-agent/openclaw-agent.ps1")),
          ]],
          [join(own, "task.xml"), [sha256(bytes)]],
          [join(own, "credentials.json"), null],
          [join(own, "openclaw.log"), null],
        ]),
      );

      const repeated = await calls([], 0, /nothing had to be changed/);
      assert.deepEqual(repeated, [...query, protect(windows), "schtasks /Query /TN openclaw-agent"]);

      await Deno.remove(join(folder, "local/openclaw-agent/openclaw-agent.ps1"));
      assert.deepEqual(await calls([], 0, /installed already/), [...query, protect(windows), ...start]);

      const task = await Deno.readTextFile(join(state, "task"));
      await Deno.writeTextFile(join(state, "task"), task.replaceAll("HOST\\me", "HOST\\another"));
      const others = /the task "openclaw-agent" is (there, )?of another user or program/;
      assert.deepEqual(await calls(["--uninstall"], 5, others), query);
      assert.deepEqual(await calls([], 5, others), query);
      assert.deepEqual(await filesOf(windows), installed);

      await Deno.writeTextFile(join(state, "task"), task);
      assert.deepEqual(await calls(["--uninstall"], 0, /removed .*task\.xml/), [...query, ...stop]);
      assert.deepEqual(await filesOf(windows), []);
      assert.equal((await fleet.agent(id)).liveness, "stopped");
    }),
);

testWith(
  [...powershell.tools, "python3"],
  "install.ps1 on a stand-in for Windows hands over to a program, and removes what the manifest lists without it",
  () =>
    onWindows((windows) =>
      withFront(service, async (url) => {
        const { folder, state } = windows;
        Object.assign(windows.env, identity(url, agentId, agentSecret));
        const [local, own] = [
          join(folder, "local/openclaw-agent/openclaw-agent.exe"),
          join(folder, "roaming/openclaw-agent"),
        ];
        const [file, note] = [join(folder, "openclaw.exe"), join(state, "note")];
        await Deno.writeTextFile(file, program);
        const from = ["--binary", file, "--sha256", await sha256Of(file) ?? ""];
        const words =
          `service install --name openclaw-agent --url ${url} --agent-id ${agentId} --agent-secret-file -`;

        await Deno.writeTextFile(join(state, "refuse"), "");
        const refused = await call(windows, from, [
          5,
          /error: Cannot install: it is a test\nwhat was done has been undone/,
        ]);
        assert.deepEqual(refused.calls, [...absent, protect(windows), `icacls ${own} /reset`]);
        const [asked = "", given] = (await Deno.readTextFile(note)).split("\n\n");
        assert.equal(asked.split("\n")[0], `${local}.openclaw-new.exe ${words}`);
        assert.equal(given, `${agentSecret}\n`);
        assert.ok(
          !asked.includes(agentSecret.slice(4, 40)),
          "the secret is in the arguments or the environment",
        );
        assert.deepEqual(await filesOf(windows), []);
        await Deno.remove(join(state, "refuse"));

        const wrong = [...from.slice(0, 3), "0".repeat(64)];
        await Deno.remove(note);
        await call(windows, wrong, [1, /Cannot verify "openclaw\.exe"/]);
        assert.deepEqual(await filesOf(windows), []);
        await assert.rejects(Deno.stat(note), Deno.errors.NotFound, "it was run before its hash was checked");

        await call(windows, from, [0, /reports ".*" as online/]);
        const installed = [
          "local/openclaw-agent",
          "local/openclaw-agent/openclaw-agent.exe",
          "roaming/openclaw-agent",
          "roaming/openclaw-agent/install.json",
          "roaming/openclaw-agent/openclaw.log",
        ];
        assert.deepEqual(await filesOf(windows), installed);
        const removal = await call(windows, ["--uninstall"], [0, /removed .*install\.json/]);
        assert.deepEqual(removal.calls, absent);
        assert.match(
          await Deno.readTextFile(note),
          new RegExp(`\n${local} service uninstall --name openclaw-agent\n$`),
        );
        assert.deepEqual(await filesOf(windows), []);

        // A script agent had the place: where the program refuses, it is as it was, else it is gone.
        const script = join(folder, "local/openclaw-agent/openclaw-agent.ps1");
        for (const path of [script, join(own, "install.json")]) {
          await Deno.mkdir(dirname(path), { recursive: true });
        }
        await Deno.writeTextFile(script, "a former agent");
        await Deno.writeTextFile(
          join(own, "install.json"),
          formatManifest({
            version,
            writtenBy: "install.ps1",
            url,
            agentId,
            program: "script",
            service: "task",
            files: new Map([[script, [await sha256Of(script) ?? ""]]]),
            folders: [dirname(script), own],
          }),
        );
        const former = await filesOf(windows);
        await Deno.writeTextFile(join(state, "refuse"), "");
        await call(windows, from, [5, /what was done has been undone/]);
        assert.deepEqual(await filesOf(windows), former);
        await Deno.remove(join(state, "refuse"));
        await call(windows, from, [0, /reports ".*" as online/]);
        assert.deepEqual(await filesOf(windows), installed);

        await Deno.writeTextFile(join(state, "broken"), "");
        assert.deepEqual((await call(windows, ["--uninstall"], [0, /removed .*openclaw-agent\.exe/])).calls, [
          ...absent,
          ...stop,
        ]);
        assert.doesNotMatch(await Deno.readTextFile(note), /service uninstall/);
        assert.deepEqual(await filesOf(windows), []);
      })
    ),
);

function identity(url: string, id: string, secret: string): Record<string, string> {
  return { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: id, OPENCLAW_AGENT_SECRET: secret };
}

/** Ends what the task has started when a test that failed has not: its process is nobody's child. */
function endedTask(pid: string): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      try {
        Deno.kill(Number(await Deno.readTextFile(pid)), "SIGKILL");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    },
  };
}
