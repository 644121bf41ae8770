import assert from "node:assert/strict";
import { installPy, python, run } from "../_support/installers.ts";
import { withFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";

/** Has install.py believe that it is on Windows, where `commands` says what a command prints there. */
const onWindows = `
import json, os, sys
names = {"__name__": "installer"}
with open(sys.argv[1], encoding="utf-8") as file:
    exec(file.read().rpartition("main(sys.argv")[0], names)
exec(compile(names["AGENT"], "agent", "exec"), names["agent"].__dict__)
given = json.loads(sys.argv[2])
os.environ["APPDATA"], os.environ["LOCALAPPDATA"] = given["folder"] + "/roaming", given["folder"] + "/local"
names["agent"].platform.system = lambda: "Windows"
names["agent"].platform.machine = lambda: given.get("machine", "AMD64")
names["BINARY_FOLDER"], names["BINARY_SUMS"] = given.get("released", ["", ""])
names["output_of"] = lambda *command: given.get("commands", {}).get(command[0], "")
names["run_silently"] = lambda *command: bool(names["output_of"](*command))
os.name = "nt"
place = names["Installation"](names["read_arguments"](given.get("args", [])), {})
folder = os.path.dirname(place.program)
`;

/** What a script finds that looks at an installation on Windows. */
async function found(script: string, given: Record<string, unknown> = {}): Promise<unknown> {
  const shown: unknown[] = [];
  await withFolder(async (folder) => {
    const whole = `${onWindows}${script}\nos.name = "posix"\njson.dump(shown, sys.stdout)\n`;
    const ended = await run(["python3", "-c", whole, installPy, JSON.stringify({ folder, ...given })]);
    assert.equal(ended.code, 0, ended.stderr);
    shown.push(JSON.parse(ended.stdout));
  });
  return shown[0];
}

const released = ["https://example.com", `${"0".repeat(64)}  openclaw-windows-x64.exe`];

const programs: [string, Record<string, unknown>, string][] = [
  ["without a binary", {}, "openclaw-agent.py"],
  ["of a release", { released }, "openclaw-agent.exe"],
  ["of a release that has none for its machine", { released, machine: "ARM64" }, "openclaw-agent.py"],
  ["that is asked for", { released, args: ["--script-agent"] }, "openclaw-agent.py"],
  ["from a file", { args: ["--binary", "x"] }, "openclaw-agent.exe"],
];

for (const [what, given, name] of programs) {
  testWith(python.tools, `install.py on Windows calls the program ${what} ${name}`, async () => {
    assert.equal(await found("shown = os.path.basename(place.program)", given), name);
  });
}

const ours = "Written by openclaw. The installer's --uninstall removes it.";
const tasks: [string, string, boolean][] = [
  ["none", "", true],
  ["ours, by name", task(ours, "HOST\\me"), true],
  ["ours, by SID", task(ours, "S-1-5-21-7"), true],
  ["another user's", task(ours, "HOST\\you"), false],
  ["somebody else's program", task("Opens a claw", "HOST\\me"), false],
];

function task(words: string, user: string): string {
  return `<Task><Description>${words}</Description><UserId>${user}</UserId></Task>`;
}

for (const [what, schtasks, isOwn] of tasks) {
  const outcome = isOwn ? "fit to be replaced" : "left alone";
  testWith(python.tools, `install.py on Windows: a task that is ${what} is ${outcome}`, async () => {
    const commands = { whoami: '"host\\me","S-1-5-21-7"', schtasks };
    assert.equal(await found("shown = place.is_own_task()", { commands }), isOwn);
  });
}

testWith(python.tools, "install.py on Windows leaves no program behind that has another name", async () => {
  const script = `
os.makedirs(folder)
for name in ("openclaw-agent.ps1", "mine.txt"):
    open(os.path.join(folder, name), "w").close()
former = os.path.join(folder, "openclaw-agent.ps1")
place.remove_former({former: names["hash_of"](former), place.program: None})
shown = [sorted(os.listdir(folder))]
os.name = "posix"
place.take_back()
shown.append(sorted(os.listdir(folder)))
`;
  assert.deepEqual(await found(script), [
    ["mine.txt", "openclaw-agent.ps1.openclaw-old"],
    ["mine.txt", "openclaw-agent.ps1"],
  ]);
});

/** What is beside the program of a run that could not remove the former one, which still ran. */
const rests = `
names["answer"] = lambda words: None
place.url, place.agent_id, place.agent_secret = "https://fleet.example.com", "1", "2"
for path in (folder, place.state):
    os.makedirs(path)
for name in ("openclaw-agent.exe", "openclaw-agent.py", "openclaw-agent.ps1", "openclaw-agent"):
    for end in (".openclaw-old", ".openclaw-new"):
        open(os.path.join(folder, name + end), "w").close()
open(os.path.join(folder, "mine.openclaw-old"), "w").close()
`;

testWith(
  python.tools,
  "install.py on Windows: the next run removes what is left of a former program",
  async () => {
    const script = `${rests}
place.is_complete, place.after, place.before = False, {}, {}
for step in ("protect_state", "put", "put_program", "put_service", "go_online"):
    setattr(place, step, lambda *_: None)
place.write([])
shown = os.listdir(folder)
`;
    assert.deepEqual(await found(script), ["mine.openclaw-old"]);
  },
);

testWith(
  python.tools,
  "install.py on Windows: a former program of another name that still runs stops no installation",
  async () => {
    const script = `${rests}
place.is_complete, place.after, place.before = False, {}, {}
for step in ("protect_state", "put", "put_program", "put_service", "go_online"):
    setattr(place, step, lambda *_: None)
def discard(*paths, really=names["discard"]):
    if paths[-1].endswith("openclaw-agent.exe.openclaw-old"):
        raise PermissionError(13, "in use", paths[-1])
    really(*paths)
names["discard"] = discard
place.write([])
shown = sorted(os.listdir(folder))
`;
    assert.deepEqual(await found(script), ["mine.openclaw-old", "openclaw-agent.exe.openclaw-old"]);
  },
);

testWith(
  python.tools,
  "install.py on Windows: --uninstall removes what is left of a former program",
  async () => {
    const script = `${rests}
place.service, place.service_file = "none", ""
open(place.program, "w").close()
place.after, place.before = {place.program: names["hash_of"](place.program)}, {}
with open(place.manifest, "w") as file:
    file.write(place.manifest_text([folder]))
place.uninstall()
shown = [os.listdir(folder), os.path.exists(place.state)]
`;
    assert.deepEqual(await found(script, { args: ["--uninstall", "--yes"] }), [["mine.openclaw-old"], false]);
  },
);

testWith(
  python.tools,
  "install.py on Windows leaves no former program behind where it hands over to another",
  async () => {
    const script = `
os.makedirs(folder)
former = os.path.join(folder, "openclaw.ps1")
open(former, "w").close()
place.url, place.agent_id, place.agent_secret = "https://fleet.example.com", "1", "2"
place.read_manifest = lambda: {"files": {former: names["hash_of"](former)}, "folders": []}
place.is_complete, place.after, place.before = False, {}, {}
for step in ("protect_state", "put", "go_online"):
    setattr(place, step, lambda *_: None)
place.write([])
shown = [place.is_handed_over(), os.listdir(folder)]
os.name = "posix"
place.take_back()
shown.append(os.listdir(folder))
`;
    assert.deepEqual(await found(script, { args: ["--binary", "x"] }), [
      true,
      ["openclaw.ps1.openclaw-old"],
      ["openclaw.ps1"],
    ]);
  },
);

testWith(python.tools, "install.py on Windows has the agent run without a window", async () => {
  const script = `
for name in ("python.exe", "pythonw.exe"):
    open(os.path.join(given["folder"], name), "w").close()
sys.executable = os.path.join(given["folder"], "python.exe")
shown = os.path.basename(place.command()[0])
`;
  assert.equal(await found(script), "pythonw.exe");
});
