import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { compiled } from "../_support/compiled.ts";
import { ownEnvironment } from "../_support/program.ts";
import { freePort } from "../_support/port.ts";
import { succeed } from "../_support/run.ts";
import { temporaryFolder } from "../_support/server.ts";
import { systemd, type SystemdHost, withSystemd } from "../_support/systemd.ts";
import { testWith } from "../_support/tools.ts";
import { until } from "../_support/wait.ts";
import { blocksOf, pageAt, root } from "./_pages.ts";

const unit = "openclaw-server.service";
const file = `${root}docs/${unit}`;
const installed = `/etc/systemd/system/${unit}`;
const variables = "/etc/default/openclaw-server";
const program = "/usr/local/bin/openclaw-server";
const folder = "/var/lib/openclaw-server";

testWith(["systemd-analyze"], `systemd-analyze finds nothing in docs/${unit}`, async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/${unit}`;
  // It looks for the program, too, which need not be installed here.
  await Deno.writeTextFile(path, (await Deno.readTextFile(file)).replace(program, "/bin/true"));
  const { stdout, stderr } = await succeed("systemd-analyze", ["verify", path]);
  assert.equal(stdout + stderr, "");
});

for (const from of compiled === undefined ? ["source"] : ["source", compiled]) {
  const how = from === "source" ? "with its drop-in for the source" : "with the compiled program";
  systemd.test(
    `under a real systemd, docs/${unit} ${how}: a malformed variable is not tried again; a sound one serves, and stops with 0`,
    () => withSystemd((host) => holds(host, from)),
  );
}

async function holds(host: SystemdHost, from: string): Promise<void> {
  await installProgram(host, from);
  await write(host, installed, await Deno.readTextFile(file));

  await write(host, variables, "OPENCLAW_PORT=many\n");
  await done(host, ["systemctl", "enable", "--now", unit]);
  const failed = await until("its end", async () => {
    const shown = await show(host);
    return shown.ActiveState === "failed" && shown;
  });
  assert.deepEqual([failed.ExecMainStatus, failed.NRestarts], ["2", "0"], await journal(host));

  const port = freePort();
  await write(host, variables, `OPENCLAW_PORT=${port}\n`);
  await done(host, ["systemctl", "restart", unit]);
  await serves(host, port);
  const status = await done(host, ["cat", `/proc/${(await show(host)).MainPID}/status`]);
  assert.match(status, /^Uid:\t([1-9]\d+)\t\1\t\1\t\1$/m);
  assert.match(status, /^CapEff:\t0+$[^]*^NoNewPrivs:\t1$[^]*^Seccomp:\t2$/m);
  assert.equal(await done(host, ["stat", "-Lc", "%a", folder, `${folder}/operator-key`]), "700\n600\n");

  await done(host, ["systemctl", "stop", unit]);
  const { ActiveState, ExecMainStatus, Result } = await show(host);
  assert.deepEqual([ActiveState, ExecMainStatus, Result], ["inactive", "0", "success"]);
}

/** The compiled server that is beside `from`; or, from "source", Deno, this source and its packages, where docs/operating.md puts them, and its drop-in. */
async function installProgram(host: SystemdHost, from: string): Promise<void> {
  if (from !== "source") {
    await done(host, ["cp", await reachable(host, from.replace(/(\.exe)?$/, "-server$1")), program]);
    return;
  }
  const [dropIn, second] = blocksOf(await pageAt("docs/operating.md"), "As a service under systemd")
    .filter(({ language }) => language === "ini");
  assert.ok(dropIn !== undefined && second === undefined);
  await done(host, ["mkdir", "-p", `${installed}.d`, "/opt/openclaw", "/opt/openclaw-packages/npm"]);
  await write(host, `${installed}.d/source.conf`, `${dropIn.lines.join("\n")}\n`);
  const source = join(host.folder, "source");
  await Deno.mkdir(source);
  for (const name of ["cli", "supabase", "deno.json", "deno.lock"]) {
    await succeed("cp", ["-R", join(root, name), source]);
  }
  await done(host, ["mount", "--bind", source, "/opt/openclaw"]);
  const packages = ownEnvironment("/").DENO_DIR ?? assert.fail("there is no folder of packages");
  // The service's user may have no way into the folders that hold these two.
  const npm = await reachable(host, join(packages, "npm"));
  await done(host, ["mount", "--bind", npm, "/opt/openclaw-packages/npm"]);
  const deno = await reachable(host, await Deno.realPath(Deno.execPath()));
  await done(host, ["touch", "/usr/local/bin/deno"]);
  await done(host, ["mount", "--bind", deno, "/usr/local/bin/deno"]);
}

/** The file or folder, or a copy of it where the host, whose /tmp and /var/lib are its own, sees it. */
async function reachable(host: SystemdHost, path: string): Promise<string> {
  if ((await host.run(["test", "-e", path])).code === 0) return path;
  const copy = join(host.folder, basename(path));
  await succeed("cp", ["-R", path, copy]);
  return copy;
}

async function serves(host: SystemdHost, port: number): Promise<void> {
  await until("the server's health", async () => {
    const { ActiveState, NRestarts } = await show(host);
    assert.ok(ActiveState !== "failed" && NRestarts === "0", await journal(host));
    try {
      const reply = await fetch(`http://127.0.0.1:${port}/functions/v1/health`);
      const { ok } = await reply.json();
      return ok === true;
    } catch (error) {
      // Deno's way to say that nobody listens yet.
      if (error instanceof TypeError) return false;
      throw error;
    }
  }, { timeoutMs: 240_000, everyMs: 1000 });
}

async function journal(host: SystemdHost): Promise<string> {
  return (await host.run(["journalctl", "--no-pager", "-u", unit])).stdout;
}

async function show(host: SystemdHost): Promise<Record<string, string>> {
  const names = ["ActiveState", "ExecMainStatus", "MainPID", "NRestarts", "Result"];
  const text = await done(host, ["systemctl", "show", unit, ...names.map((name) => `--property=${name}`)]);
  return Object.fromEntries(text.trim().split("\n").map((line) => line.split("=")));
}

async function write(host: SystemdHost, path: string, text: string): Promise<void> {
  const { code, stderr } = await host.run(["tee", path], { stdin: text });
  assert.equal(code, 0, stderr);
}

async function done(host: SystemdHost, command: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.run(command);
  assert.equal(code, 0, `${command.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}
