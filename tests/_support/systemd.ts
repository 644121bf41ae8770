import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Finished, installPy, installSh, type Language, run } from "./installers.ts";
import { type Part, part } from "./require.ts";
import { end } from "./run.ts";
import { withFolderInMemory } from "./server.ts";
import { isInstalled } from "./tools.ts";
import { until } from "./wait.ts";

/** A systemd that runs, on a copy of this host that is thrown away; the network and one folder are this host's. */
export interface SystemdHost {
  folder: string;
  /** The installers, in a place that is there, too, and that everybody may read. */
  installer: (language: Pick<Language, "file">) => string;
  /** Runs a command there, as its root unless the command says otherwise. */
  run: (
    command: readonly string[],
    options?: { env?: Record<string, string>; stdin?: string },
  ) => Promise<Finished>;
}

const script = fileURLToPath(new URL("./boot_systemd.sh", import.meta.url));
const tools = ["root", "unshare", "nsenter", "setpriv", "systemctl"];

/** A systemd that can be booted here: it takes root, namespaces and the second version of control groups. */
export const systemd: Part<true> = await part("systemd that root may boot in namespaces", async () => {
  if (Deno.build.os !== "linux" || !tools.every(isInstalled)) return null;
  const groups = await controlGroups();
  if (groups === null) return null;
  return await succeeds(["unshare", "-m", "true"]) && await mayMakeGroups(groups) ? true : null;
});

export async function withSystemd(work: (host: SystemdHost) => Promise<void>): Promise<void> {
  await withFolderInMemory(async (folder) => {
    await Deno.chmod(folder, 0o755);
    const installer: SystemdHost["installer"] = ({ file }) => join(folder, basename(file));
    for (const file of [installSh, installPy]) {
      await Deno.copyFile(file, installer({ file }));
      await Deno.chmod(installer({ file }), 0o644);
    }
    const group = join(
      await controlGroups() ?? assert.fail("no control groups"),
      `openclaw-test-${crypto.randomUUID()}`,
    );
    await Deno.mkdir(group);
    const booting = new Deno.Command("sh", {
      args: [
        "-c",
        'echo $$ >"$1/cgroup.procs" && exec unshare -mpiuCf --kill-child "$2" "$3"',
        "sh",
        group,
        script,
        folder,
      ],
      clearEnv: true,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const complaints = new Response(booting.stderr).text();
    let init: number;
    try {
      init = await childOf(booting.pid);
    } catch (error) {
      await end(booting);
      await removeGroup(group);
      throw error;
    }
    try {
      await running(init, complaints);
      await work({
        folder,
        installer,
        run: (command, options = {}) => run(command, { ...options, ...within(init, options.env) }),
      });
    } finally {
      endIfThere(init);
      await booting.status;
      await complaints;
      await removeGroup(group);
    }
  });
}

function endIfThere(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function within(
  init: number,
  env: Record<string, string> = {},
): { wrapper: string[]; env: Record<string, string> } {
  return {
    wrapper: ["nsenter", "-t", String(init), "-m", "-p", "-i", "-u", "env", "-C", "/"],
    env: { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", ...env },
  };
}

async function running(init: number, complaints: Promise<string>): Promise<void> {
  let state: Finished | undefined;
  try {
    await until("systemd", async () => {
      state = await run(["systemctl", "is-system-running", "--wait"], within(init));
      return state.code === 0;
    }, { everyMs: 100 });
  } catch (cause) {
    throw new Error(`systemd did not start: ${state?.stdout}${state?.stderr} ${await complaints}`, { cause });
  }
}

async function childOf(pid: number): Promise<number> {
  return await until("a process that becomes systemd", async () => {
    const child = (await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`)).trim();
    return child !== "" && Number(child);
  });
}

async function succeeds(command: string[]): Promise<boolean> {
  return (await run(command)).code === 0;
}

/** In a container they may be there to be looked at alone. */
async function mayMakeGroups(groups: string): Promise<boolean> {
  const group = join(groups, `openclaw-test-${crypto.randomUUID()}`);
  return await succeeds(["mkdir", group]) && await succeeds(["rmdir", group]);
}

/** Where the second version of control groups is mounted. */
async function controlGroups(): Promise<string | null> {
  const mounts = await Deno.readTextFile("/proc/self/mounts");
  return mounts.split("\n").map((line) => line.split(" ")).find(([, , type]) => type === "cgroup2")?.[1] ??
    null;
}

/** A group's folder can be removed once its processes have ended, from the innermost one out. */
async function removeGroup(path: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) await removeGroup(join(path, name));
  }
  await until("the end of the group's processes", () => Deno.remove(path).then(() => true, () => false));
}
