import assert from "node:assert/strict";
import { join } from "node:path";
import { assertEnded } from "../../_support/installers.ts";
import { commandOf, flagsOf, type Scene, type System } from "./_system.ts";

export async function launchdService({ system, language, fleet, url }: Scene): Promise<void> {
  const home = join(system.folder, "mac & <home>");
  await Deno.mkdir(home);
  await Deno.chown(home, 65534, 65534);
  const env = { HOME: home, PYTHONPATH: await pretendMac(system) };
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  const flags = await flagsOf(system, agent, url);
  const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...commandOf(language)];
  assertEnded(await system.run([...user, ...flags], env), 0, /online/);
  const log = join(home, "Library/Application Support/openclaw-agent/openclaw.log");
  const found = (await system.run(["find", home, "-type", "f"])).stdout.trim().split("\n").sort();
  assert.deepEqual(found, [
    join(home, ".local/bin/openclaw-agent"),
    join(home, "Library/Application Support/openclaw-agent/credentials.json"),
    join(home, "Library/Application Support/openclaw-agent/install.json"),
    log,
    join(home, "Library/LaunchAgents/dev.openclaw.agent.plist"),
  ]);
  assertEnded(await system.run([...user, "--uninstall"], env), 0);
  assert.equal((await system.run(["find", home, "-mindepth", "1"])).stdout, "");
  const asked = await Deno.readTextFile(join(system.folder, "state/launchctl"));
  assert.match(asked, /^bootout gui\/65534\/dev\.openclaw\.agent\nbootstrap gui\/65534 .*\.plist\n/);
}

/** launchd says that it has booted a service out before its process has ended, and takes no other until then. */
export async function launchdRestart({ system, language, fleet, url }: Scene): Promise<void> {
  const home = join(system.folder, "mac");
  await Deno.mkdir(home);
  await Deno.chown(home, 65534, 65534);
  const env = { HOME: home, PYTHONPATH: await pretendMac(system) };
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...commandOf(language)];
  const install = [...user, ...await flagsOf(system, agent, url)];
  assertEnded(await system.run(install, env), 0, /online/);
  const pid = await Deno.readTextFile(join(system.folder, "state/pid"));
  await system.run(["rm", join(home, ".local/bin/openclaw-agent")]);
  assertEnded(await system.run(install, env), 0, /online/);
  assert.notEqual(await Deno.readTextFile(join(system.folder, "state/pid")), pid);
  assertEnded(await system.run([...user, "--uninstall"], env), 0);
}

/** Makes the host look like a Mac, as far as the installers look. */
async function pretendMac({ folder }: System): Promise<string> {
  const uname =
    "#!/bin/sh\ncase $1 in -snm) echo Darwin mac arm64 ;; -s) echo Darwin ;; -m) echo arm64 ;; *) echo mac ;; esac\n";
  const launchctl = `#!/usr/bin/python3
import os, plistlib, signal, subprocess, sys, time
state = os.environ["SYSTEMCTL_STATE"]
if sys.argv[1] != "print":
    open(state + "/launchctl", "a").write(" ".join(sys.argv[1:]) + "\\n")
pid = int(open(state + "/pid").read()) if os.path.exists(state + "/pid") else 0
leaving = os.path.exists(state + "/leaving") and time.time() - os.stat(state + "/leaving").st_mtime < 3
if sys.argv[1] == "bootstrap":
    if leaving:
        sys.exit("Bootstrap failed: 5: Input/output error")
    plist = plistlib.load(open(sys.argv[3], "rb"))
    env = {name: os.environ[name] for name in ("PATH", "PYTHONPATH")}
    env.update(plist["EnvironmentVariables"])
    child = subprocess.Popen(plist["ProgramArguments"], env=env, start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    open(state + "/pid", "w").write(str(child.pid))
elif not pid and not leaving:
    sys.exit(3)
elif sys.argv[1] == "bootout":
    os.kill(pid, signal.SIGTERM)
    os.remove(state + "/pid")
    open(state + "/leaving", "w").close()
`;
  await Deno.writeTextFile(join(folder, "bin/uname"), uname, { mode: 0o755 });
  await Deno.writeTextFile(join(folder, "bin/launchctl"), launchctl, { mode: 0o755 });
  const patch = "import platform\nplatform.system = lambda: 'Darwin'\nplatform.machine = lambda: 'arm64'\n";
  await Deno.writeTextFile(join(folder, "bin/sitecustomize.py"), patch);
  return join(folder, "bin");
}
