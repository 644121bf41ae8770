import assert from "node:assert/strict";
import { join } from "node:path";
import { formatCredentials } from "../../../cli/identity/credentials.ts";
import { type CreatedAgent, FleetClient } from "../../_support/client.ts";
import { compiled } from "../../_support/compiled.ts";
import { type Finished, python, sh } from "../../_support/installers.ts";
import { folderInMemory, startServerProcess } from "../../_support/server.ts";
import { systemd, type SystemdHost, withSystemd } from "../../_support/systemd.ts";
import { isBinary, makeAgent } from "../../_support/program.ts";
import { testCompiled } from "../../_support/require.ts";
import { agentId, agentSecret as secret } from "../../_support/vectors.ts";
import { pause, until as untilAnswer } from "../../_support/wait.ts";

const unit = "openclaw-agent.service";
const installed = "/usr/local/bin/openclaw-agent";
const manifest = "/usr/local/lib/openclaw-agent/install.json";

type Story = (host: SystemdHost, fleet: FleetClient, url: string) => Promise<void>;

const stories: { name: string; story: Story; isTidy: boolean }[] = [];

/** A story that boots a host of its own. */
function test(name: string, story: Story): void {
  stories.push({ name: `under a real systemd, ${name}`, story, isTidy: false });
}

/** One at whose end nothing is left: these share a host, and each has looked for what is left of the one before. */
function testTidy(name: string, story: Story): void {
  stories.push({ name: `under a real systemd, ${name}`, story, isTidy: true });
}

testTidy(
  "openclaw service install, reload, a new secret and uninstall",
  async (host, fleet, url) => {
    const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
    const other = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
    const program = await download(host);
    const args = ["service", "install", ...identity(url, agent.id)];
    assertDone(await host.run([program, ...args], { stdin: agent.secret }), /active \(system\)/);
    await online(fleet, agent.id);
    const { MainPID: pid = "" } = await show(host);
    const status = (await host.run(["cat", `/proc/${pid}/status`])).stdout;
    assert.match(status, /^Uid:\t([1-9]\d+)\t\1\t\1\t\1$/m);
    assert.match(status, /^CapEff:\t0+$[^]*^NoNewPrivs:\t1$[^]*^Seccomp:\t2$/m);
    const environment = (await host.run(["cat", `/proc/${pid}/environ`])).stdout;
    assert.ok(!environment.includes(agent.secret.slice(4, 40)));

    assertDone(await host.run([installed, "service", "status"]), /^active \(system\)$/m);
    assertDone(await host.run([installed, "status", "--json"]), /"liveness":"online"/);
    assertDone(await host.run([installed, "service", "logs", "--lines", "20"]), /openclaw/);

    assertDone(await host.run([program, "service", "install"]), /active \(system\)/);
    await online(fleet, agent.id);

    const again = ["service", "install", ...identity(url, other.id)];
    assertDone(await host.run([installed, ...again], { stdin: other.secret }), /active \(system\)/);
    await online(fleet, other.id);
    assert.equal((await host.run(["systemctl", "reload", unit])).code, 0);
    assert.equal((await host.run(["systemctl", "is-active", unit])).stdout, "active\n");

    assertDone(await host.run([installed, "service", "uninstall"]), /looked again: nothing is left/);
    assert.equal((await fleet.agent(other.id)).liveness, "stopped");
    assert.equal((await show(host)).LoadState, "not-found");
    assert.equal(await leftOf(host), "");
  },
);

for (const language of [sh, python]) {
  testTidy(
    `${language.name} hands over to this program, and so does its --uninstall`,
    async (host, fleet, url) => {
      const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
      const program = await download(host);
      const sum = (await host.run(["sha256sum", program])).stdout.split(" ")[0] ?? "";
      const installer = [...language.command, host.installer(language)];
      const identity = await named(host, agent, url);
      const command = [...installer, ...identity, "--binary", program, "--sha256", sum];
      assertDone(await host.run(command), /online/);
      assert.match((await host.run(["cat", manifest])).stdout, /^ {2}"written_by": "openclaw",$/m);
      const { MainPID } = await show(host);
      assertDone(await host.run(command), /nothing had to be changed/);
      assert.equal((await show(host)).MainPID, MainPID);
      assertDone(await host.run([installed, "service", "status"]), /^active \(system\)$/m);
      assertDone(await host.run([...installer, "--uninstall"]), /looked again: nothing is left/);
      assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
      assert.equal(await leftOf(host), "");
    },
  );

  testTidy(
    `${language.name} removes a program that does not start, and its service`,
    async (host, fleet, url) => {
      const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
      const install = [await download(host), "service", "install", ...identity(url, agent.id)];
      assertDone(await host.run(install, { stdin: agent.secret }), /active \(system\)/);
      await online(fleet, agent.id);
      await host.run(["chmod", "644", installed]);
      const removed = await host.run([...language.command, host.installer(language), "--uninstall"]);
      assertDone(removed, /^removed \/usr\/local\/bin\/openclaw-agent$/m);
      assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
      assert.equal((await show(host)).LoadState, "not-found");
      assert.equal(await leftOf(host), "");
    },
  );
}

testTidy(
  "openclaw service takes over from install.sh, which can still remove it",
  async (host, fleet, url) => {
    const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
    const program = await download(host);
    const command = ["sh", host.installer(sh), ...await named(host, agent, url), "--script-agent"];
    assertDone(await host.run(command), /online/);
    assertDone(await host.run([program, "service", "install"]), /active \(system\)/);
    assert.deepEqual(await commandLine(host), [installed, "monitor"]);
    assert.match((await host.run(["cat", manifest])).stdout, /^ {2}"program": "binary",$/m);
    await online(fleet, agent.id);
    assertDone(await host.run(["sh", host.installer(sh), "--uninstall"]), /^removed \/etc\/systemd/m);
    assert.equal((await show(host)).LoadState, "not-found");
    assert.equal(await leftOf(host), "");
  },
);

test(
  "what the README types: configure as a user, then sudo service install",
  async (host, fleet, url) => {
    const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
    const program = await download(host);
    await host.run(["useradd", "--create-home", "--uid", "4242", "alice"]);
    const alice = { HOME: "/home/alice", USER: "alice" };
    const asAlice = ["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups"];
    const configure = [...asAlice, program, "configure", ...identity(url, agent.id)];
    assertDone(
      await host.run(configure, { env: alice, stdin: agent.secret }),
      /accepted this id and secret/,
    );
    const alone = await host.run([...asAlice, program, "service", "install"], { env: alice });
    assert.equal(alone.code, 2, alone.stderr);
    assert.match(
      alone.stderr,
      /^hint: sudo (\S+) service install, or \1 service install --user$/m,
    );

    const plan = await host.run([...asAlice, program, "service", "uninstall", "--dry-run"], {
      env: alice,
    });
    assertDone(plan, /^run systemctl stop openclaw-agent.service$/m);

    const sudo = { SUDO_UID: "4242", SUDO_GID: "4242", SUDO_USER: "alice", HOME: "/root" };
    const path = "/home/alice/.config/openclaw-agent/credentials.json";
    await host.run(["chmod", "644", path]);
    const open = await host.run([program, "service", "install"], { env: sudo });
    assert.equal(open.code, 3, open.stderr);
    await host.run(["chmod", "600", path]);
    const done = await host.run([program, "service", "install"], { env: sudo });
    assertDone(
      done,
      /^using the credentials of alice: \/home\/alice\/.config\/openclaw-agent\/credentials.json$/m,
    );
    await online(fleet, agent.id);
    const closed = await host.run([...asAlice, program, "service", "install", "--dry-run"], {
      env: alice,
    });
    assert.equal(closed.code, 3, closed.stderr);
    assert.match(closed.stderr, /this user may not\nhint: sudo \S+ service install$/m);
    const removal = [...asAlice, installed, "service", "uninstall", "--dry-run"];
    assertDone(await host.run(removal, { env: alice }), /^ {4}only root can see which ones$/m);
    assertDone(await host.run([installed, "service", "uninstall"], { env: sudo }), /nothing is left$/m);
    assert.equal((await host.run(["stat", "-c", "%u %a", path])).stdout, "4242 600\n");
  },
);

test(
  "a service is told of certificates as they are called, and keeps them",
  async (host, fleet, url) => {
    const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
    const program = await download(host);
    const authority = `/etc/a "b" 100% $HOME \\ 'c'/authority.pem`;
    await host.run(["mkdir", "-p", "-m", "755", authority.replace(/\/[^/]*$/, "")]);
    const made = await host.run(
      ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        .concat(["-subj", "/CN=authority", "-keyout", "/dev/null", "-out", authority]),
    );
    assert.equal(made.code, 0, made.stderr);
    await host.run(["chmod", "644", authority]);
    const args = [...identity(url, agent.id), "--ca-file", authority, "--insecure-http"];
    assertDone(
      await host.run([program, "service", "install", ...args], { stdin: agent.secret }),
      /active \(system\)/,
    );
    await online(fleet, agent.id);
    const words = [installed, "monitor", `--ca-file=${authority}`, "--insecure-http"];
    assert.deepEqual(await commandLine(host), words);
    assertDone(await host.run([program, "service", "install"]), /active \(system\)/);
    assert.deepEqual(await commandLine(host), words);
  },
);

test(
  "the credentials that LoadCredential brings are the first, not the last",
  async (host, fleet, url) => {
    const first = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
    const stored = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
    const program = await download(host);
    const install = [program, "service", "install", ...identity(url, stored.id)];
    assertDone(await host.run(install, { stdin: stored.secret }), /active \(system\)/);
    await host.run(["systemctl", "stop", unit]);
    await host.run(["sh", "-c", "rm /var/lib/private/openclaw-agent/*"]);
    const brought = join(host.folder, "brought.json");
    await Deno.writeTextFile(
      brought,
      formatCredentials({ url, agentId: first.id, secret: first.secret }),
      { mode: 0o600 },
    );
    const dropIn = join(host.folder, "first.conf");
    await Deno.writeTextFile(dropIn, `[Service]\nLoadCredential=credentials.json:${brought}\n`);
    await host.run(["install", "-D", "-m", "644", dropIn, `/etc/systemd/system/${unit}.d/first.conf`]);
    await host.run(["systemctl", "daemon-reload"]);
    await host.run(["systemctl", "start", unit]);
    await online(fleet, first.id);
    assert.equal((await fleet.agent(stored.id)).liveness, "stopped");

    assertDone(await host.run(install, { stdin: stored.secret }), /active \(system\)/);
    await online(fleet, stored.id);
    assert.equal((await fleet.agent(first.id)).liveness, "stopped");
    const gone = await host.run([installed, "service", "uninstall"]);
    assertDone(gone, /looked again: nothing is left$/m);
    assertDone(gone, /^kept; .*: \/etc\/systemd\/system\/openclaw-agent.service.d$/m);
  },
);

test(
  "uninstall keeps others' files, and stops a service without its unit",
  async (host, fleet, url) => {
    const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
    const program = await download(host);
    const install = [program, "service", "install", ...identity(url, agent.id)];
    assertDone(await host.run(install, { stdin: agent.secret }), /active \(system\)/);
    await online(fleet, agent.id);
    await host.run(["touch", "/var/lib/openclaw-agent/gateway.db", "/etc/default/openclaw-agent"]);
    await host.run(["rm", `/etc/systemd/system/${unit}`]);
    const gone = await host.run([installed, "service", "uninstall"]);
    assertDone(gone, /looked again: nothing is left$/m);
    assertDone(
      gone,
      /^kept; .*: \/var\/lib\/private\/openclaw-agent\/gateway.db, \/etc\/default\/openclaw-agent$/m,
    );
    assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
    assert.equal((await host.run(["systemctl", "is-active", unit])).stdout, "inactive\n");
    assert.equal(
      (await host.run(["find", "/var/lib/openclaw-agent/"])).stdout.trim().split("\n").length,
      2,
    );
    await host.run([
      "rm",
      "-r",
      "/var/lib/private/openclaw-agent/gateway.db",
      "/etc/default/openclaw-agent",
    ]);
    assertDone(await host.run([program, "service", "uninstall"]), /looked again: nothing is left$/m);
    assert.equal(await leftOf(host), "");
  },
);

test(
  "a service whose process is killed is started again, and beats",
  async (host, fleet, url) => {
    const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
    const install = [await download(host), "service", "install", ...identity(url, agent.id)];
    assertDone(await host.run(install, { stdin: agent.secret }), /active \(system\)/);
    await online(fleet, agent.id);
    const before = await show(host);
    assert.equal((await host.run(["kill", "-9", before.MainPID ?? ""])).code, 0);
    await until("the service came back", async () => (await show(host)).NRestarts === "1");
    const { last_seen_at: seen } = await fleet.agent(agent.id);
    await until("it beats", async () => (await fleet.agent(agent.id)).last_seen_at !== seen);
    assert.equal((await fleet.agent(agent.id)).liveness, "online");
    const after = await show(host);
    assert.equal(after.NRestarts, "1");
    assert.notEqual(after.MainPID, before.MainPID);
  },
);

test(
  "a service gives way to a monitor that was there, and follows it",
  async (host, fleet, url) => {
    const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
    const program = await download(host);
    const note = join(host.folder, "pid");
    const monitor = ["sh", "-c", 'echo $$ >"$0"; exec "$@"', note, program, "monitor"];
    const byHand = host.run([...monitor, ...identity(url, agent.id)], { stdin: agent.secret });
    try {
      await online(fleet, agent.id);
      const install = [program, "service", "install", ...identity(url, agent.id)];
      const { code, stdout, stderr } = await host.run(install, { stdin: agent.secret });
      assert.equal(code, 1, stdout);
      assert.match(
        stderr,
        /^error: Cannot keep the service running: .*\nhint: \S+ service logs$/m,
      );
      assert.doesNotMatch(stdout, /active/);
      const logs = await host.run([installed, "service", "logs", "--lines", "50"]);
      assertDone(logs, /another process on this host does so already/);
      assert.equal((await fleet.agent(agent.id)).liveness, "online");
    } finally {
      await host.run(["sh", "-c", 'kill -TERM "$(cat "$0")"', note]);
    }
    assert.equal((await byHand).code, 0);
    await until("the service runs", async () => (await show(host)).SubState === "running");
    await online(fleet, agent.id);
    const { MainPID } = await show(host);
    await pause(5000);
    assert.equal((await show(host)).MainPID, MainPID, "it keeps running");
  },
);

test("a folder with a server's keys → conflict, and nothing is touched", async (host) => {
  const program = await download(host);
  const key = "/var/lib/openclaw-agent/operator-key";
  await host.run(["sh", "-c", 'mkdir -m 700 "${0%/*}" && echo secret >"$0" && chmod 600 "$0"', key]);
  const listed = [
    "find",
    "/etc",
    "/usr/local",
    "/var/lib",
    "-name",
    "*openclaw-agent*",
    "-o",
    "-path",
    "*openclaw-agent/*",
  ];
  const state = ["stat", "-c", "%n %u %g %a %Y", "/var/lib/openclaw-agent", key];
  const before = [await host.run(listed), await host.run(state)];
  const agent = makeAgent();
  const install = [program, "service", "install", ...identity("https://fleet.example", agent.id)];
  const { code, stdout, stderr } = await host.run(install, { stdin: agent.secret });
  assert.equal(code, 5, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /has the keys of a server, "\/var\/lib\/openclaw-agent\/operator-key"\nhint: /);
  assert.deepEqual([await host.run(listed), await host.run(state)], before);
  assert.equal((await show(host)).LoadState, "not-found");
});

test("a packaged service of our name is neither replaced nor stopped", async (host) => {
  const program = await download(host);
  const packaged = join(host.folder, "packaged.service");
  await Deno.writeTextFile(
    packaged,
    "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=basic.target\n",
  );
  await host.run(["install", "-m", "644", packaged, `/usr/lib/systemd/system/${unit}`]);
  await host.run(["systemctl", "daemon-reload"]);
  await host.run(["systemctl", "start", unit]);
  const install = [program, "service", "install", ...identity("https://fleet.example", agentId)];
  const refused = await host.run(install, { stdin: secret });
  assert.equal(refused.code, 5, refused.stderr);
  assert.match(
    refused.stderr,
    /another one of that name is in .*\/lib\/systemd\/system\/openclaw-agent.service$/m,
  );
  assertDone(await host.run([program, "service", "uninstall"]), /another one, in/);
  assert.equal((await host.run(["systemctl", "is-active", unit])).stdout, "active\n");
});

// A service is installed only by the compiled program: it copies itself.
const all = "the service of the compiled program";
if (isBinary) systemd.test(all, (_, context) => tellStories(context));
else testCompiled(all, tellStories);

/** The options that name an agent, its secret in a file. */
async function named(host: SystemdHost, agent: CreatedAgent, url: string): Promise<string[]> {
  const secret = join(host.folder, "secret");
  await Deno.writeTextFile(secret, agent.secret, { mode: 0o600 });
  return ["--url", url, "--agent-id", agent.id, "--agent-secret-file", secret];
}

function identity(url: string, id: string): string[] {
  return ["--url", url, "--agent-id", id, "--agent-secret-file", "-"];
}

/** The program where somebody may have downloaded it. */
async function download(host: SystemdHost): Promise<string> {
  const program = join(host.folder, "download");
  await Deno.copyFile(compiled ?? "", program);
  return program;
}

async function commandLine(host: SystemdHost): Promise<string[]> {
  const { MainPID = "" } = await show(host);
  return (await host.run(["cat", `/proc/${MainPID}/cmdline`])).stdout.split("\0").slice(0, -1);
}

async function leftOf(host: SystemdHost): Promise<string> {
  return (await host.run(["find", "/etc", "/usr/local", "/var/lib", "-name", "*openclaw-agent*"])).stdout;
}

function assertDone({ code, stdout, stderr }: Finished, wanted: RegExp): void {
  assert.equal(code, 0, `${stdout}${stderr}`);
  assert.match(`${stdout}${stderr}`, wanted);
}

async function show(host: SystemdHost): Promise<Record<string, string>> {
  const { stdout } = await host.run([
    "systemctl",
    "show",
    "--property=MainPID,LoadState,SubState,NRestarts",
    unit,
  ]);
  return Object.fromEntries(stdout.trim().split("\n").map((line) => line.split("=")));
}

async function online(fleet: FleetClient, id: string): Promise<void> {
  await until("the agent is online", async () => (await fleet.agent(id)).liveness === "online");
}

/** The agent beats every five seconds; what a busy machine adds is not the test's concern. */
function until(what: string, isSo: () => Promise<boolean>): Promise<boolean> {
  return untilAnswer(what, isSo, { timeoutMs: 120_000, everyMs: 200 });
}

/** One server for all: each story creates agents of its own. */
async function tellStories(context: Deno.TestContext): Promise<void> {
  await using folder = await folderInMemory();
  await using server = await startServerProcess({ data: folder.path });
  const fleet = new FleetClient(server.base, server.operatorKey);
  const tell = async (host: SystemdHost, { name, story }: { name: string; story: Story }): Promise<void> =>
    void await context.step(name, () => story(host, fleet, server.url));
  await withSystemd(async (host) => {
    for (const one of stories.filter(({ isTidy }) => isTidy)) await tell(host, one);
  });
  for (const one of stories.filter(({ isTidy }) => !isTidy)) await withSystemd((host) => tell(host, one));
}
