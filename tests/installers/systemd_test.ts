import assert from "node:assert/strict";
import { join } from "node:path";
import { type CreatedAgent, FleetClient } from "../_support/client.ts";
import { assertEnded, type Language, python, sh } from "../_support/installers.ts";
import { startServerProcess, temporaryFolder } from "../_support/server.ts";
import { systemd, type SystemdHost, withSystemd } from "../_support/systemd.ts";
import { until } from "../_support/wait.ts";
import type { Fleet } from "./_steps.ts";

const unit = "openclaw-agent.service";

const languages = [sh, python];

// One systemd for all: each story asserts that it leaves nothing behind.
systemd.test("the installers under a real systemd", async (_, context) => {
  await using data = await temporaryFolder();
  await using server = await startServerProcess({ data: data.path });
  const given = { fleet: new FleetClient(server.base, server.operatorKey), url: server.url };
  await withSystemd(async (host) => {
    for (const language of languages) {
      await context.step(
        `${language.name} installs, restarts and removes the system's service`,
        () => systemService(host, language, given),
      );
    }
    const home = join(host.folder, "home of nobody");
    await Deno.mkdir(home);
    await Deno.chown(home, 65534, 65534);
    const env = { HOME: home, XDG_RUNTIME_DIR: "/run/user/65534" };
    await startUserManager(host, env);
    for (const language of languages) {
      await context.step(
        `${language.name} installs and removes the service of one user`,
        () => userService({ host, env }, language, given),
      );
    }
  });
});

async function systemService(host: SystemdHost, language: Language, { fleet, url }: Fleet): Promise<void> {
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  const install = [...language.command, host.installer(language)];
  const flags = [
    "--url",
    url,
    "--agent-id",
    agent.id,
    "--agent-secret-file",
    await secretFile(host, agent),
  ];
  assertEnded(await host.run([...install, ...flags]), 0, /online/);

  const { MainPID: pid = "", ActiveState } = await show(host, []);
  assert.equal(ActiveState, "active");
  const status = (await host.run(["cat", `/proc/${pid}/status`])).stdout;
  assert.match(status, /^Uid:\t([1-9]\d+)\t\1\t\1\t\1$/m);
  assert.match(status, /^CapEff:\t0+$[^]*^CapBnd:\t0+$[^]*^NoNewPrivs:\t1$[^]*^Seccomp:\t2$/m);
  const written = await host.run([
    "nsenter",
    "-t",
    pid,
    "-m",
    "touch",
    "/usr/openclaw",
    "/etc/openclaw",
  ]);
  assert.match(written.stderr, /'\/usr\/openclaw': Read-only[^]*'\/etc\/openclaw': Read-only/);
  const uid = /^Uid:\t(\d+)/m.exec(status)?.[1];
  assert.deepEqual(await owners(host), [
    "644 0 /etc/systemd/system/openclaw-agent.service",
    "755 0 /usr/local/bin/openclaw-agent",
    "644 0 /usr/local/lib/openclaw-agent/install.json",
    `600 ${uid} /var/lib/private/openclaw-agent/credentials.json`,
  ]);

  assertEnded(await host.run([...install, ...flags]), 0, /nothing had to be changed/);
  assert.equal((await show(host, [])).MainPID, pid);

  const read = async (): Promise<number> =>
    (await host.run(["journalctl", "--no-pager", "--unit", unit])).stdout
      .match(/credentials were read again/g)?.length ?? 0;
  const readBefore = await read();
  assert.equal((await host.run(["systemctl", "reload", unit])).code, 0);
  await until("a reload", async () => await read() > readBefore);
  assert.equal((await show(host, [])).MainPID, pid);

  const before = (await fleet.agent(agent.id)).last_seen_at;
  await host.run(["kill", "-KILL", pid]);
  await until("a restart", async () => (await show(host, [])).NRestarts === "1");
  await until("a beat", async () => String((await fleet.agent(agent.id)).last_seen_at) > String(before));

  assertEnded(await host.run([...install, "--uninstall"]), 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
  assert.deepEqual(await owners(host), []);
  assert.equal((await show(host, [])).LoadState, "not-found");
}

async function userService(
  { host, env }: { host: SystemdHost; env: { HOME: string; XDG_RUNTIME_DIR: string } },
  language: Language,
  { fleet, url }: Fleet,
): Promise<void> {
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  const install = [...nobody, ...language.command, host.installer(language)];
  const flags = [
    "--url",
    url,
    "--agent-id",
    agent.id,
    "--agent-secret-file",
    await secretFile(host, agent),
  ];
  assertEnded(await host.run([...install, ...flags], { env }), 0, /online/);
  const { ActiveState, MainPID } = await show(host, [...nobody, "env"], env);
  assert.equal(ActiveState, "active");
  assert.match((await host.run(["cat", `/proc/${MainPID}/status`])).stdout, /^NoNewPrivs:\t1$/m);
  assertEnded(await host.run([...install, "--uninstall"], { env }), 0);
  assert.equal(
    (await host.run(["find", env.HOME, "-mindepth", "1"])).stdout,
    "",
  );
  assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
}

const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** What a login starts: the user's own systemd. */
async function startUserManager(host: SystemdHost, env: Record<string, string>): Promise<void> {
  const folder = env.XDG_RUNTIME_DIR ?? "";
  const made = await host.run(["install", "-d", "-m", "700", "-o", "65534", "-g", "65534", folder]);
  assert.equal(made.code, 0, made.stderr);
  const started = await host.run([
    "systemd-run",
    "--uid=65534",
    "--gid=65534",
    "--property=Delegate=yes",
    ...Object.entries(env).map(([name, value]) => `--setenv=${name}=${value}`),
    "/lib/systemd/systemd",
    "--user",
  ]);
  assert.equal(started.code, 0, started.stderr);
  await until(
    "the user's systemd",
    async () => (await host.run([...nobody, "systemctl", "--user", "is-system-running"], { env })).code === 0,
  );
}

/** What systemd says of the unit. */
async function show(
  host: SystemdHost,
  before: string[],
  env?: Record<string, string>,
): Promise<Record<string, string>> {
  const user = before.length === 0 ? [] : ["--user"];
  const names = "--property=ActiveState,MainPID,NRestarts,LoadState";
  const { stdout } = await host.run(
    [...before, "systemctl", ...user, "show", names, unit],
    env ? { env } : {},
  );
  return Object.fromEntries(stdout.trim().split("\n").map((line) => line.split("=")));
}

async function owners(host: SystemdHost): Promise<string[]> {
  const places = ["/etc/systemd/system", "/usr/local/bin", "/usr/local/lib", "/var/lib"];
  const { stdout } = await host.run([
    "find",
    ...places,
    "-type",
    "f",
    "-name",
    "*",
    "-printf",
    "%m %U %p\\n",
  ]);
  return stdout.split("\n").filter((line) => line.includes("openclaw")).sort((a, b) =>
    (a.split(" ")[2] ?? "") < (b.split(" ")[2] ?? "") ? -1 : 1
  );
}

async function secretFile(host: SystemdHost, { secret }: CreatedAgent): Promise<string> {
  const file = join(host.folder, "secret");
  await Deno.writeTextFile(file, secret, { mode: 0o600 });
  await Deno.chown(file, 65534, 65534);
  return file;
}
