import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { version } from "../../supabase/functions/_shared/version.ts";
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
import { powershellEnvironment, PowerShellSession, pwsh, syntaxFaults } from "../_support/powershell.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { agentId } from "../_support/vectors.ts";

const agentPs1 = fileURLToPath(new URL("../../installers/agents/agent.ps1", import.meta.url));
const agent = await Deno.readTextFile(agentPs1);
/** The whole installer, with the agent in it. */
const source = await Deno.readTextFile(installPs1);

testWith(
  powershell.tools,
  "PowerShell reads agent.ps1, and install.ps1 with and without an id and a secret in it, and no cut of its last line",
  async () => {
    await withFolder(async (folder) => {
      const generated = join(folder, "generated.ps1");
      const url = "https://fleet.example/it's$(id)`\"";
      const agent = { id: agentId, secret: "ocs_it's" };
      await Deno.writeTextFile(generated, makeInstaller("powershell", { url, agent }).content);
      const last = "if ($true) { Install-OpenClaw $args }\n";
      assert.match(source, /^(#.*\n)*function Install-OpenClaw \{\n/);
      assert.ok(source.endsWith(`\n}\n\n${last}`));
      // That it finds what is not PowerShell is why its silence says something.
      const cuts = [source.length / 2, ...Array.from({ length: last.length - 3 }, (_, index) => index + 2)];
      const cutFiles = cuts.map((cut) => join(folder, `cut ${cut}.ps1`));
      for (const [index, cut] of cuts.entries()) {
        await Deno.writeTextFile(cutFiles[index] ?? "", source.slice(0, -cut));
      }
      const found = (await syntaxFaults([agentPs1, installPs1, generated, ...cutFiles])).split("\n");
      const isOf = (file: string) => (line: string): boolean => line.startsWith(`${file}:`);
      for (const file of cutFiles) assert.ok(found.some(isOf(file)), `${file} before its end, it runs`);
      const others = found.filter((line) => line !== "" && !cutFiles.some((file) => isOf(file)(line)));
      assert.deepEqual(others, []);
    });
  },
);

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

/** The functions of the agent, by their names. */
const functionsOfAgent = functionsIn(agent, "");
/** Those of the installer, which has the agent's, too. */
const functions = new Map([...functionsOfAgent, ...functionsIn(source, "    ")]);

function functionsIn(text: string, indent: string): Map<string, string> {
  const all = new RegExp(
    `\\n${indent}function ([\\w-]+) \\{(?:\\n([^]*?)\\n${indent}\\}| (.*) \\})(?=\\n)`,
    "g",
  );
  return new Map(Array.from(text.matchAll(all), ([, name = "", body, line]) => [name, body ?? line ?? ""]));
}

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
    /-not \(Test-Run 'schtasks' '\/Query', '\/TN', \$TaskName\)/,
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
    "Write-Parts",
    /foreach \(\$leftover in Get-Leftovers\) \{\n[^]*try \{ Remove-Files \$leftover \} catch \{ Say [^]*\n\s+Write-Program\n/,
  ],
  [
    "--uninstall removes what is left",
    "Remove-All",
    /Manifest\) \{\n\s+foreach \(\$leftover in Get-Leftovers\) \{ try \{ Remove-Files \$leftover \} catch \{ Stop-Removing \$leftover/,
  ],
  [
    "the manifest precedes all folders but its own",
    "Write-Files",
    /Write-Manifest \$Folders\n[^]*New-Folder \(Get-Parent \$place\.Program\)/,
  ],
  [
    "the manifest's own folder precedes the manifest",
    "Write-Manifest",
    /New-Folder \$place\.State\n[^]*Write-Whole \$place\.Manifest /,
  ],
  [
    "the manifest and the id of an enrollment precede the request",
    "Register-Host",
    /Write-Manifest \$Folders\n\s+Write-Whole \$place\.Enrollment '600' [^]*Send-Request \$asking 'enroll' /,
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

/** The commands of PowerShell itself that the agent may call: Windows PowerShell 5.1 has each of them. */
const cmdlets = [
  "Set-StrictMode",
  "New-Object",
  "ForEach-Object",
  "Where-Object",
  "Select-Object",
  "ConvertFrom-Json",
  "ConvertTo-Json",
  "Start-Sleep",
];

Deno.test("agent.ps1 calls what it has itself, and what Windows PowerShell 5.1 has", () => {
  const code = agent.replaceAll(/#.*$/gm, "").replaceAll(/'[^'\n]*'/g, "''");
  const called = Array.from(
    code.matchAll(/(?<![\w$.\-])([A-Z][a-z]+(?:-[A-Z][A-Za-z0-9]+)+)(?![\w-])/g),
    ([, name]) => name,
  );
  assert.ok(functionsOfAgent.size > 30 && called.length > 100);
  const lacking = called.filter((name = "") => !functionsOfAgent.has(name) && !cmdlets.includes(name));
  assert.deepEqual([...new Set(lacking)], []);
});

Deno.test("agent.ps1 and install.ps1 have no function that nothing calls", () => {
  const calls = `${agent}${source.replace(agent, "")}`.replaceAll(/#.*$/gm, "");
  for (const name of functions.keys()) {
    const times = Array.from(calls.matchAll(new RegExp(`(?<![\\w-])${name}(?![\\w-])`, "g"))).length;
    assert.ok(times > 1, `nothing calls ${name}`);
  }
});

Deno.test("install.ps1 has the agent word for word, and stops before its last lines", () => {
  assert.ok(source.includes(`\n    $AgentText = @'\n${agent}'@\n`));
  const [, last = ""] = agent.split("\n# The installer takes");
  assert.match(last, /^[^\n]*\ntry \{ Start-Agent \$args "[^"\n]*" \}\n/);
  assert.equal(agent.split("\n# The installer takes").length, 2);
});

testWith(
  powershell.tools,
  "the agent of install.ps1 is a program of its own, and says what it cannot do; so does install.ps1",
  async (context) => {
    await withFolder(async (folder) => {
      await using session = new PowerShellSession(folder);
      const log = join(folder, "log");
      const env = { ...powershellEnvironment(folder), HOME: folder };
      const ask = (...args: string[]): ReturnType<PowerShellSession["run"]> =>
        session.run({ file: agentPs1, args, env });
      assert.deepEqual(await ask("--version"), { code: 0, stdout: `${version}\n`, stderr: "" });
      const credentials = `${folder}/.config/openclaw-agent/credentials.json`;
      const refusals: [string[], number, string][] = [
        [
          ["monitor", "--quiet"],
          1,
          `Cannot read "${credentials}": there is no such file, or it is not this user's\nhint: run the installer again\n`,
        ],
        [
          ["monitor", "--log-file", folder],
          1,
          `Cannot write "${folder}"\nhint: look at the disk and its permissions\n`,
        ],
      ];
      for (const [args, code, message] of refusals) {
        assert.deepEqual(
          await ask(...args),
          { code, stdout: "", stderr: `error: ${message}` },
          args.join(" "),
        );
      }
      // What a manager of services keeps no log of stands in a file, each line with its time, and nowhere else.
      for (let time = 0; time < 2; time++) {
        assert.deepEqual(await ask("monitor", "--quiet", "--log-file", log), {
          code: 1,
          stdout: "",
          stderr: "",
        });
      }
      const line = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ error: Cannot read .*\n\d{4}-\S+Z hint: .*\n/;
      const text = await Deno.readTextFile(log);
      assert.match(text, new RegExp(`${line.source}${line.source.slice(1)}$`));
      assert.equal((await Deno.stat(log)).mode, 0o100600);

      await context.step(
        "a home that PowerShell could start no script from is refused, and nothing is touched",
        async () => {
          const host = new Host({ ...powershell, session }, folder);
          const home = join(host.home, "back\\slash");
          await Deno.mkdir(home, { recursive: true });
          const agent = { id: agentId, secret: "x" };
          const refused = await host.install(agent, "http://127.0.0.1:1", { env: { HOME: home } });
          assertEnded(refused, 2, /cannot start a script that has a backslash in its path/);
          assert.deepEqual(await host.tree(), { [`755 ${home}`]: "" });
        },
      );
    });
  },
);

Deno.test("the three installers have the same options, exit codes and help", async () => {
  const help = new Map<string, string>();
  for (
    const [file, start, end] of [
      [installSh, "<<'END_OF_USAGE'\n", "END_OF_USAGE\n}"],
      [installPy, "USAGE = '''\\\n", "'''"],
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

/**
 * Of Windows only, of Python only, and of systems with systemd. What owns a folder of Unix, PowerShell does not know; on
 * Windows it takes an administrator to make a link, and the program's lock is of another kind.
 */
const ownWords =
  /a link in a folder of another user|APPDATA|"ssl"|a service of the system|an equals sign|the task "%s"|is another service|this host has a user|the keys of a server|enable-linger|another process is changing/;

Deno.test("what install.py says, the other two say in the same words", async () => {
  const [inSh, inPowerShell] = await Promise.all(
    [installSh, installPs1].map(async (file) =>
      (await Deno.readTextFile(file)).replaceAll(/\$(NameOnHost|TaskName)\b/g, "openclaw").replaceAll(
        /[\\"'`]/g,
        "",
      )
    ),
  );
  const literals =
    /"(Cannot (?:[^"\\]|\\.)*)"|'(Cannot (?:[^'\\]|\\.)*)'|\b(?:say|answer|confirm|ask|die)\((?:\d, |self\.options, |options, )?(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')/g;
  const messages = Array.from(
    (await Deno.readTextFile(installPy)).matchAll(literals),
    ([, ...quoted]) => quoted.find((words) => words !== undefined) ?? "",
  );
  const fragments = messages.filter((message) => !ownWords.test(message))
    .flatMap((message) => message.replaceAll(/[\\"'`]/g, "").split(/%s|%d/))
    .map((fragment) => fragment.trim())
    .filter((fragment) => fragment.length > 8);
  assert.ok(fragments.length > 40, `only ${fragments.length} messages were found`);
  for (const fragment of fragments) {
    assert.ok(inSh?.includes(fragment), `install.sh does not say: ${fragment}`);
    assert.ok(inPowerShell?.includes(fragment), `install.ps1 does not say: ${fragment}`);
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
