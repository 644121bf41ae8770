import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import type { CreatedAgent, FleetClient } from "../_support/client.ts";
import {
  assertEnded,
  type Finished,
  Host,
  type Language,
  run,
  type RunOptions,
} from "../_support/installers.ts";
import { PowerShellSession } from "../_support/powershell.ts";
import type { Random } from "../_support/seed.ts";
import { findForEveryUser } from "../_support/tools.ts";
import { pause } from "../_support/wait.ts";

/** What a scenario has at hand. */
export interface Scene {
  host: Host;
  fleet: FleetClient;
  /** The real server's address. */
  url: string;
  random: Random;
  /** At how many random moments it is killed. */
  kills: number;
  /** Which of the rows of a table are told. */
  some: <Row>(rows: Row[]) => Row[];
  /** The same of a table whose rows each take a process: of PowerShell, the first row, and all of them in tests/long. */
  someAlone: <Row>(rows: Row[]) => Row[];
}

export interface Scenario {
  name: string;
  work: (scene: Scene) => Promise<void>;
  /** What it takes beside what the language does. */
  needs?: string[];
  /** It runs the installer as a user who is not root. */
  asNobody?: true;
  /**
   * What PowerShell is told in, if not in the one that the scenarios share: in a process for each run, for how a file is
   * started, or in one of its own, for what a PowerShell remembers from run to run.
   */
  own?: "process" | "session";
  /** Is told in tests/long once more with a process for each run of PowerShell, or there only. */
  alone?: "too" | "only";
}

/** What it takes to mount something over the home, for one run. */
export const rootsMounts = ["root", "unshare", "nsenter", "mount", "find"];

export function credentialsText({ id, secret }: CreatedAgent, url: string): string {
  return `${JSON.stringify({ version: 1, url, agent_id: id, agent_secret: secret }, null, 2)}\n`;
}

/** What refuses a program that another one has written. */
export const foreignProgram = /this installer did not write it: user \d+'s/;

/** Far more than it takes on a busy machine, and far less than the 60 s of a download, or the 600 s of `unhurried`. */
export const atOnceMs = 30_000;

/** A run that is told to stop a moment after something was seen, and how long it then took, in milliseconds. */
export async function terminated(
  host: Host,
  seen: Promise<void>,
  start: (options: RunOptions) => Promise<Finished>,
  told: () => void = () => undefined,
): Promise<Finished & { took: number }> {
  const { session } = host.language;
  const file = join(host.home, "../pid");
  const running = start(
    session === undefined ? { wrapper: ["sh", "-c", 'echo $$ >"$0"; exec "$@"', file] } : {},
  );
  const isOver = await Promise.race([seen.then(() => false), running.then(() => true)]);
  assert.ok(!isOver, "it ended before it was told to stop");
  await pause(200);
  const begun = performance.now();
  Deno.kill(session?.pid ?? Number(await Deno.readTextFile(file)), "SIGTERM");
  told();
  return { ...await running, took: performance.now() - begun };
}

/**
 * A run for which, and for nobody else, something is mounted at the place, which the script knows as `$0`; and the files
 * that are left there.
 */
export async function mounted(
  host: Host,
  { place, script }: { place: string; script: string },
  start: (options: RunOptions) => Promise<Finished>,
): Promise<Finished & { left: string[] }> {
  const { session } = host.language;
  if (session === undefined) {
    const whole = `{ ${script}; } && { "$@"; code=$?; find "$0" -type f; exit $code; }`;
    const finished = await start({ wrapper: ["unshare", "-m", "sh", "-c", whole, place] });
    return { ...finished, left: finished.stdout.split("\n").filter((line) => line.startsWith("/")) };
  }
  // The session has mounts of its own.
  const inside = (command: string): Promise<Finished> =>
    run(["nsenter", "-t", String(session.pid), "-m", "sh", "-c", command, place]);
  const made = await inside(script);
  assert.equal(made.code, 0, made.stderr);
  try {
    const finished = await start({});
    const { stdout } = await inside('find "$0" -type f');
    return { ...finished, left: stdout.split("\n").slice(0, -1) };
  } finally {
    await inside('while umount -l "$0" 2>/dev/null; do :; done');
  }
}

/** Makes the program one that an earlier version installed. */
export async function pretendOlder(host: Host): Promise<void> {
  const now = await digest(host.program);
  await Deno.writeTextFile(host.program, "# Written by openclaw once\n");
  const manifest = await Deno.readTextFile(host.manifest);
  await Deno.writeTextFile(host.manifest, manifest.replace(now, await digest(host.program)));
}

const nobody = 65534;

interface Nobody extends AsyncDisposable {
  install: (env?: Record<string, string>) => Promise<Finished>;
  uninstall: () => Promise<Finished>;
}

/** Root may do everything: as somebody who may not, whatever the test runs as. */
export async function asNobody({ host }: Scene, { id, secret }: CreatedAgent, url: string): Promise<Nobody> {
  await Deno.writeTextFile(host.secretFile, secret);
  const flags = ["--url", url, "--agent-id", id, "--agent-secret-file", host.secretFile];
  const own = dirname(host.home);
  const isRoot = Deno.uid() === 0;
  if (host.language.extension === "ps1") {
    // PowerShell may be where only root can look: it stays root, without the right to write where a mode forbids it.
    const wrapper = isRoot ? ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] : [];
    const session = new PowerShellSession(own, { wrapper });
    const limited = new Host({ ...host.language, session }, own);
    return {
      install: (env = {}) => limited.run(flags, { env }),
      uninstall: () => limited.run(["--uninstall"]),
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    };
  }
  const { extension } = host.language;
  const command = commandForNobody(host.language);
  const file = join(own, `installer.${extension}`);
  await Deno.copyFile(host.language.file, file);
  if (isRoot) {
    for (const path of [file, host.secretFile, host.home]) await Deno.chown(path, nobody, nobody);
    for (const path of [dirname(own), own]) await Deno.chmod(path, 0o755);
  }
  const there = (args: string[], env: Record<string, string> = {}): Promise<Finished> => {
    const path = Object.entries({ HOME: host.home, ...env }).map(([name, value]) => `${name}=${value}`);
    return run(["env", "-C", own, ...path, ...command, file, ...args], isRoot ? { as: nobody } : {});
  };
  return {
    install: (env) => there(flags, env),
    uninstall: () => there(["--uninstall"]),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Python may be where only root can look. The shells are the system's. */
function commandForNobody({ extension, command: [program = "", ...args] }: Language): string[] {
  const mayBePrivate = extension === "py" && Deno.uid() === 0;
  return [mayBePrivate ? findForEveryUser(program) ?? program : program, ...args];
}

/** Asserts that a run ends so, and that not one file of the home is another afterwards. */
export async function untouched(
  host: Host,
  start: () => Promise<Finished>,
  code: number,
  message?: RegExp,
): Promise<Finished> {
  const before = await host.tree();
  const finished = await start();
  assertEnded(finished, code, message);
  assert.deepEqual(await host.tree(), before);
  return finished;
}

/** An executable that stands in for the program, and a server's page for it and its sums. */
export async function standIn(
  host: Host,
): Promise<{ path: string; sum: string; page: (request: Request) => string }> {
  const folder = join(dirname(host.home), "release");
  await Deno.mkdir(folder);
  const path = join(folder, "openclaw");
  const program = "#!/bin/sh\necho 0.1.0\n";
  await Deno.writeTextFile(path, program, { mode: 0o755 });
  const sum = await digest(path);
  return {
    path,
    sum,
    page: ({ url }) =>
      url.endsWith("/SHA256SUMS") ? `${sum} *openclaw\r\n` : url.endsWith("w") ? program : "no",
  };
}

export async function digest(path: string): Promise<string> {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path)));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
