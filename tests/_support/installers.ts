import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { joinInstallers } from "../../tools/installers.ts";
import type { AgentSession } from "./agent_session.ts";
import type { CreatedAgent } from "./client.ts";
import { powershellEnvironment, type PowerShellSession, pwsh } from "./powershell.ts";
import { PythonSession } from "./python_session.ts";

/** One way to run one of the installers. */
export interface Language {
  name: string;
  tools: string[];
  file: string;
  /** What starts the file. */
  command: string[];
  extension: "sh" | "py" | "ps1";
  /** The tools that busybox is to serve as, as on hosts that have nothing else. */
  applets?: string[];
  /** The PowerShell that stays and runs what takes no process of its own. */
  session?: PowerShellSession;
  /** The same of Python. */
  forks?: PythonSession;
}

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: Record<string, string>;
  stdin?: string;
  /** What stands before the command: `unshare -m …`. */
  wrapper?: string[];
  /** The user and group that root runs it as. */
  as?: number;
  /** A copy of the installer, in its place. */
  file?: string;
}

/** What is handed out is what is tested. */
const folder = fileURLToPath(await joinInstallers());
export const installSh: string = join(folder, "install.sh");
export const installPy: string = join(folder, "install.py");
export const installPs1: string = join(folder, "install.ps1");

function shell(name: string, tool: string, command: string[]): Language {
  return { name, tools: [tool, "curl", ...posix], file: installSh, command, extension: "sh" };
}

/** What install.sh starts and coreutils do not bring. */
const posix = ["awk", "cmp", "grep", "sed"];

export const python: Language = {
  name: "install.py",
  tools: ["python3"],
  file: installPy,
  command: ["python3", "-W", "error"],
  extension: "py",
};

/** PowerShell 7, where there is one: install.ps1 runs on every system but installs services on Windows alone. */
export const powershell: Language = {
  name: "install.ps1 under PowerShell",
  tools: ["pwsh"],
  file: installPs1,
  command: [pwsh ?? "pwsh", "-NoProfile", "-File"],
  extension: "ps1",
};

export const sh: Language = shell("install.sh under dash", "dash", ["dash"]);

/** What install.sh starts, beside curl. */
export const toolsOfInstallSh = [
  "awk",
  "cat",
  "chmod",
  "chown",
  "cmp",
  "cp",
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

export const bash: Language = shell("install.sh under bash", "bash", ["bash"]);
export const busybox: Language = {
  ...shell("install.sh under busybox sh, with busybox's tools", "busybox", ["busybox", "sh"]),
  applets: toolsOfInstallSh,
};
export const zsh: Language = shell("install.sh under zsh in its sh mode", "zsh", ["zsh", "--emulate", "sh"]);

/** The two installers that can be run here, the one for shells under every shell. */
export const languages: Language[] = [sh, bash, busybox, zsh, python];

/** Runs a command with no environment but what a fresh login has. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [program = "", ...args] = [...options.wrapper ?? [], ...command];
  const child = new Deno.Command(program, {
    args,
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", LANG: "C.UTF-8", ...options.env },
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    ...(options.as === undefined ? {} : { uid: options.as, gid: options.as }),
  }).spawn();
  const output = child.output();
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await output;
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** Everything under a folder: `mode path`, and a file's content. */
export async function tree(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const entry of Deno.readDir(path)) {
    const inner = join(path, entry.name);
    const { mode } = await Deno.lstat(inner);
    const name = `${((mode ?? 0) & 0o777).toString(8)} ${inner}`;
    found[name] = entry.isFile ? await Deno.readTextFile(inner) : "";
    if (entry.isDirectory) Object.assign(found, await tree(inner));
  }
  return found;
}

/** A user's home that nobody has used yet, and the installer as it is run there. */
export class Host {
  /** What everything that it installs is called. */
  readonly word: string;
  readonly credentials: string;
  readonly manifest: string;
  readonly program: string;
  readonly home: string;
  readonly secretFile: string;
  /** What the agent is started with, if not by its own first line. */
  shell: string[] = [];
  /** What else its agent's environment has. */
  variables: Record<string, string> = {};
  /** The PowerShell in which its agent lives on a fast clock, if not in one of its own. */
  session: AgentSession | null = null;

  constructor(readonly language: Language, folder: string) {
    this.home = join(folder, "home");
    this.secretFile = join(folder, "secret");
    this.word = "openclaw-agent";
    this.credentials = join(this.home, ".config", this.word, "credentials.json");
    this.manifest = join(this.home, ".config", this.word, "install.json");
    this.program = join(this.home, ".local/bin", this.word);
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const { command, session, forks } = this.language;
    const file = options.file ?? this.language.file;
    const own = { HOME: this.home, ...await this.#surroundings(), ...options.env };
    const env = { PATH: Deno.env.get("PATH") ?? "", LANG: "C.UTF-8", ...own };
    const { wrapper, stdin, as } = options;
    if (wrapper === undefined && stdin === undefined && as === undefined) {
      if (session !== undefined) return await session.run({ file, args, env });
      if (forks !== undefined && PythonSession.takes(env)) return await forks.run({ file, args, env });
    }
    return await run([...command, file, ...args], { ...options, env: own });
  }

  async #surroundings(): Promise<Record<string, string>> {
    const { applets, extension } = this.language;
    if (extension === "ps1") return powershellEnvironment(join(this.home, ".."));
    if (applets === undefined) return {};
    const bin = join(this.home, "../applets");
    const path = Deno.env.get("PATH") ?? "";
    try {
      await Deno.mkdir(bin);
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) return { PATH: `${bin}:${path}` };
      throw error;
    }
    const { stdout } = await run(["sh", "-c", "command -v busybox"]);
    for (const name of applets) await Deno.symlink(stdout.trim(), join(bin, name));
    return { PATH: `${bin}:${path}` };
  }

  /** Runs it with the agent's id as a flag and its secret in a file. */
  async install(
    agent: CreatedAgent,
    url: string,
    { args = [], ...options }: RunOptions & { args?: string[] } = {},
  ): Promise<Finished> {
    await Deno.writeTextFile(this.secretFile, `${agent.secret}\n`, { mode: 0o600 });
    const flags = ["--url", url, "--agent-id", agent.id, "--agent-secret-file", this.secretFile];
    return await this.run([...flags, ...args], options);
  }

  tree(): Promise<Record<string, string>> {
    return tree(this.home);
  }
}

/** Asserts how a run ended, and shows what it printed if not so. */
export function assertEnded({ code, stdout, stderr }: Finished, wanted: number, message?: RegExp): void {
  assert.equal(code, wanted, `${stdout}${stderr}`);
  if (wanted !== 0) assert.match(stderr, /^error: Cannot [^\n]*[^.\n]$/m);
  if (message !== undefined) assert.match(`${stdout}${stderr}`, message);
}
