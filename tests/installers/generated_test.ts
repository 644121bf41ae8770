import assert from "node:assert/strict";
import { join } from "node:path";
import { makeInstaller, type Shell } from "../../supabase/functions/_shared/installer/installer.ts";
import {
  assertEnded,
  Host,
  installSh,
  type Language,
  languages,
  powershell,
  python,
  run,
  sh,
  tree,
} from "../_support/installers.ts";
import { powershellEnvironment, pwsh } from "../_support/powershell.ts";
import { sourceEnvironment } from "../_support/program.ts";
import { openclaw, temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { agentId, agentSecret, enrollmentCode } from "../_support/vectors.ts";
import { until } from "../_support/wait.ts";
import { withDesk } from "./_enrollment.ts";
import { which, withFront } from "./_scenarios.ts";
import { type Fleet, type Step, testSteps } from "./_steps.ts";

/** As "irm | iex" does it, with the options behind it. */
const iex = "& ([scriptblock]::Create([Console]::In.ReadToEnd())) @args; exit $LASTEXITCODE";

const threeOfThem: { shell: Shell; host: typeof sh; stdin: string[] }[] = [
  { shell: "bash", host: sh, stdin: ["sh"] },
  { shell: "python", host: python, stdin: ["python3", "-W", "error", "-"] },
  { shell: "powershell", host: powershell, stdin: [pwsh ?? "pwsh", "-NoProfile", "-CommandWithArgs", iex] },
];

const handedOut = threeOfThem.flatMap(({ shell, host: language, stdin }) => {
  const scenes: [string, (scene: Scene) => Promise<void>][] = [
    [`openclaw installer ${shell} | ${stdin[0]} → online; uninstalled → nothing left`, piped],
    [`openclaw installer ${shell} --output → a file of 0600 that deletes itself`, kept],
    [`GET /install?shell=${shell}, piped, takes the agent from the environment`, fetched],
    [`POST /create-agent with installer ${shell} → a file that brings the agent online`, created],
    [`a URL with quotes and substitutions is one word in the ${shell} installer`, oddUrl],
  ];
  return scenes.map(([name, work]): Step => ({
    name,
    tools: language.tools,
    work: (given) => {
      const around = shell === "powershell" ? powershellEnvironment(join(given.folder, "..")) : {};
      return work({ ...given, shell, language, stdin, around });
    },
  }));
});

interface Scene extends Fleet {
  folder: string;
  shell: Shell;
  language: Language;
  /** What runs an installer that it reads from a pipe. */
  stdin: string[];
  /** What that program needs in its environment. */
  around: Record<string, string>;
}

async function piped({ folder, fleet, url, shell, language, stdin, around }: Scene): Promise<void> {
  const host = new Host(language, folder);
  await Deno.mkdir(host.home);
  const agent = await fleet.createAgent();
  await Deno.writeTextFile(host.secretFile, agent.secret);
  const args = ["--url", url, "--agent-id", agent.id, "--agent-secret-file", host.secretFile];
  const made = await cli(["installer", shell, ...args]);
  assert.equal(made.code, 0, made.stderr);
  assertEnded(await run(stdin, { stdin: made.stdout, env: { ...around, HOME: host.home } }), 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
  const undo = await run([...stdin, ...(shell === "bash" ? ["-s", "--"] : []), "--uninstall"], {
    stdin: made.stdout,
    env: { ...around, HOME: host.home },
  });
  assertEnded(undo, 0);
  assert.deepEqual(await tree(host.home), {});
}

async function kept({ folder, fleet, url, shell, language }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  // PowerShell tells a script that does not end in .ps1 nothing of where it is, like one from a pipe.
  const file = join(folder, shell === "powershell" ? "it's an installer.ps1" : "it's an installer");
  const env = { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: agent.id, OPENCLAW_AGENT_SECRET: agent.secret };
  const made = await cli(["installer", shell, "--output", file], env);
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.stdout, "");
  assert.equal((await Deno.stat(file)).mode, 0o100600);
  assert.equal((await cli(["installer", shell, "--output", file], env)).code, 5);
  const host = new Host({ ...language, file }, folder);
  await Deno.mkdir(host.home);
  assertEnded(await host.run([]), 0, /delete ".*it's an installer(\.ps1)?": it holds the secret/);
  assertEnded(await host.run(["--yes"]), 0, /deleted ".*it's an installer(\.ps1)?", which held the secret/);
  await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
}

async function fetched({ folder, fleet, url, shell, stdin, around }: Scene): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  const reply = await fetch(`${url}/functions/v1/install?shell=${shell}`);
  const env = { ...around, HOME: folder, OPENCLAW_AGENT_ID: id, OPENCLAW_AGENT_SECRET: secret };
  assertEnded(await run(stdin, { stdin: await reply.text(), env }), 0);
  assert.equal((await fleet.agent(id)).liveness, "online");
}

async function created({ folder, fleet, shell, stdin, around }: Scene): Promise<void> {
  const reply = await fetch(`${fleet.base}/create-agent`, {
    method: "POST",
    headers: fleet.operator,
    body: JSON.stringify({ name: "it's $(id)", installer: shell }),
  });
  const { agent, installer } = await reply.json();
  assertEnded(await run(stdin, { stdin: installer.content, env: { ...around, HOME: folder } }), 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
}

async function oddUrl({ folder, shell, language, stdin, around }: Scene): Promise<void> {
  const url = `http://127.0.0.1:1/it's$(touch$IFS'pwned');&`;
  const agent = { id: agentId, secret: agentSecret };
  const { content } = makeInstaller(shell, { url, agent });
  // PowerShell keeps what it remembers beside the home.
  const { home } = new Host(language, folder);
  await Deno.mkdir(home);
  const ended = await run(stdin, {
    stdin: content,
    env: { ...around, HOME: home },
    wrapper: ["env", "-C", home],
  });
  assertEnded(ended, 6);
  assert.ok(ended.stderr.includes(`Cannot reach ${url}: `), ended.stderr);
  assert.deepEqual(await tree(home), {});
}

const shells = languages.filter((one) => one.extension === "sh");

const inEachShell = shells.flatMap(({ name, tools, command }): Step[] => [{
  name: `no trace of ${name} shows the secret that is in it, from the first line to online`,
  tools,
  work: (given) => traced(command, given),
}, {
  name: `${name} from a pipe`,
  tools,
  async work({ folder, fleet, url }) {
    const agent = await fleet.createAgent();
    const { content: stdin } = makeInstaller("bash", { url, agent });
    const env = { HOME: folder };
    assertEnded(await run(command, { stdin, env }), 0);
    assert.equal((await fleet.agent(agent.id)).liveness, "online");
    assertEnded(await run([...command, "-s", "--", "--uninstall"], { stdin, env }), 0);
    assert.deepEqual(await tree(folder), {});
  },
}]);

const spiedOn = languages.map((language): Step => ({
  name: `no process that ${language.name} starts is given the secret`,
  tools: language.tools,
  work: (given) => spied(language, given),
}));

const spiedOnEnrolling = languages.map((language): Step => ({
  name: `no process that ${language.name} starts is given the enrollment code`,
  tools: language.tools,
  work: (given) => spiedEnrolling(language, given),
}));

const told = [...handedOut, ...inEachShell, ...spiedOn, ...spiedOnEnrolling];
testSteps("the installers as they are handed out", told);

async function traced(command: string[], { folder, fleet, url }: Fleet & { folder: string }): Promise<void> {
  const agent = await fleet.createAgent();
  const file = join(folder, "install.sh");
  await Deno.writeTextFile(file, makeInstaller("bash", { url, agent }).content);
  // Each by itself as far as the secret is read and sent, both until it is written down and removed.
  for (
    const [flags, rest] of [["-x", ["--dry-run"]], ["-v", ["--dry-run"]], ["-xv", []], ["-xv", [
      "--uninstall",
    ]]] as const
  ) {
    const ended = await run([...command, flags, file, ...rest], { env: { HOME: folder } });
    assertEnded(ended, 0);
    const shown = `${ended.stdout}${ended.stderr}`;
    assert.ok(!shown.includes(agent.secret.slice(4, 20)), `${flags} ${rest.join(" ")}`);
  }
}

async function spied(language: Language, { folder, fleet, url }: Fleet & { folder: string }): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  const { bin, log } = await spies(folder);
  // What the installers call their own variables may be exported already, or everything by "sh -a".
  const own =
    "agent_secret env_secret baked_agent_secret installed_secret credential token value fields line agent";
  const env = {
    OPENCLAW_URL: url,
    OPENCLAW_AGENT_ID: id,
    OPENCLAW_AGENT_SECRET: secret,
    OPENCLAW_OPERATOR_KEY: "x",
    OPENCLAW_GATEWAY_TOKEN: "theirs",
    ...Object.fromEntries(own.split(" ").map((name) => [name, "x"])),
  };
  const home = join(folder, "home");
  await Deno.mkdir(home);
  const isShell = language.extension === "sh";
  const command = [...language.command.slice(1), ...(isShell ? ["-a"] : [])];
  const program = await which(language.command[0] ?? "");
  const path = { ...env, HOME: home, PATH: `${bin}:${Deno.env.get("PATH") ?? ""}` };
  assertEnded(await run([program, ...command, language.file, "--yes"], { env: path }), 0);
  if (isShell) {
    const agent = [...command, join(home, ".local/bin/openclaw-agent"), "monitor"];
    const { last_seen_at } = await fleet.agent(id);
    const monitor = new Deno.Command(program, { args: agent, clearEnv: true, env: path, stderr: "null" })
      .spawn();
    await until("a heartbeat", async () => (await fleet.agent(id)).last_seen_at !== last_seen_at);
    monitor.kill("SIGTERM");
    assert.equal((await monitor.status).code, 0);
  }
  const before = { ...path, OPENCLAW_AGENT_ID: "", OPENCLAW_AGENT_SECRET: "" };
  assertEnded(await run([program, ...command, language.file, "--uninstall"], { env: before }), 0);
  const seen = await Deno.readTextFile(log);
  if (isShell) assert.match(seen, /^curl .*-K -[^]*^OPENCLAW_GATEWAY_TOKEN=theirs$/m);
  assert.ok(!seen.includes(secret.slice(4, 20)), "a process was given the secret");
  assert.doesNotMatch(seen, /^OPENCLAW_(AGENT_SECRET|OPERATOR_KEY)/m);
}

async function spiedEnrolling(language: Language, given: Fleet & { folder: string }): Promise<void> {
  const { folder } = given;
  const { bin, log } = await spies(folder);
  const home = join(folder, "home");
  await Deno.mkdir(home);
  const isShell = language.extension === "sh";
  await withDesk(given, async (desk) => {
    const own = "code env_code enrollment_id detail agent_secret value fields";
    const env = {
      HOME: home,
      PATH: `${bin}:${Deno.env.get("PATH") ?? ""}`,
      OPENCLAW_URL: desk.url,
      OPENCLAW_ENROLLMENT_CODE: enrollmentCode,
      ...Object.fromEntries(own.split(" ").map((name) => [name, "x"])),
    };
    const program = await which(language.command[0] ?? "");
    const flags = isShell ? ["-a", "-x"] : [];
    const command = [program, ...language.command.slice(1), ...flags, language.file, "--yes"];
    const ended = await run(command, { env });
    assertEnded(ended, 0);
    const [agent] = desk.agents.values();
    const id = String(desk.enrollments[0]?.enrollment_id);
    const seen = `${await Deno.readTextFile(log)}${ended.stdout}${ended.stderr}`;
    if (isShell) assert.match(seen, /^curl .*-K -/m);
    for (const secret of [enrollmentCode, agent?.secret ?? enrollmentCode, id]) {
      assert.ok(!seen.includes(secret.slice(4, 20)), "a process or a trace was given what is secret");
    }
    assert.doesNotMatch(seen, /^OPENCLAW_ENROLLMENT_CODE/m);
  });
}

/** A folder of programs that write down how they are called, and are then what they are called. */
async function spies(folder: string): Promise<{ bin: string; log: string }> {
  const [bin, log] = [join(folder, "bin"), join(folder, "log")];
  await Deno.mkdir(bin);
  const tools = [
    "awk",
    "cat",
    "chmod",
    "chown",
    "cmp",
    "cp",
    "curl",
    "cut",
    "date",
    "dd",
    "dirname",
    "grep",
    "head",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mkfifo",
    "mv",
    "od",
    "rm",
    "rmdir",
    "sed",
    "sha256sum",
    "sleep",
    "sort",
    "tr",
    "uname",
  ];
  await Deno.writeTextFile(log, "");
  for (const tool of tools) {
    const real = await which(tool);
    // A tool that is not here is not called: install.sh is not run without one that it needs.
    if (real === "") continue;
    const script = `#!/bin/sh\n{ echo "${tool} $*"; env; } >>"${log}"\nexec ${real} "$@"\n`;
    await Deno.writeTextFile(join(bin, tool), script, { mode: 0o755 });
  }
  return { bin, log };
}

testWith(["sh", ...sh.tools.slice(1)], "an installer that was cut off does nothing", async () => {
  await using folder = await temporaryFolder();
  const home = join(folder.path, "home");
  await Deno.mkdir(home);
  let asked = 0;
  await withFront(() => (asked++, new Response("{}")), async (url) => {
    const agent = { id: agentId, secret: agentSecret };
    const whole = makeInstaller("bash", { url, agent }).content.trimEnd();
    const file = join(folder.path, "install.sh");
    await Deno.writeTextFile(file, whole);
    assert.equal((await Deno.stat(file)).size, whole.length, "a letter is more than a byte");
    const lines = Array.from(whole.matchAll(/\n/g), ({ index }) => index);
    const lastLine = Array.from(
      { length: whole.length - (lines.at(-1) ?? 0) },
      (_, index) => whole.length - 1 - index,
    );
    const firstLines = Array.from({ length: 240 }, (_, index) => 5 * index);
    const ends = [...new Set([...lines, ...lastLine, ...firstLines])].map(String);
    const { code, stdout, stderr } = await run(["sh", "-c", eachCut, file, ...ends], { env: { HOME: home } });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${ends.length} cuts\n`);
    assert.equal(asked, 0);
    assert.deepEqual(await tree(home), {});
    await run(["sh"], { stdin: whole, env: { HOME: home } });
    assert.equal(asked, 1);
  });
});

/** Runs the file as it would be if the download had ended after so many bytes; tells of those that print anything. */
const eachCut = `count=0
for end; do
  said=$(head -c "$end" "$0" | sh 2>/dev/null)
  [ -z "$said" ] || printf 'cut at %s: %s\\n' "$end" "$said"
  count=$((count + 1))
done
echo "$count cuts"`;

Deno.test("openclaw installer with half an agent, a bad secret or an address without TLS → 2, and empty stdout", async () => {
  const id = agentId;
  const url = "https://fleet.example";
  const wrong: [string[], Record<string, string>, RegExp][] = [
    [["bash"], {}, /no server is named/],
    [["fish"], { OPENCLAW_URL: url }, /fish/],
    [
      ["bash", "--agent-id", id],
      { OPENCLAW_URL: url, OPENCLAW_AGENT_SECRET: agentSecret },
      /given together/,
    ],
    [["bash"], { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: id }, /given together/],
    [
      ["bash"],
      { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: id, OPENCLAW_AGENT_SECRET: `${agentSecret}x` },
      /55 characters/,
    ],
    [["bash", "--url", "http://fleet.example"], {}, /neither https nor a loopback address/],
  ];
  for (const [args, env, message] of wrong) {
    const ended = await cli(["installer", ...args], env);
    assert.equal(ended.code, 2, ended.stderr);
    assert.match(ended.stderr, message);
    assert.equal(ended.stdout, "");
  }
});

Deno.test("openclaw installer without an agent prints the installer without a secret", async () => {
  const { code, stdout } = await cli(["installer", "bash", "--url", "https://fleet.example/functions/v1/"]);
  assert.equal(code, 0);
  assert.equal(stdout, makeInstaller("bash", { url: "https://fleet.example" }).content);
  assert.notEqual(stdout, await Deno.readTextFile(installSh));
});

function cli(args: string[], env: Record<string, string> = {}): ReturnType<typeof run> {
  const start = openclaw(args);
  const home = Deno.env.get("HOME") ?? "/";
  return run([start.program, ...start.args], {
    env: { HOME: home, NO_COLOR: "1", ...sourceEnvironment, ...env },
  });
}
