import assert from "node:assert/strict";
import { join } from "node:path";
import { makeInstaller } from "../../supabase/functions/_shared/installer/installer.ts";
import { FleetClient } from "../_support/client.ts";
import {
  assertEnded,
  Host,
  installPs1,
  installPy,
  installSh,
  powershell,
  run,
} from "../_support/installers.ts";
import { powershellEnvironment, pwsh, syntaxFaults } from "../_support/powershell.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";

const source = await Deno.readTextFile(installPs1);

testWith(powershell.tools, "PowerShell reads install.ps1, with and without an agent in it", async () => {
  await withFolder(async (folder) => {
    const generated = join(folder, "generated.ps1");
    const cut = join(folder, "cut.ps1");
    const url = "https://fleet.example/it's$(id)`\"";
    const agent = { id: "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11", secret: "ocs_it's" };
    await Deno.writeTextFile(generated, makeInstaller("powershell", { url, agent }).content);
    await Deno.writeTextFile(cut, source.slice(0, source.length / 2));
    const found = await syntaxFaults([installPs1, generated, cut]);
    // That it finds what is not PowerShell is why its silence says something.
    assert.match(found, /cut\.ps1:\d+:\d+: /);
    assert.deepEqual(found.split("\n").filter((line) => line !== "" && !line.startsWith(cut)), []);
  });
});

Deno.test("install.ps1 uses nothing that Windows PowerShell 5.1 lacks", () => {
  const code = source.replaceAll(/^\s*#.*$/gm, "").replaceAll(/'[^'\n]*'/g, "''").replaceAll(
    /"[^"\n]*"/g,
    '""',
  );
  const lacking: [string, RegExp][] = [
    ["the null operators", /\?\?|\?\.|\?\[/],
    ["the ternary operator", /\s\?\s[^{]*\s:\s/],
    ["pipeline chains", /&&|\|\|/],
    ["ConvertFrom-Json -AsHashtable", /-AsHashtable/i],
    ["$IsWindows and the like", /\$Is(Windows|Linux|MacOS|CoreCLR)\b/i],
    ["Invoke-WebRequest -SkipHttpErrorCheck", /-SkipHttpErrorCheck|-SkipCertificateCheck/i],
    ["Remove-Item of links, Test-Json, Get-Error", /Test-Json|Get-Error\b/i],
    ["clean blocks", /^\s*clean\s*\{/m],
  ];
  for (const [what, pattern] of lacking) assert.doesNotMatch(code, pattern, what);
  assert.match(source, /SecurityProtocol = \$protocols -bor 3072/);
  // Without a byte order mark, 5.1 reads a file in the host's own code page.
  // deno-lint-ignore no-control-regex -- it is ASCII that is wanted
  assert.match(source, /^[\x00-\x7f]*$/);
});

/** The functions in install.ps1, by their names. */
const functions = new Map<string, string>(
  Array.from(
    source.matchAll(/\n {4}function ([\w-]+) \{\n([^]*?)\n {4}\}(?=\n)/g),
    ([, name = "", body = ""]) => [name, body],
  ),
);

/** What the one PowerShell or the other does otherwise than one would think. */
const traps: [string, RegExp][] = [
  ["Invoke-WebRequest, which has proxies and redirects of its own", /Invoke-(WebRequest|RestMethod)/],
  ["Get-FileHash, which a module brings that may be missing", /Get-FileHash/],
  ["a script block as a callback for certificates, which has no runspace", /Callback = \{/],
  ["a compiler, which a host may forbid and which takes a second", /Add-Type/],
  [
    "PowerShell's own commands for paths, which take a backslash in a name for a slash elsewhere than on Windows",
    /^(?!\s*#).*\b((Join|Split|Test|Resolve|Convert)-Path|(New|Get|Remove|Copy|Move)-Item|(Get|Set)-Content|Get-ChildItem)\b/m,
  ],
  [
    "$null as a text for .NET, which is an empty one: from .NET 9 on, the variable would stay",
    /SetEnvironmentVariable\([^)]*\$null\)/,
  ],
  ["calls that Ctrl-C and signals cannot end", /\.(GetResponse|GetRequestStream|Wait)\(|\.Result\b/],
  [
    "quotes within an expression within quotes, which 7 does not read where they are escaped",
    /"[^"\n]*\$\([^)\n]*\{ "/,
  ],
  [
    "the path of the script that is running, which may be that of a script that called iex",
    /^(?!\s*#).*\$PSCommandPath/m,
  ],
  ["words of .NET with all that PowerShell puts around them", /"[^"\n]*: \$_"/],
  ["the path of the process, which may be an editor's", /Get-Process/],
  ["times in the words of the user's country", /\.ToString\('[^']*'\)(?<!'000'\))/],
  ["endings of files that others use, too", /\.(new|old)\b/],
  ["an amount of seconds that an int may not hold", /\[int\]\(\[datetime/],
];

for (const [what, pattern] of traps) {
  Deno.test(`install.ps1 avoids ${what}`, () => assert.doesNotMatch(source, pattern));
}

Deno.test("install.ps1 reads the secret by nothing that leaves notes on a string", () => {
  assert.doesNotMatch(functions.get("Read-SecretFile") ?? "Get-Content", /^(?!\s*#).*Get-Content/m);
});

Deno.test("install.ps1 never asks by way of a proxy what is on this host", () => {
  const asking = Array.from(functions).filter(([, body]) => body.includes("[Net.WebRequest]::Create("));
  assert.ok(asking.length >= 3);
  for (const [name, body] of asking) assert.match(body, /Create\([^\n]*\n[^]*Set-Proxy \$request\n/, name);
});

/** What a function, or the beginning, is to say, where no PowerShell runs it. */
const said: [string, string, RegExp][] = [
  [
    "a restricted language mode is 1, from a pipe too",
    "",
    /exit 1 \}\n\s+\$global:LASTEXITCODE = 1\n\s+return/,
  ],
  [
    "what is no reply asks for no wait",
    "Send-Request",
    /catch \{\n[^\n]*told to stop[^\n]*\n\s+\$Agent\.Status = 0\n[^}]*RetryAfter = -1/,
  ],
  [
    "a task that cannot be described is there",
    "Test-OwnTask",
    /-not \(Test-Run 'schtasks' '\/Query', '\/TN', 'openclaw'\)/,
  ],
  [
    "a download stays with its scheme, at any hop",
    "Copy-Download",
    /StartsWith\("\$\(\$uri\.Scheme\):\/\/"\)\) \{ throw/,
  ],
  ["a file that cannot be read is 1", "Get-Binary", /if \(\$options\['binary'\]\) \{ Give-Up 1 "Cannot read/],
  [
    "a mode is asked for where there is one",
    "Protect-State",
    /GetMethod\('GetUnixFileMode'[^\n]*\n\s+if \(\$null -ne/,
  ],
  [
    "the next run removes what is left",
    "Install-Agent",
    /foreach \(\$rest in Get-ProgramRests\) \{\n[^]*try \{ Remove-Files \$rest \} catch \{ Say [^]*\n\s+Write-Program\n/,
  ],
  [
    "--uninstall removes what is left",
    "Uninstall-Agent",
    /Manifest\) \{\n\s+foreach \(\$rest in Get-ProgramRests\) \{ try \{ Remove-Files \$rest \} catch \{ Stop-Removing \$rest/,
  ],
  [
    "the manifest precedes all folders but its own",
    "Install-Agent",
    /New-Folder \$place\.State\n[^]*\$place\.Manifest[^]*foreach \(\$file in Get-Files\) \{ New-Folder/,
  ],
];

for (const [what, name, pattern] of said) {
  Deno.test(`install.ps1: ${what}`, () => assert.match(name ? functions.get(name) ?? "" : source, pattern));
}

Deno.test("install.ps1 undoes what it has touched before it says why", () => {
  const touching = source.slice(
    source.indexOf("From here on things are touched"),
    source.indexOf("Confirm-Step {"),
  );
  const dying = touching.split("\n").filter((line) => /\bDie \d/.test(line));
  assert.deepEqual(dying, []);
  assert.match(touching, /Undo-All\n\s+Die \$Code/);
});

Deno.test("every function that the agent of install.ps1 calls is among those that it is made of", () => {
  const [, list = ""] = /\$shared = ([^]*?)\n\n/.exec(source) ?? [];
  const shared = Array.from(list.matchAll(/'([\w-]+)'/g), ([, name]) => name ?? "");
  assert.ok(shared.length > 20 && functions.size > 60);
  for (const name of shared) {
    const body = functions.get(name) ?? assert.fail(`there is no ${name}`);
    const called = Array.from(functions.keys()).filter((other) =>
      new RegExp(`(?<![\\w$'-])${other}(?![\\w-])`).test(body.replaceAll(/^\s*#.*$/gm, ""))
    );
    for (const other of called) assert.ok(shared.includes(other), `${name} calls ${other}`);
  }
});

testWith(
  powershell.tools,
  "install.ps1 is a function and one last line, which means nothing when it is cut",
  async () => {
    const last = "if ($true) { Install-OpenClaw $args }\n";
    assert.match(source, /^(#.*\n)*function Install-OpenClaw \{\n/);
    assert.ok(source.endsWith(`\n}\n\n${last}`));
    await withFolder(async (folder) => {
      const cuts = Array.from({ length: last.length - 3 }, (_, index) => index + 2);
      for (const cut of cuts) await Deno.writeTextFile(join(folder, `${cut}.ps1`), source.slice(0, -cut));
      const found = await syntaxFaults(cuts.map((cut) => join(folder, `${cut}.ps1`)));
      for (const cut of cuts) assert.ok(found.includes(`/${cut}.ps1:`), `cut ${cut} before its end, it runs`);
    });
  },
);

Deno.test("the three installers have the same options, exit codes and help", async () => {
  const help = new Map<string, string>();
  for (
    const [file, start, end] of [
      [installSh, "<<'END_OF_USAGE'\n", "END_OF_USAGE\n}"],
      [installPy, 'USAGE = """\\\n', '"""'],
      [installPs1, "$usage = @'\n", "'@"],
    ] as const
  ) {
    const text = await Deno.readTextFile(file);
    const from = text.indexOf(start) + start.length;
    help.set(file, text.slice(from, text.indexOf(end, from)).replace(/install\.\w+/, "install").trim());
  }
  assert.match(help.get(installSh) ?? "", /Exit codes: 0 done, 1 failed, 2 usage, 3 refused/);
  assert.equal(new Set(help.values()).size, 1, [...help.values()].join("\n\n"));
});

/** Of Windows alone, of Python alone, and of systems with systemd. */
const ownWords =
  /APPDATA|"ssl"|a service of the system|an equals sign|the task "openclaw"|the keys of a server/;

/** What install.ps1 says in other words still, or does not do yet. */
const notYet = [
  "again: the earlier credentials stay in use",
  "Cannot run: this agent has the command monitor only",
  "Cannot read the options: --log-file lacks its value",
  "Cannot read the options: unknown option",
  "Cannot read --sha256: 64 hexadecimal digits are expected",
  ": a path in UTF-8 is expected",
  "Cannot use the manifest",
  ": another user may have written it",
  "is expected",
];

Deno.test("what install.py says, the other two say in the same words", async () => {
  const [inSh, inPowerShell] = await Promise.all(
    [installSh, installPs1].map(async (file) => (await Deno.readTextFile(file)).replaceAll(/[\\"'`]/g, "")),
  );
  const literals = /"(Cannot (?:[^"\\]|\\.)*)"|'(Cannot (?:[^'\\]|\\.)*)'/g;
  const messages = Array.from(
    (await Deno.readTextFile(installPy)).matchAll(literals),
    ([, double, single]) => double ?? single ?? "",
  );
  const fragments = messages.filter((message) => !ownWords.test(message))
    .flatMap((message) => message.replaceAll(/[\\"'`]/g, "").split(/%s|%d/))
    .map((fragment) => fragment.trim())
    .filter((fragment) => fragment.length > 8);
  assert.ok(fragments.length > 40, `only ${fragments.length} messages were found`);
  for (const fragment of fragments) {
    assert.ok(inSh?.includes(fragment), `install.sh does not say: ${fragment}`);
    const isSaid = inPowerShell?.includes(fragment);
    // What it says by now has no place in the list any more.
    assert.equal(
      isSaid,
      !notYet.includes(fragment),
      `install.ps1 ${isSaid ? "says" : "does not say"}: ${fragment}`,
    );
  }
});

testWith(
  powershell.tools,
  "irm | iex installs, leaves the shell open, and its code in $LASTEXITCODE",
  async () => {
    await withFolder(async (folder) => {
      await using server = await startServerProcess({ data: join(folder, "data") });
      const fleet = new FleetClient(server.base, server.operatorKey);
      const [agent, other] = [await fleet.createAgent(), await fleet.createAgent()];
      const host = new Host(powershell, folder);
      await Deno.mkdir(host.home);
      const install = `irm -UseBasicParsing '${server.base}/install?shell=powershell' | iex`;
      const script = `$env:OPENCLAW_AGENT_SECRET = '${other.secret}'
${install}
"first $LASTEXITCODE"
$env:OPENCLAW_AGENT_SECRET = '${agent.secret}'
${install}
"second $LASTEXITCODE $($env:OPENCLAW_AGENT_SECRET -ceq '${agent.secret}')"
exit 7`;
      const env = { ...powershellEnvironment(folder), HOME: host.home, OPENCLAW_AGENT_ID: agent.id };
      const ended = await run([pwsh ?? "", "-NoProfile", "-Command", script], { env });
      assert.match(ended.stdout, /^first 3\n[^]*^second 0 True$/m);
      assert.equal(ended.code, 7, ended.stderr);
      assert.equal((await fleet.agent(agent.id)).liveness, "online");
      const own = { ...powershellEnvironment(folder), HOME: host.home };
      const version = await run([host.program, "--version"], { env: own });
      assert.deepEqual([version.code, version.stdout, version.stderr], [0, "0.1.0\n", ""]);
    });
  },
);

testWith(
  powershell.tools,
  "a home that PowerShell could start no script from is refused, and nothing is touched",
  async () => {
    await withFolder(async (folder) => {
      const host = new Host(powershell, folder);
      const home = join(host.home, "back\\slash");
      await Deno.mkdir(home, { recursive: true });
      const agent = { id: "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11", secret: "x" };
      const refused = await host.install(agent, "http://127.0.0.1:1", { env: { HOME: home } });
      assertEnded(refused, 2, /cannot start a script that has a backslash in its path/);
      assert.deepEqual(await host.tree(), { [`755 ${home}`]: "" });
    });
  },
);

testWith(powershell.tools, "a restricted language mode is refused with 1 and one sentence", async () => {
  await withFolder(async (folder) => {
    const script =
      `$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'; & '${installPs1}' --version; exit $LASTEXITCODE`;
    const env = { ...powershellEnvironment(folder), HOME: folder };
    const { code, stdout } = await run([pwsh ?? "", "-NoProfile", "-Command", script], { env });
    assert.match(
      stdout,
      /^error: Cannot install: this PowerShell runs in a restricted language mode[^\n]*\n$/,
    );
    assert.equal(code, 1);
  });
});
