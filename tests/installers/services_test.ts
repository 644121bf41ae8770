import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CreatedAgent } from "../_support/client.ts";
import {
  assertEnded,
  type Finished,
  type Language,
  languages,
  python,
  run,
  sh,
} from "../_support/installers.ts";
import { until } from "../_support/wait.ts";
import { enrollmentCode } from "../_support/vectors.ts";
import { withDesk } from "./_enrollment.ts";
import { forward, withFront } from "./_front.ts";
import { type Fleet, type Step, testSteps } from "./_steps.ts";

const systemctl = fileURLToPath(new URL("./_systemctl.sh", import.meta.url));

/** A mount namespace in which root may install for the whole system, and there seems to be a systemd. */
interface System {
  folder: string;
  inside: string[];
  log: () => Promise<string>;
  run: (command: string[], env?: Record<string, string>) => Promise<Finished>;
  files: () => Promise<string[]>;
}

async function withSystem(folder: string, work: (system: System) => Promise<void>): Promise<void> {
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

const tools = ["root", "unshare", "nsenter", "setpriv", "setsid", "python3", "dash", "curl"];

const scenes: [string, (scene: Scene) => Promise<void>][] = [
  ["installs, repairs and removes a service of the system", systemService],
  ["says when it starts a service again that the agent will be back", announcedReturn],
  ["undoes everything when the service does not start", failingService],
  ["replaces no unit that was changed, and believes no manifest that is not root's", changedUnit],
  ["hands over to a program, and undoes all when the program refuses", handedOver],
  ["hands over the agent that it got for a code, which outlives a program that refuses", handedOverEnrolled],
  ["killed while a program installs itself, can be run again, and removes all that it left", killedHandOver],
  ["takes no folder, unit or user of another program", conflicts],
  ["runs beside a service called openclaw, and leaves it as it is", besideService],
  ["calls everything by another name", namedService],
  ["keeps what the service watches until it is taken away", watchedService],
  ["gives no server's keys to the agent's user", serversFolder],
  ["follows no link that the service's user has put into its folder", plantedLinks],
  ["installs and removes a service of one user, whose home has an odd name", userService],
  ["installs and removes a service under launchd", launchdService],
  ["removes nothing while the service runs on, or cannot be asked", deafService],
  ["installs no service where none is wanted", noService],
  ["tells of a proxy that the service will not see before it starts it", proxiedService],
];

/** What concerns one of the languages alone, or is the same in the others by now. */
const scenesOfSh: typeof scenes = [
  ["waits until launchd has let go of the service before it starts it again", launchdRestart],
  ["removes the link that starts the service with the host", leftLink],
  ["refuses a home that env would take for a variable", equalsSign],
  ["is at no moment led elsewhere by the service's user", movedUnderway],
];

const shells = languages.filter(({ extension }) => extension === "sh");

function scenesOf(language: Language): typeof scenes {
  if (language === python) return scenes;
  if (language === sh) return [...scenes, ...scenesOfSh];
  return scenes.filter(([, work]) => [userService, deafService].includes(work));
}

const steps = [...shells, python].flatMap((language) =>
  scenesOf(language).map(([name, work]): Step => ({
    name: `${language.name} ${name}`,
    tools: [...tools, ...language.tools],
    work: ({ folder, ...given }) => withSystem(folder, (system) => work({ ...given, system, language })),
  }))
);

testSteps("the installers' services", steps);

interface Scene extends Fleet {
  system: System;
  language: Language;
}

async function systemService({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  const flags = await flagsOf(system, agent, url);
  const command = [...commandOf(language), ...flags];
  assertEnded(await system.run(command), 0, /online/);
  const files = [
    "/etc/systemd/system/openclaw-agent.service",
    "/usr/local/bin/openclaw-agent",
    "/usr/local/lib/openclaw-agent",
    "/usr/local/lib/openclaw-agent/install.json",
    "/var/lib/openclaw-agent",
    "/var/lib/private/openclaw-agent",
    "/var/lib/private/openclaw-agent/credentials.json",
  ];
  assert.deepEqual(await system.files(), files);
  assert.equal(
    await system.log(),
    "daemon-reload\nenable openclaw-agent.service\nrestart openclaw-agent.service\n",
  );
  assert.deepEqual(await modes(system, files), [
    "644 0",
    "755 0",
    "755 0",
    "644 0",
    "777 0",
    "700 61234",
    "600 61234",
  ]);
  assert.match(await status(system), /^Uid:\t61234/m);
  assert.match(await status(system), /^CapBnd:\t0+$[^]*^NoNewPrivs:\t1$/m);

  assertEnded(await system.run(command), 0, /nothing had to be changed/);
  assert.doesNotMatch(await system.log(), /restart[^]*restart/);

  await system.run(["rm", "/usr/local/bin/openclaw-agent", "/var/lib/openclaw-agent/credentials.json"]);
  assertEnded(await system.run(command), 0, /online/);
  assert.deepEqual(await modes(system, files), [
    "644 0",
    "755 0",
    "755 0",
    "644 0",
    "777 0",
    "700 61234",
    "600 61234",
  ]);
  assert.match(await system.log(), /restart[^]*restart/);

  assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0);
  assert.deepEqual(await system.files(), []);
  assert.match(await system.log(), /disable --now openclaw-agent\.service\ndaemon-reload\n$/);
  assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
}

async function announcedReturn({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  const beats: unknown[] = [];
  const front = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const isBeat = request.method === "POST" && pathname.endsWith("/heartbeat");
    if (isBeat) beats.push(await request.clone().json());
    const passed = request.method === "GET"
      ? await fetch(url + pathname, { headers: request.headers })
      : null;
    return passed ?? await forward(request, url, JSON.stringify);
  };
  await withFront(front, async (address) => {
    const command = [...commandOf(language), ...await flagsOf(system, agent, address)];
    assertEnded(await system.run(command), 0, /online/);
    const stops = () => beats.map(asStop).filter((said) => said !== null);
    assert.deepEqual(stops(), []);
    await pretendOlder(system, "/etc/systemd/system/openclaw-agent.service");
    assertEnded(await system.run(command), 0, /online/);
    // What the agent itself says has no time, as it was not told one.
    assert.deepEqual(stops(), [undefined, 120]);
    assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0);
    assert.deepEqual(stops(), [undefined, 120, undefined, undefined]);
  });
}

/** The time that a beat names which says that the agent stops; null for another beat. */
function asStop(beat: unknown): unknown {
  const { status, back_in_seconds }: Record<string, unknown> = { ...Object(beat) };
  return status === "stopping" ? back_in_seconds : null;
}

async function failingService({ system, language, fleet, url }: Scene): Promise<void> {
  const fail = join(system.folder, "state/fail");
  const flags = await flagsOf(system, await fleet.createAgent(), url);
  const command = [...commandOf(language), ...flags];
  await Deno.writeTextFile(fail, "");
  assertEnded(await system.run(command), 1, /Cannot start the service "systemd-system"/);
  assert.deepEqual(await system.files(), []);

  assertEnded(await system.run(command), 0);
  const unit = "/etc/systemd/system/openclaw-agent.service";
  await pretendOlder(system, unit);
  const before = await system.run(["cat", unit, manifest]);
  await Deno.writeTextFile(fail, "");
  assertEnded(await system.run(command), 1, /what was done has been undone/);
  assert.deepEqual(await system.run(["cat", unit, manifest]), before);
  assert.equal((await system.run(["systemctl", "is-active", "openclaw-agent.service"])).code, 0);
}

const manifest = "/usr/local/lib/openclaw-agent/install.json";

/** Makes the file one that an earlier version installed. */
async function pretendOlder(system: System, path: string): Promise<void> {
  const script = `old=$(sha256sum <"$0" | cut -c 1-64); echo '# of an earlier version' >>"$0"
    new=$(sha256sum <"$0" | cut -c 1-64); sed -i "s/$old/$new/" "$1"`;
  const { code, stderr } = await system.run(["sh", "-c", script, path, manifest]);
  assert.equal(code, 0, stderr);
}

/** A stand-in that notes how it is asked, and what for, before it refuses. */
async function handedOver({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const note = join(system.folder, "note");
  const program = await standIn(
    system,
    `{ echo "$0 $*"; env; echo; cat; } >'${note}'\necho 'error: Cannot install: it is a test' >&2\nexit 5`,
  );
  const watched = ["--watch", "openclaw", "--status-command=/usr/bin/check all", "--metrics-command", ""];
  const given = [...await flagsOf(system, agent, url), ...watched];
  const ended = await system.run([...commandOf(language), ...given, ...program]);
  assertEnded(ended, 5, /error: Cannot install: it is a test\nwhat was done has been undone/);
  const [asked = "", secret] = (await Deno.readTextFile(note)).split("\n\n");
  const words =
    `service install --name openclaw-agent --url ${url} --agent-id ${agent.id} --agent-secret-file -`;
  const options = "--watch=openclaw --status-command=/usr/bin/check all --metrics-command=";
  assert.equal(asked.split("\n")[0], `/usr/local/bin/openclaw-agent.openclaw-new ${words} ${options}`);
  assert.equal(secret, `${agent.secret}\n`);
  assert.ok(!asked.includes(agent.secret.slice(4, 40)), "the secret is in the arguments or the environment");
  assert.deepEqual(await system.files(), []);
  await assert.rejects(system.log(), Deno.errors.NotFound, "systemd was asked for something");
}

async function handedOverEnrolled({ system, language, ...given }: Scene): Promise<void> {
  const note = join(system.folder, "note");
  const program = await standIn(system, `{ echo "$0 $*"; env; cat; } >'${note}'\nexit 5`);
  await withDesk(given, async (desk) => {
    const env = { OPENCLAW_URL: desk.url, OPENCLAW_ENROLLMENT_CODE: enrollmentCode };
    const ended = await system.run([...commandOf(language), ...program], env);
    assert.equal(ended.code, 5, ended.stderr);
    assert.match(ended.stderr, /this host stays enrolled: run the installer again/);
    const [agent] = desk.agents.values();
    const asked = await Deno.readTextFile(note);
    assert.match(
      asked,
      new RegExp(` --agent-id ${agent?.id} --agent-secret-file -\n[^]*\n${agent?.secret}\n$`),
    );
    assert.equal(
      asked.split(agent?.secret ?? "").length,
      2,
      "the secret is in the arguments or the environment",
    );
    assert.ok(!asked.includes(enrollmentCode.slice(4, 40)), "the program was given the code");
    const step = "Cannot install the service: the program ends with 5";
    assert.deepEqual(desk.steps, [
      "started",
      "checked",
      "enrolled",
      "downloaded",
      `downloaded, then ${step}`,
    ]);
    const state = "/var/lib/openclaw-agent";
    assert.deepEqual(await system.files(), [
      manifest.replace(/\/[^/]*$/, ""),
      manifest,
      state,
      `${state}/credentials.json`,
    ]);
    assertEnded(await system.run([...commandOf(language), "--script-agent", "--url", desk.url]), 0, /online/);
    const { stdout } = await system.run(["cat", "/etc/systemd/system/openclaw-agent.service", manifest]);
    assert.ok(!stdout.includes(enrollmentCode.slice(4, 40)), "the unit or the manifest has the code");
    assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0);
    assert.deepEqual(await system.files(), []);
  });
}

/** Gives the unit $0 the options that the program has kept there, and the manifest $1 its hash. */
const asOfProgram = `
before=$(sha256sum <"$0") && before=\${before%% *}
sed -i 's| monitor | monitor "--metrics-command=/usr/bin/check" "--rotate-every=30d" |' "$0"
after=$(sha256sum <"$0") && sed -i "s/$before/\${after%% *}/" "$1"
`;

async function watchedService({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  const command = [...commandOf(language), "--script-agent", ...await flagsOf(system, agent, url)];
  // Nothing listens at the port of the discard service.
  const page = "http://127.0.0.1:9/health?a=100%25&b=$c";
  assertEnded(await system.run([...command, "--watch", "openclaw:9", "--probe-url", page]), 0, /online/);
  const { status, message } = await fleet.agent(agent.id);
  const words = "the gateway cannot be reached; the probe cannot be reached";
  assert.deepEqual([status, message], ["unhealthy", words]);
  assertEnded(await system.run(command), 0, /nothing had to be changed/);
  assertEnded(await system.run([...command, "--watch="]), 0, /online/);
  const { stdout } = await system.run(["cat", "/etc/systemd/system/openclaw-agent.service"]);
  assert.ok(stdout.includes(` monitor "--probe-url=http://127.0.0.1:9/health?a=100%%25&b=$$c"\n`), stdout);
  const refused = await system.run([...command, "--status-command", "/usr/bin/check"]);
  assertEnded(refused, 2, /Cannot keep a command for the small agent/);
  await system.run(["sh", "-c", asOfProgram, "/etc/systemd/system/openclaw-agent.service", manifest]);
  const lost = await system.run(command);
  for (const option of ["metrics-command", "rotate-every"]) {
    assertEnded(lost, 0, new RegExp(`warning: the small agent has no --${option}, which the service`));
  }
}

async function killedHandOver({ system, language, fleet, url }: Scene): Promise<void> {
  const given = await flagsOf(system, await fleet.createAgent(), url);
  const again = join(system.folder, "again");
  const program = await standIn(
    system,
    `[ -e '${again}' ] || kill -9 "$PPID"\necho 'error: Cannot install: it is a test' >&2\nexit 5`,
  );
  const command = [...commandOf(language), ...given, ...program];
  const killed = await system.run(command);
  assert.equal(killed.code, 137, killed.stderr);
  assert.ok((await system.files()).includes(manifest), "what it left is not known");
  await Deno.writeTextFile(again, "");
  assertEnded(
    await system.run(command),
    5,
    /error: Cannot install: it is a test\nwhat was done has been undone/,
  );
  assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0);
  assert.deepEqual(await system.files(), []);
}

/** The options that name a program, which answers --version, and does what the script says when it is asked for more. */
async function standIn(system: System, script: string): Promise<string[]> {
  const program = join(system.folder, "openclaw");
  await Deno.writeTextFile(program, `#!/bin/sh\n[ "$1" != --version ] || exit 0\n${script}\n`, {
    mode: 0o755,
  });
  const sum = (await system.run(["sha256sum", program])).stdout.slice(0, 64);
  return ["--binary", program, "--sha256", sum];
}

async function changedUnit({ system, language, fleet, url }: Scene): Promise<void> {
  const command = [...commandOf(language), ...await flagsOf(system, await fleet.createAgent(), url)];
  assertEnded(await system.run(command), 0);
  await system.run(["sh", "-c", "echo '# by hand' >>/etc/systemd/system/openclaw-agent.service"]);
  const before = await system.log();
  assertEnded(
    await system.run(command),
    5,
    /openclaw-agent\.service" is there and this installer did not write it/,
  );
  assert.equal(await system.log(), before);
  // What the service's user, or another one, may have written is not root's to believe.
  await system.run(["chown", "61234", manifest]);
  assertEnded(await system.run(command), 5, /another user may have written it/);
  assertEnded(
    await system.run([...commandOf(language), "--uninstall"]),
    5,
    /another user may have written it/,
  );
  assert.equal(await system.log(), before);
}

async function serversFolder({ system, language, fleet, url }: Scene): Promise<void> {
  const command = [...commandOf(language), ...await flagsOf(system, await fleet.createAgent(), url)];
  for (const key of ["operator-key", "jwt-keys.json"]) {
    const path = `/var/lib/openclaw-agent/${key}`;
    await system.run(["install", "-D", "-m", "600", "/dev/null", path]);
    assertEnded(await system.run(command), 5, new RegExp(`has the keys of a server, "${key}"`));
    assert.deepEqual(await system.files(), ["/var/lib/openclaw-agent", path]);
    await assert.rejects(system.log(), Deno.errors.NotFound, "systemd was asked for something");
    await system.run(["rm", "-r", "/var/lib/openclaw-agent"]);
  }
}

async function conflicts({ system, language, fleet, url }: Scene): Promise<void> {
  const command = [...commandOf(language), ...await flagsOf(system, await fleet.createAgent(), url)];
  const elsewhere = join(system.folder, "openclaw-agent.service");
  const passwd = join(system.folder, "passwd");
  const cases: [set: string, undo: string, says: RegExp][] = [
    [
      "mkdir -p /var/lib/openclaw-agent/state && echo {} >/var/lib/openclaw-agent/openclaw.json",
      "rm -r /var/lib/openclaw-agent",
      /"\/var\/lib\/openclaw-agent" has files of another program: openclaw\.json, user 0's/,
    ],
    [
      `echo '[Service]' >'${elsewhere}' && echo '${elsewhere}' >"$SYSTEMCTL_STATE/elsewhere"`,
      'rm "$SYSTEMCTL_STATE/elsewhere"',
      /"openclaw-agent\.service" is another service's, from "\/.*\/openclaw-agent\.service"/,
    ],
    [
      `{ cat /etc/passwd; echo openclaw-agent:x:1234:1234::/nowhere:/bin/false; } >'${passwd}' && mount --bind '${passwd}' /etc/passwd`,
      "umount /etc/passwd",
      /this host has a user "openclaw-agent" \(1234\)/,
    ],
  ];
  for (const [set, undo, says] of cases) {
    assert.equal((await system.run(["sh", "-c", set])).code, 0, set);
    const before = await system.files();
    assertEnded(await system.run(command), 5, says);
    assert.deepEqual(await system.files(), before);
    await assert.rejects(system.log(), Deno.errors.NotFound, "systemd was told something");
    assert.equal((await system.run(["sh", "-c", undo])).code, 0, undo);
  }
  assertEnded(await system.run(command), 0, /online/);
}

/** All that another program called openclaw has on a host: its link, folder, unit. */
const others = `mkdir -p /usr/local/lib/node_modules/openclaw /var/lib/openclaw/state
  echo '#!/usr/bin/env node' >/usr/local/lib/node_modules/openclaw/openclaw.mjs
  ln -s ../lib/node_modules/openclaw/openclaw.mjs /usr/local/bin/openclaw
  echo {} >/var/lib/openclaw/openclaw.json && chown -R 1234 /var/lib/openclaw
  printf '[Service]\nUser=openclaw\n' >/etc/systemd/system/openclaw.service`;
const listing = `find /usr/local/bin/openclaw /usr/local/lib/node_modules /var/lib/openclaw \
  /etc/systemd/system/openclaw.service -printf '%m %U %p %l\n' | sort; cat /var/lib/openclaw/openclaw.json \
  /etc/systemd/system/openclaw.service /usr/local/lib/node_modules/openclaw/openclaw.mjs`;

async function besideService({ system, language, fleet, url }: Scene): Promise<void> {
  const command = [...commandOf(language), ...await flagsOf(system, await fleet.createAgent(), url)];
  const see = async (): Promise<string> => (await system.run(["sh", "-c", listing])).stdout;
  const ours = async (): Promise<void> => assertEnded(await system.run([...command, "--second-name"]), 0);
  const gone = async (): Promise<void> =>
    assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0);
  assert.equal((await system.run(["sh", "-ec", others])).code, 0);
  const [before, files] = [await see(), await system.files()];
  await ours();
  assert.equal(await see(), before);
  await ours();
  await gone();
  assert.equal(await see(), before);
  assert.deepEqual(await system.files(), files);
  // Ours first, with the second name, which npm then takes by force.
  await system.run(["rm", "/usr/local/bin/openclaw"]);
  await ours();
  await system.run(["ln", "-sf", "../lib/node_modules/openclaw/openclaw.mjs", "/usr/local/bin/openclaw"]);
  await gone();
  assert.equal(await see(), before);
  assert.doesNotMatch(await system.log(), /openclaw\.service/);
}

async function namedService({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  const command = [...commandOf(language), ...await flagsOf(system, agent, url)];
  assertEnded(await system.run([...command, "--name=fleetd"]), 0, /online/);
  assert.deepEqual(await system.files(), [
    "/etc/systemd/system/fleetd.service",
    "/usr/local/bin/fleetd",
    "/usr/local/lib/fleetd",
    "/usr/local/lib/fleetd/install.json",
    "/var/lib/fleetd",
    "/var/lib/private/fleetd",
    "/var/lib/private/fleetd/credentials.json",
  ]);
  const unit = (await system.run(["cat", "/etc/systemd/system/fleetd.service"])).stdout;
  for (const line of ["User=fleetd", "StateDirectory=fleetd", "EnvironmentFile=-/etc/default/fleetd"]) {
    assert.ok(unit.split("\n").includes(line), line);
  }
  assert.match(unit, /^Environment="OPENCLAW_NAME=fleetd" /m);
  assertEnded(await system.run([...commandOf(language), "--uninstall", "--name=fleetd"]), 0);
  assert.deepEqual(await system.files(), []);
}

/** The service's user may do in its own folder what it likes: root's next visit must not serve it. */
async function plantedLinks({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const command = [...commandOf(language), ...await flagsOf(system, agent, url)];
  assertEnded(await system.run(command), 0);
  const victim = join(system.folder, "victim");
  await Deno.writeTextFile(victim, "root's own", { mode: 0o600 });
  for (const ending of [".openclaw-new", ".openclaw-old"]) {
    await system.run(["ln", "-sf", victim, `/var/lib/openclaw-agent/credentials.json${ending}`]);
  }
  await system.run(["rm", "/var/lib/openclaw-agent/credentials.json"]);
  await system.run(command);
  assertEnded(await system.run(command), 0);
  await system.run(["ln", "-s", victim, "/var/lib/openclaw-agent/credentials.json.openclaw-lock"]);
  assertEnded(await system.run(command), 1, /Cannot write ".*credentials.json"/);
  assert.equal(await Deno.readTextFile(victim), "root's own");
  const { mode, uid } = await Deno.stat(victim);
  assert.deepEqual([(mode ?? 0) & 0o777, uid], [0o600, 0]);
  await system.run(["ln", "-sf", victim, "/var/lib/openclaw-agent/credentials.json"]);
  assertEnded(await system.run(command), 5, /holds no credentials/);
}

/**
 * What the service's user does in its folder just before root's own step there. In place of a file it puts a second name
 * of a file of root's, which everybody may write: so the kernel lets it.
 */
const attacks: [tool: string, attack: string][] = [
  ["chown", "ln -f /var/lib/victim credentials.json.openclaw-new"],
  ["ln", "ln -s /var/lib/elsewhere credentials.json.openclaw-old"],
  ["mv", "ln -sf /var/lib/elsewhere credentials.json"],
];

async function movedUnderway({ system, language, fleet, url }: Scene): Promise<void> {
  const command = [...commandOf(language), ...await flagsOf(system, await fleet.createAgent(), url)];
  assertEnded(await system.run(command), 0);
  const before = await system.files();
  const prepared = `echo >/var/lib/victim && chmod 666 /var/lib/victim && mkdir /var/lib/elsewhere
    chmod 640 /var/lib/openclaw-agent/credentials.json`;
  assert.equal((await system.run(["sh", "-ec", prepared])).code, 0);
  for (const [tool, attack] of attacks) {
    const script = `#!/bin/sh
PATH=/usr/bin:/bin
(cd /var/lib/openclaw-agent && setpriv --reuid=61234 --regid=61234 --clear-groups ${attack}) &&
  echo ${tool} >>"$SYSTEMCTL_STATE/attacks"
exec ${tool} "$@"
`;
    await Deno.writeTextFile(join(system.folder, "bin", tool), script, { mode: 0o755 });
  }
  // Credentials with another mode are written anew.
  assertEnded(await system.run(command), 0, /wrote .*credentials\.json/);
  const attacked = (await Deno.readTextFile(join(system.folder, "state/attacks"))).split("\n");
  assert.deepEqual(attacks.filter(([tool]) => !attacked.includes(tool)), []);
  for (const [tool] of attacks) await Deno.remove(join(system.folder, "bin", tool));
  const places = ["/var/lib/victim", "/var/lib/elsewhere", "/var/lib/openclaw-agent/credentials.json"];
  const { stdout } = await system.run(["find", ...places, "-printf", "%y %m %U %p\n"]);
  assert.equal(
    stdout,
    `f 666 0 /var/lib/victim\nd 755 0 /var/lib/elsewhere\nf 600 61234 ${places[2]}\n`,
  );
  const planted = ["new", "old"].map((end) => `/var/lib/openclaw-agent/credentials.json.openclaw-${end}`);
  await system.run(["rm", "-r", "/var/lib/victim", "/var/lib/elsewhere", ...planted]);
  assert.deepEqual(await system.files(), before);
}

async function userService({ system, language, fleet, url }: Scene): Promise<void> {
  const home = join(system.folder, 'a "b" $c %d \\e');
  await Deno.mkdir(home);
  await Deno.chown(home, 65534, 65534);
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  const flags = await flagsOf(system, agent, url);
  const user = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    ...commandOf(language),
  ];
  assertEnded(await system.run([...user, ...flags], { HOME: home }), 0, /online/);
  assert.match(
    await system.log(),
    /^--user show-environment\n--user daemon-reload\n--user enable openclaw/,
  );
  assert.match(await status(system), /^Uid:\t65534/m);
  assertEnded(await system.run([...user, "--uninstall"], { HOME: home }), 0);
  assert.equal((await system.run(["find", home, "-mindepth", "1"])).stdout, "");
  assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
}

async function launchdService({ system, language, fleet, url }: Scene): Promise<void> {
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

async function deafService({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  assertEnded(await system.run([...commandOf(language), ...await flagsOf(system, agent, url)]), 0, /online/);
  const before = await system.files();
  const deaf = join(system.folder, "state/deaf");
  await Deno.writeTextFile(deaf, "");
  const { code, stdout, stderr } = await system.run([...commandOf(language), "--uninstall"]);
  await Deno.remove(deaf);
  assert.equal(code, 1, stdout + stderr);
  assert.ok(
    stderr.includes(
      'error: Cannot stop the service "systemd-system": it still runs, or cannot be asked\n' +
        "hint: stop it, then run the installer again with --uninstall\n",
    ),
    stderr,
  );
  assert.equal(stdout, "");
  assert.deepEqual(await system.files(), before);
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
  assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0, /removed \/etc/);
  assert.deepEqual(await system.files(), []);
}

async function noService({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const command = [...commandOf(language), ...await flagsOf(system, agent, url), "--no-service"];
  const { code, stdout, stderr } = await system.run(command);
  assert.equal(code, 0, stderr);
  const program = join(system.folder, "home/.local/bin/openclaw-agent");
  assert.ok(stdout.includes(`to start the agent: "${program}" monitor\n`), stdout);
  assert.doesNotMatch(stdout, /there is no systemd/);
  await assert.rejects(system.log(), Deno.errors.NotFound);
  assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0);
  assert.deepEqual(await system.files(), []);
}

async function proxiedService({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const command = [...commandOf(language), ...await flagsOf(system, agent, url)];
  await Deno.writeTextFile(join(system.folder, "state/fail"), "");
  const line = "the service does not see HTTPS_PROXY and SSL_CERT_FILE of this shell: set them for it, too";
  const ended = await system.run(command, { HTTPS_PROXY: "http://127.0.0.1:1" });
  assertEnded(ended, 1, /Cannot start the service/);
  assert.match(ended.stderr, new RegExp(`^${line}$[^]*^hint: .*${line}`, "m"));
}

/** launchd says that it has booted a service out before its process has ended, and takes no other until then. */
async function launchdRestart({ system, language, fleet, url }: Scene): Promise<void> {
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

async function leftLink({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  assertEnded(await system.run([...commandOf(language), ...await flagsOf(system, agent, url)]), 0);
  const wants = "/etc/systemd/system/multi-user.target.wants";
  await system.run(["sh", "-c", `mkdir ${wants}; ln -s ../openclaw-agent.service ${wants}`]);
  assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0);
  assert.deepEqual(await system.files(), []);
}

async function equalsSign({ system, language, fleet, url }: Scene): Promise<void> {
  const home = join(system.folder, "a=b");
  await Deno.mkdir(home);
  await Deno.chown(home, 65534, 65534);
  const flags = await flagsOf(system, await fleet.createAgent(), url);
  const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...commandOf(language)];
  const ended = await system.run([...user, ...flags], { HOME: home });
  assertEnded(ended, 2, /a service cannot start what has an equals sign in its path\nhint: --no-service/);
  assertEnded(await system.run([...user, ...flags, "--no-service"], { HOME: home }), 0);
  assertEnded(await system.run([...user, "--uninstall"], { HOME: home }), 0);
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

/** The interpreters of the system: root's own are in its home, where nobody else may look. */
function commandOf({ command, file }: Language): string[] {
  return [...command, file];
}

async function flagsOf({ folder }: System, { id, secret }: CreatedAgent, url: string): Promise<string[]> {
  const file = join(folder, "secret");
  await Deno.writeTextFile(file, secret);
  await Deno.chown(file, 65534, 65534);
  return ["--url", url, "--agent-id", id, "--agent-secret-file", file];
}

async function modes(system: System, files: string[]): Promise<string[]> {
  return (await system.run(["stat", "-c", "%a %u", ...files])).stdout.trim().split("\n");
}

/** What the kernel says of the service's process, once it is its user's. */
async function status({ folder }: System): Promise<string> {
  const pid = (await Deno.readTextFile(join(folder, "state/pid"))).trim();
  return await until("the service to run as its user", async () => {
    const text = await Deno.readTextFile(`/proc/${pid}/status`);
    return /^Uid:\t0/m.test(text) ? null : text;
  });
}
