import assert from "node:assert/strict";
import { join } from "node:path";
import { defineService } from "../../cli/service/definition.ts";
import { type ServiceLayout, serviceLayout } from "../../cli/service/layout.ts";
import { earlierOptions, noOptions } from "../../cli/service/options.ts";
import { record } from "../_support/client.ts";
import { installPs1, installPy, installSh, powershell, run } from "../_support/installers.ts";
import { powershellEnvironment } from "../_support/powershell.ts";
import { temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";

const oddHome = '/home/a "b" $c %d \\e &<f>';
const variables: Record<string, string> = {
  HOME: oddHome,
  USERPROFILE: "C:\\a & b",
  USERDOMAIN: "HOST",
  USERNAME: "me",
};

function layout(os: "linux" | "darwin" | "windows", user: boolean): ServiceLayout {
  return serviceLayout((name) => variables[name], { os, user, uid: user ? 501 : 0 });
}

const definitions = [
  { service: "systemd-system", layout: layout("linux", false) },
  { service: "systemd-user", layout: layout("linux", true) },
  { service: "launchd", layout: layout("darwin", false) },
  { service: "launchd", layout: layout("darwin", true) },
  { service: "task", layout: layout("windows", true) },
];

/** What the small agents watch; of a definition without it the rest is compared, too. */
const watched = { watch: "openclaw:18790", probeUrl: "http://127.0.0.1:8080/health?a=1&b=%20$HOME" };

/** What an installer would write in a layout, by its own function. */
function asked(
  service: string,
  { names, program, credentials, scope, log }: ServiceLayout,
): Record<string, string> {
  const state = credentials.replace(/[/\\][^/\\]*$/, "");
  const system = scope === "system" ? "yes" : "no";
  const env = { HOME: oddHome, USERDOMAIN: "HOST", LOGNAME: "me" };
  const place = {
    SERVICE: service,
    PROGRAM: program,
    STATE: state,
    SYSTEM: system,
    LOG: log ?? "",
    NAME: names.word,
  };
  return { ...env, ...place, WATCH: watched.watch, PROBE_URL: watched.probeUrl };
}

/** A definition without anything to watch, one with it, and what is read back from that. */
async function byShell(service: string, layout: ServiceLayout): Promise<string[]> {
  const script = `eval "$(sed '/^main /d' "$0")"; agent=$(agent_source); eval "\${agent%'{ agent_main'*}"
    service=$SERVICE program=$PROGRAM state=$STATE system=$SYSTEM watch='' probe_url=''; choose_name "$NAME"; names
    service_text
    watch=$WATCH probe_url=$PROBE_URL
    is_ours() { :; }
    printf %s "$SEPARATOR"
    service_text
    folder=$(mktemp -d)
    service_file=$folder/definition
    service_text >"$service_file"
    printf '%s%s %s' "$SEPARATOR" "$(option_before watch)" "$(option_before probe-url)"
    rm -r "$folder"`;
  const { code, stdout, stderr } = await run(["sh", "-c", script, installSh], {
    env: { ...asked(service, layout), SEPARATOR: separator },
  });
  assert.equal(code, 0, stderr);
  return stdout.split(separator);
}

const separator = "\n-- another one --\n";

async function byPython(service: string, layout: ServiceLayout, kind = "binary"): Promise<string[]> {
  const script = `
import os, sys, tempfile
names = {"__name__": "installer"}
exec(open(sys.argv[1]).read().rpartition("main(sys.argv")[0], names)
place = names["Installation"].__new__(names["Installation"])
given = {name.lower(): os.environ[name] for name in ("SERVICE", "PROGRAM", "STATE", "LOG")}
place.names = names["Names"](os.environ["NAME"])
place.__dict__.update(given, kind=sys.argv[2], system=os.environ["SYSTEM"] == "yes")
if place.service == "task":
    os.name, sys.executable = "nt", "python.exe"
place.watched = []
texts = [place.service_text()]
place.watched = ["--watch=" + os.environ["WATCH"], "--probe-url=" + os.environ["PROBE_URL"]]
texts.append(place.service_text())
os.name = "posix"
with tempfile.NamedTemporaryFile() as file:
    file.write(place.service_bytes() if place.service == "task" else texts[1].encode())
    file.flush()
    place.service_file, place.is_ours = file.name, lambda path: True
    before = place.options_before()
    texts.append("%s %s" % (before["watch"], before["probe-url"]))
sys.stdout.write(os.environ["SEPARATOR"].join(texts))
`;
  const env = { ...asked(service, layout), SEPARATOR: separator };
  const { code, stdout, stderr } = await run(["python3", "-c", script, installPy, kind], { env });
  assert.equal(code, 0, stderr);
  return stdout.split(separator);
}

for (const { service, layout } of definitions) {
  const name = `${service} of ${layout.scope === "system" ? "the system" : "one user"}`;
  testWith(
    ["python3", "sed", "awk", "grep"],
    `the program and its installers write the same definition: ${name}`,
    async () => {
      const texts = [defineService(layout), defineService(layout, { ...noOptions, ...watched })];
      assert.doesNotMatch(texts.join(), /@[A-Z]+@/);
      const all = [...texts, `${watched.watch} ${watched.probeUrl}`];
      assert.deepEqual(await byPython(service, layout), all);
      if (service !== "task") assert.deepEqual(await byShell(service, layout), all);
    },
  );
}

/** The functions of install.ps1 that make the task, in the order of their use, and its template. */
const taskScript = `
$ErrorActionPreference = 'Stop'
$tokens = $faults = $null
$file = [Management.Automation.Language.Parser]::ParseFile($args[0], [ref] $tokens, [ref] $faults)
$wanted = 'Get-TaskText', 'Get-WatchedBefore', 'Get-Parent', 'Test-There', '$TaskTemplate'
foreach ($part in $file.EndBlock.Statements[0].Body.EndBlock.Statements) {
    $name = if ($part.PSObject.Properties['Name']) { $part.Name } elseif ($part.PSObject.Properties['Left']) { "$($part.Left)" } else { '' }
    if ($wanted -ccontains $name) { . ([scriptblock]::Create($part.Extent.Text)) }
}
function Get-WindowsUser { return @{ Name = 'HOST\\me' } }
$place = @{ Program = $env:PROGRAM; Log = $env:LOG; Kind = 'binary'; Watched = @() }
$binary = Get-TaskText
$place.Kind = 'script'
$own = Get-TaskText
$place.Watched = @('--watch', $env:WATCH, '--probe-url', $env:PROBE_URL)
$watching = Get-TaskText
function Test-Ours { return $true }
$place.ServiceFile = $env:FILE
# As this installer, and as the others write it.
$before = foreach ($text in $watching, $watching.Replace('--watch" "', '--watch=').Replace('--probe-url" "', '--probe-url=')) {
    [IO.File]::WriteAllText($place.ServiceFile, $text, [Text.Encoding]::Unicode)
    $found = Get-WatchedBefore
    "$($found['watch']) $($found['probe-url'])"
}
[Console]::Out.Write((ConvertTo-Json @($binary, $own, $watching, $before[0], $before[1])))
`;

testWith(
  powershell.tools,
  "the program and install.ps1 write the same definition: task of one user",
  async () => {
    await using folder = await temporaryFolder();
    const windows = layout("windows", true);
    const script = join(folder.path, "task.ps1");
    await Deno.writeTextFile(script, taskScript);
    const env = {
      ...asked("task", windows),
      ...powershellEnvironment(folder.path),
      SystemRoot: "/windows",
      FILE: join(folder.path, "task.xml"),
    };
    const { code, stdout, stderr } = await run([...powershell.command, script, installPs1], { env });
    assert.equal(code, 0, stderr);
    const [binary, own, watching, ...before] = JSON.parse(stdout);
    const text = defineService(windows);
    assert.equal(binary, text);
    // The agent is started by PowerShell; all else is the same.
    const start = text.split("<Command>")[0] ?? "";
    assert.ok(own.startsWith(start), own);
    const words =
      `-NoProfile -NonInteractive -ExecutionPolicy Bypass -WindowStyle Hidden -File "${windows.program}" `;
    const escaped = words.replaceAll("&", "&amp;");
    const rest = text.replace("<Arguments>", () => `<Arguments>${escaped}`).replace(/[^]*<\/Command>/, "");
    assert.ok(own.endsWith(rest), own);
    // A word that begins with a dash has no colon: PowerShell would part it there.
    assert.deepEqual(earlierOptions(watching, "windows"), { ...noOptions, ...watched });
    assert.doesNotMatch(watching, /"--[^"]*:/);
    assert.deepEqual(before, Array(2).fill(`${watched.watch} ${watched.probeUrl}`));
    assert.match(own.slice(start.length), /^<Command>[^<]*\/pwsh\.exe<\/Command>/);
  },
);

for (const { service, layout } of definitions.slice(0, 2)) {
  testWith(
    ["systemd-analyze"],
    `systemd-analyze verify finds nothing in the unit of ${service}`,
    async () => {
      await using folder = await temporaryFolder();
      // The system's own place is always the same; a home may be called anything.
      const odd = service === "systemd-user" ? 'a "b" $c %d \\e' : "bin";
      const program = join(folder.path, odd, "openclaw");
      await Deno.mkdir(join(program, ".."));
      await Deno.copyFile("/bin/true", program);
      const text = defineService({ ...layout, program });
      const unit = join(folder.path, "openclaw-agent.service");
      const scope = service === "systemd-user" ? ["--user"] : [];
      const verify = async (text: string): ReturnType<typeof run> => {
        await Deno.writeTextFile(unit, text);
        const env = { XDG_RUNTIME_DIR: folder.path, HOME: folder.path };
        return await run(["systemd-analyze", ...scope, "--man=no", "verify", unit], { env });
      };
      const { code, stdout, stderr } = await verify(text);
      assert.deepEqual(`${stdout}${stderr}`.split("\n").filter((line) => line.includes("openclaw")), []);
      assert.equal(code, 0, stderr);
      assert.match((await verify(text.replace("Restart=always", "Restart=allways"))).stderr, /allways/);
    },
  );
}

testWith(["python3"], "a plist parser reads from the plist what was meant", async () => {
  const user = layout("darwin", true);
  const script = "import json, plistlib, sys; json.dump(plistlib.loads(sys.stdin.buffer.read()), sys.stdout)";
  const { code, stdout, stderr } = await run(["python3", "-c", script], { stdin: defineService(user) });
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), {
    Label: "dev.openclaw.agent",
    ProgramArguments: [user.program, "monitor", "--quiet", "--log-file", user.log],
    EnvironmentVariables: { HOME: oddHome, OPENCLAW_NAME: "openclaw-agent" },
    RunAtLoad: true,
    KeepAlive: true,
    ThrottleInterval: 10,
    ExitTimeOut: 10,
    ProcessType: "Background",
    Umask: 0o077,
  });
});

/** The children of each element that are allowed, in the order of Microsoft's schema (MS-TSCH 2.5). */
const taskOrder: Record<string, string[]> = {
  Task: ["RegistrationInfo", "Triggers", "Principals", "Settings", "Data", "Actions"],
  RegistrationInfo: [
    "URI",
    "SecurityDescriptor",
    "Source",
    "Date",
    "Author",
    "Version",
    "Description",
    "Documentation",
  ],
  LogonTrigger: [
    "Enabled",
    "StartBoundary",
    "EndBoundary",
    "Repetition",
    "ExecutionTimeLimit",
    "UserId",
    "Delay",
  ],
  Principal: ["UserId", "LogonType", "GroupId", "DisplayName", "RunLevel"],
  Settings: [
    "AllowStartOnDemand",
    "RestartOnFailure",
    "MultipleInstancesPolicy",
    "DisallowStartIfOnBatteries",
    "StopIfGoingOnBatteries",
    "AllowHardTerminate",
    "StartWhenAvailable",
    "NetworkProfileName",
    "RunOnlyIfNetworkAvailable",
    "WakeToRun",
    "Enabled",
    "Hidden",
    "DeleteExpiredTaskAfter",
    "IdleSettings",
    "NetworkSettings",
    "ExecutionTimeLimit",
    "Priority",
    "RunOnlyIfIdle",
  ],
  Repetition: ["Interval", "Duration", "StopAtDurationEnd"],
  RestartOnFailure: ["Interval", "Count"],
  Actions: ["Exec"],
  Exec: ["Command", "Arguments", "WorkingDirectory"],
};

testWith(["python3"], "the elements of the Windows task stand in the schema's order", async () => {
  const windows = layout("windows", true);
  const script = `
import json, sys, xml.etree.ElementTree as tree
root = tree.fromstring(("\\ufeff" + sys.stdin.read()).encode("utf-16-le"))
bare = lambda one: one.tag.partition("}")[2]
json.dump({"texts": {bare(one): one.text for one in root.iter() if not len(one)},
  "children": {bare(one): [bare(child) for child in one] for one in root.iter() if len(one)}}, sys.stdout)
`;
  const [stdin = ""] = await byPython("task", windows, "script");
  const { code, stdout, stderr } = await run(["python3", "-c", script], { stdin });
  assert.equal(code, 0, stderr);
  const { texts, children } = JSON.parse(stdout);
  assert.equal(texts.Command, "python.exe");
  assert.equal(texts.Arguments, `"${windows.program}" monitor --quiet --log-file "${windows.log}"`);
  assert.equal(texts.UserId, "HOST\\me");
  assert.equal(texts.ExecutionTimeLimit, "PT0S");
  for (const [element, inner] of Object.entries(record(children))) {
    const order = taskOrder[element] ?? (element === "Triggers" ? ["LogonTrigger"] : ["Principal"]);
    assert.ok(Array.isArray(inner));
    assert.deepEqual(inner, order.filter((name) => inner.includes(name)), element);
  }
});
