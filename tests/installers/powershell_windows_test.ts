import assert from "node:assert/strict";
import { join } from "node:path";
import { FleetClient } from "../_support/client.ts";
import { assertEnded, type Finished, installPs1, powershell, tree } from "../_support/installers.ts";
import { powershellEnvironment, PowerShellSession, pwsh } from "../_support/powershell.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";

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
  /^schtasks \/Create \/F \/TN openclaw \/XML \S+$/,
  /^schtasks \/(Run|End) \/TN openclaw$/,
  /^schtasks \/Delete \/F \/TN openclaw$/,
  /^schtasks \/Query \/TN openclaw( \/XML)?$/,
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
    file = re.fullmatch('-NoProfile -NonInteractive -ExecutionPolicy Bypass -WindowStyle Hidden -File "([^"]+)" monitor', given)
    child = subprocess.Popen([os.environ["PWSH"], "-NoProfile", "-File", file[1], "monitor"], start_new_session=True,
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

/** What says who runs it is of Windows alone: an alias comes before the installer's own function. */
const prelude = `function Get-StandIn { return @{ Name = '${user}'; Sid = '${sid}' } }
Set-Alias Get-WindowsUser Get-StandIn
`;

testWith(
  [...powershell.tools, "python3"],
  "install.ps1 on a stand-in for Windows registers a task, repairs it, undoes it and removes it",
  async () => {
    await withFolder(async (folder) => {
      const [bin, state] = [join(folder, "bin"), join(folder, "state")];
      for (const path of [bin, state, join(folder, "roaming"), join(folder, "local")]) await Deno.mkdir(path);
      await Deno.writeTextFile(join(bin, "schtasks"), schtasks, { mode: 0o755 });
      await Deno.writeTextFile(join(bin, "icacls"), icacls, { mode: 0o755 });
      await Deno.writeTextFile(join(folder, "prelude.ps1"), prelude);
      await using _task = endedTask(join(state, "pid"));
      await using server = await startServerProcess({ data: join(folder, "data") });
      const fleet = new FleetClient(server.base, server.operatorKey);
      await using session = new PowerShellSession(folder, join(folder, "prelude.ps1"));
      const { id, secret } = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
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
        OPENCLAW_URL: server.url,
        OPENCLAW_AGENT_ID: id,
        OPENCLAW_AGENT_SECRET: secret,
      };
      const log = join(state, "log");
      /** Runs the installer, and returns what it called. */
      const call = async (args: string[], code: number, message: RegExp): Promise<string[]> => {
        await Deno.writeTextFile(log, "");
        const ended: Finished = await session.run({ file: installPs1, args, env });
        assertEnded(ended, code, message);
        const calls = (await Deno.readTextFile(log)).split("\n").slice(0, -1);
        for (const one of calls) assert.ok(documented.some((form) => form.test(one)), one);
        return calls;
      };
      const places = [join(folder, "roaming"), join(folder, "local")];
      const files = async (): Promise<string[]> => {
        const found = await Promise.all(places.map((path) => tree(path)));
        return found.flatMap((one) => Object.keys(one)).map((name) => name.slice(folder.length + 5)).sort();
      };
      const own = join(folder, "roaming/openclaw");
      const query = ["schtasks /Query /TN openclaw /XML"];
      const start = [
        "schtasks /End /TN openclaw",
        `schtasks /Create /F /TN openclaw /XML ${own}/task.xml`,
        "schtasks /Run /TN openclaw",
      ];
      const protect = `icacls ${own} /inheritance:r /grant:r *${sid}:(OI)(CI)F *S-1-5-18:(OI)(CI)F`;

      await Deno.writeTextFile(join(state, "fail"), "");
      const failed = await call([], 1, /Cannot start the service "task"/);
      assert.ok(failed.includes(`icacls ${own} /reset`), failed.join("\n"));
      assert.deepEqual(await files(), []);
      await Deno.remove(join(state, "fail"));

      const first = await call([], 0, /calls ".*" online/);
      assert.deepEqual(first, [...query, "schtasks /Query /TN openclaw", protect, ...start]);
      const installed = await files();
      assert.deepEqual(installed, [
        "local/openclaw",
        "local/openclaw/openclaw.ps1",
        "roaming/openclaw",
        "roaming/openclaw/credentials.json",
        "roaming/openclaw/install.json",
        "roaming/openclaw/task.xml",
      ]);
      const bytes = await Deno.readFile(join(own, "task.xml"));
      assert.deepEqual(Array.from(bytes.slice(0, 2)), [255, 254], "it does not say that it is UTF-16");
      const xml = new TextDecoder("utf-16le").decode(bytes);
      assert.ok(xml.includes("<UserId>HOST\\me &amp; &lt;you&gt;</UserId>"), xml);

      assert.deepEqual(await call([], 0, /nothing had to be changed/), [
        ...query,
        protect,
        "schtasks /Query /TN openclaw",
      ]);

      await Deno.remove(join(folder, "local/openclaw/openclaw.ps1"));
      assert.deepEqual(await call([], 0, /installed already/), [...query, protect, ...start]);

      const task = await Deno.readTextFile(join(state, "task"));
      await Deno.writeTextFile(join(state, "task"), task.replaceAll("HOST\\me", "HOST\\somebody"));
      assert.deepEqual(await call(["--uninstall"], 5, /the task "openclaw" is of somebody else/), query);
      assert.deepEqual(await call([], 5, /the task "openclaw" is there, of somebody else/), query);
      assert.deepEqual(await files(), installed);

      await Deno.writeTextFile(join(state, "task"), task);
      assert.deepEqual(await call(["--uninstall"], 0, /removed .*task\.xml/), [
        ...query,
        "schtasks /End /TN openclaw",
        "schtasks /Delete /F /TN openclaw",
        "schtasks /Query /TN openclaw",
      ]);
      assert.deepEqual(await files(), []);
      assert.equal((await fleet.agent(id)).liveness, "stopped");
    });
  },
);

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
