import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CreatedAgent } from "../../_support/client.ts";
import { type Finished, type Language, run } from "../../_support/installers.ts";
import { until } from "../../_support/wait.ts";
import type { Fleet } from "../_steps.ts";

const systemctl = fileURLToPath(new URL("./_systemctl.sh", import.meta.url));

/** A mount namespace in which root may install for the whole system, and there seems to be a systemd. */
export interface System {
  folder: string;
  inside: string[];
  log: () => Promise<string>;
  run: (command: string[], env?: Record<string, string>) => Promise<Finished>;
  files: () => Promise<string[]>;
}

export async function withSystem(folder: string, work: (system: System) => Promise<void>): Promise<void> {
  await Deno.chmod(folder, 0o755);
  const bin = join(folder, "bin");
  await Deno.mkdir(bin);
  await Deno.copyFile(systemctl, join(bin, "systemctl"));
  await Deno.mkdir(join(folder, "state"), { mode: 0o777 });
  await Deno.chmod(join(folder, "state"), 0o777);
  // Not in memory: an enrollment asks for a place that lasts.
  await Deno.mkdir(join(folder, "lib"));
  const mounts =
    `for one in /run /etc/systemd/system /usr/local/bin /usr/local/lib; do mount -t tmpfs -o mode=755 none $one; done
      mount --bind "$0" /var/lib && mkdir -p /run/systemd/system && echo ready && exec sleep 1000`;
  const holder = new Deno.Command("unshare", {
    args: ["-m", "sh", "-c", mounts, join(folder, "lib")],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = holder.stdout.getReader();
  await reader.read();
  const inside = ["nsenter", "-t", String(holder.pid), "-m"];
  const base = {
    HOME: join(folder, "home"),
    SYSTEMCTL_STATE: join(folder, "state"),
    PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`,
  };
  await Deno.mkdir(base.HOME);
  const runInside: System["run"] = (command, env = {}) =>
    run(command, { wrapper: inside, env: { ...base, ...env } });
  try {
    await work({
      folder,
      inside,
      log: () => Deno.readTextFile(join(folder, "state/log")),
      run: runInside,
      async files() {
        const { stdout } = await runInside([
          "find",
          "/etc/systemd/system",
          "/var/lib",
          "/usr/local/bin",
          "/usr/local/lib",
          base.HOME,
          "-mindepth",
          "1",
        ]);
        return stdout.split("\n").filter((line) => line !== "" && line !== "/var/lib/private").sort();
      },
    });
  } finally {
    const { code } = await runInside([join(bin, "systemctl"), "disable", "--now"]);
    holder.kill("SIGKILL");
    await reader.cancel();
    await holder.status;
    assert.equal(code, 0, "the service did not end when it was told to");
  }
}

export interface Scene extends Fleet {
  system: System;
  language: Language;
}

export const manifest = "/usr/local/lib/openclaw-agent/install.json";

/** Makes the file one that an earlier version installed. */
export async function pretendOlder(system: System, path: string): Promise<void> {
  const script = `old=$(sha256sum <"$0" | cut -c 1-64); echo '# of an earlier version' >>"$0"
    new=$(sha256sum <"$0" | cut -c 1-64); sed -i "s/$old/$new/" "$1"`;
  const { code, stderr } = await system.run(["sh", "-c", script, path, manifest]);
  assert.equal(code, 0, stderr);
}

/** The interpreters of the system: root's own are in its home, where nobody else may look. */
export function commandOf({ command, file }: Language): string[] {
  return [...command, file];
}

export async function flagsOf(
  { folder }: System,
  { id, secret }: CreatedAgent,
  url: string,
): Promise<string[]> {
  const file = join(folder, "secret");
  await Deno.writeTextFile(file, secret);
  await Deno.chown(file, 65534, 65534);
  return ["--url", url, "--agent-id", id, "--agent-secret-file", file];
}

export async function modes(system: System, files: string[]): Promise<string[]> {
  return (await system.run(["stat", "-c", "%a %u", ...files])).stdout.trim().split("\n");
}

/** What the kernel says of the service's process, once it is its user's. */
export async function status({ folder }: System): Promise<string> {
  const pid = (await Deno.readTextFile(join(folder, "state/pid"))).trim();
  return await until("the service to run as its user", async () => {
    const text = await Deno.readTextFile(`/proc/${pid}/status`);
    return /^Uid:\t0/m.test(text) ? null : text;
  });
}
