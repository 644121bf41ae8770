import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeInstaller, type Shell } from "../../supabase/functions/_shared/installer/installer.ts";
import {
  assertEnded,
  type Finished,
  Host,
  type Language,
  powershell,
  python,
  run,
  sh,
  toolsOfInstallSh,
  tree,
} from "../_support/installers.ts";
import { powershellEnvironment, PowerShellSession, pwsh } from "../_support/powershell.ts";
import { runInSession } from "../_support/program_session.ts";
import { agentId, agentSecret, enrollmentCode } from "../_support/vectors.ts";
import { until } from "../_support/wait.ts";
import { withDesk } from "./_enrollment.ts";
import { type Fleet, type Step, testSteps } from "./_steps.ts";
import { which } from "./_tools.ts";

interface HandedOut {
  shell: Shell;
  language: Language;
  /** What runs an installer that it reads from a pipe, and what stands before the options for it. */
  stdin: string[];
  beforeOptions?: string[];
}

/** As "irm | iex" does it, with the options behind it. */
const iex = "& ([scriptblock]::Create([Console]::In.ReadToEnd())) @args; exit $LASTEXITCODE";
const iexInSession = fileURLToPath(new URL("../_support/powershell_iex.ps1", import.meta.url));

export const handedOutSh: HandedOut = {
  shell: "bash",
  language: sh,
  stdin: ["sh"],
  beforeOptions: ["-s", "--"],
};
export const handedOutPy: HandedOut = {
  shell: "python",
  language: python,
  stdin: ["python3", "-W", "error", "-"],
};
export const handedOutPs1: HandedOut = {
  shell: "powershell",
  language: powershell,
  stdin: [pwsh ?? "pwsh", "-NoProfile", "-CommandWithArgs", iex],
};

interface Scene extends Fleet {
  folder: string;
  /** A home that nobody has used yet. */
  home: string;
  shell: Shell;
  language: Language;
  /** Runs what is piped to it in the home. */
  pipe: (content: string, env?: Record<string, string>, args?: string[]) => Promise<Finished>;
}

/**
 * Tests what the program and the server hand out. PowerShell is one for all of them, or with `isAlone` a process for each
 * run, which reads the installer from its standard input.
 */
export function testHandedOut(
  all: HandedOut[],
  { isAlone = false, more = [] }: { isAlone?: boolean; more?: Step[] },
): void {
  const sessions: PowerShellSession[] = [];
  const steps = all.flatMap((one) => {
    const scenes: [string, (scene: Scene) => Promise<void>][] = [
      [`openclaw installer ${one.shell} | ${one.stdin[0]} → online; uninstalled → nothing left`, piped],
      [`openclaw installer ${one.shell} --output → a file of 0600 that deletes itself`, kept],
      [`GET /install?shell=${one.shell}, piped, takes the agent from the environment`, fetched],
      [`POST /create-agent with installer ${one.shell} → a file that brings the agent online`, created],
      [`a URL with quotes and substitutions is one word in the ${one.shell} installer`, oddUrl],
    ];
    return scenes.map(([name, work]): Step => ({
      name,
      tools: one.language.tools,
      async work(given) {
        const language = one.shell === "powershell" && !isAlone
          ? inSession(one.language, given.folder)
          : one.language;
        const { home } = new Host(language, given.folder);
        await Deno.mkdir(home);
        await work({
          ...given,
          shell: one.shell,
          language,
          home,
          pipe: pipeOf({ ...one, language }, given.folder),
        });
      },
    }));
  });
  testSteps(`the installers as they are handed out${isAlone ? ", each run in a process of its own" : ""}`, [
    ...steps,
    ...more,
  ], {
    async atTheEnd() {
      for (const session of sessions) await session[Symbol.asyncDispose]();
    },
  });

  function inSession(language: Language, folder: string): Language {
    const session = sessions[0] ?? new PowerShellSession(join(folder, ".."));
    if (sessions.length === 0) sessions.push(session);
    return { ...language, session };
  }
}

function pipeOf({ shell, language, stdin, beforeOptions = [] }: HandedOut, folder: string): Scene["pipe"] {
  const { home } = new Host(language, folder);
  const around = shell === "powershell" ? powershellEnvironment(join(folder, "..")) : {};
  return async (content, more = {}, args = []) => {
    const env = { ...around, HOME: home, ...more };
    const options = args.length === 0 ? [] : [...beforeOptions, ...args];
    if (language.session === undefined) {
      return await run([...stdin, ...options], { stdin: content, env, wrapper: ["env", "-C", home] });
    }
    const file = join(folder, "piped");
    await Deno.writeTextFile(file, content);
    return await language.session.run({
      file: iexInSession,
      args: [home, file, ...options],
      env: { PATH: Deno.env.get("PATH") ?? "", LANG: "C.UTF-8", ...env },
    });
  };
}

async function piped({ folder, home, fleet, url, shell, language, pipe }: Scene): Promise<void> {
  const { secretFile } = new Host(language, folder);
  const agent = await fleet.createAgent();
  await Deno.writeTextFile(secretFile, agent.secret);
  const made = await cli([
    "installer",
    shell,
    "--url",
    url,
    "--agent-id",
    agent.id,
    "--agent-secret-file",
    secretFile,
  ]);
  assert.equal(made.code, 0, made.stderr);
  assertEnded(await pipe(made.stdout), 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
  assertEnded(await pipe(made.stdout, {}, ["--uninstall"]), 0);
  assert.deepEqual(await tree(home), {});
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
  assertEnded(await host.run([]), 0, /delete ".*it's an installer(\.ps1)?": it holds the secret/);
  assertEnded(await host.run(["--yes"]), 0, /deleted ".*it's an installer(\.ps1)?", which held the secret/);
  await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
}

async function fetched({ fleet, url, shell, pipe }: Scene): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  const reply = await fetch(`${url}/functions/v1/install?shell=${shell}`);
  assertEnded(await pipe(await reply.text(), { OPENCLAW_AGENT_ID: id, OPENCLAW_AGENT_SECRET: secret }), 0);
  assert.equal((await fleet.agent(id)).liveness, "online");
}

async function created({ fleet, shell, pipe }: Scene): Promise<void> {
  const reply = await fetch(`${fleet.base}/create-agent`, {
    method: "POST",
    headers: fleet.operator,
    body: JSON.stringify({ name: "it's $(id)", installer: shell }),
  });
  const { agent, installer } = await reply.json();
  assertEnded(await pipe(installer.content), 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
}

async function oddUrl({ home, shell, pipe }: Scene): Promise<void> {
  const url = `http://127.0.0.1:1/it's$(touch$IFS'pwned');&`;
  const { content } = makeInstaller(shell, { url, agent: { id: agentId, secret: agentSecret } });
  const ended = await pipe(content);
  assertEnded(ended, 6);
  assert.ok(ended.stderr.includes(`Cannot reach ${url}: `), ended.stderr);
  assert.deepEqual(await tree(home), {});
}

/** That a shell which runs the installer shows nobody the secret, from a file and from a pipe. */
export function inShell({ name, tools, command }: Language): Step[] {
  return [{
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
  }];
}

/** That no process is given the secret that an installer has. */
export function spiedOn(language: Language): Step {
  return {
    name: `no process that ${language.name} starts is given the secret`,
    tools: language.tools,
    work: (given) => spied(language, given),
  };
}

export function spiedOnEnrolling(language: Language): Step {
  return {
    name: `no process that ${language.name} starts is given the enrollment code`,
    tools: language.tools,
    work: (given) => spiedEnrolling(language, given),
  };
}

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
    "agent_secret env_secret baked_agent_secret installed_secret credential token value fields line agent content rest part";
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
    const own = "code env_code enrollment_id detail agent_secret value fields content rest part";
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
  await Deno.writeTextFile(log, "");
  for (const tool of [...toolsOfInstallSh, "curl"]) {
    const real = await which(tool);
    // A tool that is not here is not called: install.sh is not run without one that it needs.
    if (real === "") continue;
    const script = `#!/bin/sh\n{ echo "${tool} $*"; env; } >>"${log}"\nexec ${real} "$@"\n`;
    await Deno.writeTextFile(join(bin, tool), script, { mode: 0o755 });
  }
  return { bin, log };
}

/** The program in the process that answers for all of a file. */
export function cli(args: string[], env: Record<string, string> = {}): ReturnType<typeof runInSession> {
  return runInSession(args, { home: Deno.env.get("HOME") ?? "/", env });
}
