import assert from "node:assert/strict";
import { join } from "node:path";
import { assertEnded } from "../../_support/installers.ts";
import { forward, withFront } from "../_front.ts";
import { commandOf, flagsOf, manifest, modes, pretendOlder, type Scene, status } from "./_system.ts";

export async function systemService({ system, language, fleet, url }: Scene): Promise<void> {
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

export async function announcedReturn({ system, language, fleet, url }: Scene): Promise<void> {
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

export async function failingService({ system, language, fleet, url }: Scene): Promise<void> {
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

/** Gives the unit $0 the options that the program has kept there, and the manifest $1 its hash. */
const asOfProgram = `
before=$(sha256sum <"$0") && before=\${before%% *}
sed -i 's| monitor | monitor "--metrics-command=/usr/bin/check" "--rotate-every=30d" |' "$0"
after=$(sha256sum <"$0") && sed -i "s/$before/\${after%% *}/" "$1"
`;

export async function watchedService({ system, language, fleet, url }: Scene): Promise<void> {
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

export async function changedUnit({ system, language, fleet, url }: Scene): Promise<void> {
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

export async function userService({ system, language, fleet, url }: Scene): Promise<void> {
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

export async function deafService({ system, language, fleet, url }: Scene): Promise<void> {
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

export async function noService({ system, language, fleet, url }: Scene): Promise<void> {
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

export async function proxiedService({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const command = [...commandOf(language), ...await flagsOf(system, agent, url)];
  await Deno.writeTextFile(join(system.folder, "state/fail"), "");
  const line = "the service does not see HTTPS_PROXY and SSL_CERT_FILE of this shell: set them for it, too";
  const ended = await system.run(command, { HTTPS_PROXY: "http://127.0.0.1:1" });
  assertEnded(ended, 1, /Cannot start the service/);
  assert.match(ended.stderr, new RegExp(`^${line}$[^]*^hint: .*${line}`, "m"));
}

export async function leftLink({ system, language, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  assertEnded(await system.run([...commandOf(language), ...await flagsOf(system, agent, url)]), 0);
  const wants = "/etc/systemd/system/multi-user.target.wants";
  await system.run(["sh", "-c", `mkdir ${wants}; ln -s ../openclaw-agent.service ${wants}`]);
  assertEnded(await system.run([...commandOf(language), "--uninstall"]), 0);
  assert.deepEqual(await system.files(), []);
}

export async function equalsSign({ system, language, fleet, url }: Scene): Promise<void> {
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
