import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type CreatedAgent, record } from "../../_support/client.ts";
import { assertEnded, type Host, type RunOptions } from "../../_support/installers.ts";
import { asNobody, mounted, rootsMounts, type Scenario, type Scene, untouched } from "../_scene.ts";
import { onlyTools, python, which } from "../_tools.ts";

/** What all installers are held to: hosts that lack something. */
export const host: Scenario[] = [
  {
    name: "a line break in a folder's variable is refused: it would be a line of the unit",
    work: plantedFolder,
  },
  { name: "a missing tool is named, and nothing is touched", work: missingTool },
  { name: "without one of its tools it does not run on", work: eachToolMissing },
  { name: "without a folder for temporary files it goes online, or says so", work: noTemporaryFolder },
  { name: "a platform that is not known is no guess, but what to report", work: unknownPlatform },
  { name: "a home with a space, quotes and a dollar sign is a home like any other", work: oddHome },
  { name: "a home whose name is not UTF-8 is refused", work: notUnicode, alone: "too" },
  { name: "in a home that cannot be written to, nothing is touched", work: readOnly, needs: rootsMounts },
  { name: "on a disk that is full, nothing is left", work: diskFull, needs: rootsMounts },
];

async function plantedFolder({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  for (const name of ["XDG_CONFIG_HOME", "XDG_STATE_HOME"]) {
    const env = { [name]: `${host.home}/x\nExecStartPre=/bin/evil` };
    const says = new RegExp(`Cannot install: ${name} has a control character`);
    await untouched(host, () => host.install(agent, url, { env }), 2, says);
  }
}

async function missingTool({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  if (host.language.extension === "py") {
    const env = await python(host, "import sys; sys.modules['_ssl'] = None");
    await untouched(host, () => host.install(agent, url, { env }), 1, /Cannot install: "ssl" is missing/);
    return;
  }
  if (host.language.extension === "ps1") return await missingToolOfPowerShell(host, agent, url);
  const wrapper = ["env", `PATH=${await onlyTools(host)}`];
  await untouched(host, () => host.install(agent, url, { wrapper }), 1, /Cannot install: "curl" is missing/);
  await Deno.symlink(await which("curl"), join(dirname(host.home), "bin/curl"));
  await untouched(
    host,
    () => host.install(agent, url, { wrapper }),
    1,
    /Cannot install: "sha256sum" is missing/,
  );
}

async function missingToolOfPowerShell(host: Host, agent: CreatedAgent, url: string): Promise<void> {
  const tools = ["uname", "chmod", "test", "ls"];
  for (const missing of tools) {
    const PATH = join(dirname(host.home), `without-${missing}`);
    await Deno.mkdir(PATH);
    for (const tool of tools) if (tool !== missing) await Deno.symlink(await which(tool), join(PATH, tool));
    const message = new RegExp(`Cannot install: "${missing}" is missing`);
    await untouched(host, () => host.install(agent, url, { env: { PATH } }), 1, message);
  }
}

/** What a shell's installer starts. Python's brings all that it needs; PowerShell's four are in the scenario before. */
async function eachToolMissing(scene: Scene): Promise<void> {
  const { host, fleet } = scene;
  if (host.language.extension !== "sh") return;
  const bin = await onlyTools(host);
  for (const more of ["curl", "sha256sum"]) await Deno.symlink(await which(more), join(bin, more));
  await using nobody = await asNobody(scene, await fleet.createAgent(), "http://127.0.0.1:1");
  const { install } = nobody;
  const env = { PATH: bin };
  assertEnded(await install(env), 6, /Cannot reach http/);
  for await (const { name } of Deno.readDir(bin)) {
    if (name === host.language.command[0]) continue;
    const target = await Deno.readLink(join(bin, name));
    await Deno.remove(join(bin, name));
    const before = await host.tree();
    assertEnded(await install(env), 1, new RegExp(`Cannot install: "${name}" is missing`));
    assert.deepEqual(await host.tree(), before);
    await Deno.symlink(target, join(bin, name));
  }
  // Bash and zsh keep what they are to read from themselves in a folder that may be full, or not there.
  const nowhere = { ...env, TMPDIR: "/nowhere", TMPPREFIX: "/nowhere/zsh" };
  const { code, stderr } = await install(nowhere);
  assert.match(
    `${code} ${stderr}`,
    /^(6 error: Cannot reach|1 [^]*error: Cannot install: the shell cannot read)/,
  );
}

async function noTemporaryFolder({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const env = { TMPDIR: "/nowhere", TMPPREFIX: "/nowhere/zsh" };
  const ended = await host.install(agent, url, { env });
  if (ended.code === 1) {
    assert.match(
      ended.stderr,
      /error: Cannot install: the shell cannot read what this installer brings along\nhint/,
    );
    assert.deepEqual(await host.tree(), {});
    return;
  }
  assertEnded(ended, 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
  assertEnded(await host.run(["--uninstall"], { env }), 0);
}

async function unknownPlatform({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const message = /Cannot install: the platform "Plan9 mips" is not known\nhint: report it with/;
  const patch = "import platform; platform.system = lambda: 'Plan9'; platform.machine = lambda: 'mips'";
  if (host.language.extension === "py") {
    const env = await python(host, patch);
    await untouched(host, () => host.install(agent, url, { env }), 1, message);
    return;
  }
  const bin = join(dirname(host.home), "bin");
  await Deno.mkdir(bin);
  const uname =
    "#!/bin/sh\ncase $1 in -snm) echo Plan9 host mips ;; -sm) echo Plan9 mips ;; -s) echo Plan9 ;; -m) echo mips ;; *) echo host ;; esac\n";
  await Deno.writeTextFile(join(bin, "uname"), uname, { mode: 0o755 });
  const env = { PATH: `${bin}:${Deno.env.get("PATH") ?? ""}` };
  await untouched(host, () => host.install(agent, url, { env }), 1, message);
}

async function oddHome({ host, fleet, url }: Scene): Promise<void> {
  // PowerShell takes a backslash in a script's path for a slash: powershell_test.ts has that home refused.
  const odd = host.language.extension === "ps1" ? "[a-z]" : "back\\slash";
  const home = join(host.home, `it's "$HOME" & ${odd} é`);
  await Deno.mkdir(home);
  const agent = await fleet.createAgent();
  const env = { HOME: home };
  assertEnded(await host.install(agent, url, { env }), 0);
  const manifest = record(
    JSON.parse(await Deno.readTextFile(join(home, ".config", host.word, "install.json"))),
  );
  assert.deepEqual(manifest.folders, [
    join(home, ".local/bin"),
    join(home, ".local"),
    join(home, ".config", host.word),
    join(home, ".config"),
  ]);
  assertEnded(await host.install(agent, url, { env }), 0, /nothing had to be changed/);
  assertEnded(await host.run(["--uninstall"], { env }), 0);
  assert.deepEqual(Object.values(await host.tree()), [""]);
}

async function notUnicode({ host, fleet, url, someAlone }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const broken = ["\\377", "\\303", "\\303(", "\\355\\240\\200", "a\\340\\200\\200"];
  // .NET puts one sign in the place of them all.
  for (const bytes of someAlone(broken)) {
    const home = `HOME=$HOME/$(printf '${bytes}x'); export HOME; exec "$@"`;
    const wrapper = ["sh", "-c", home, "sh"];
    const refusal = /Cannot install into ".*": a path in UTF-8 is expected/;
    await untouched(host, () => host.install(agent, url, { wrapper }), 2, refusal);
  }
}

async function readOnly({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"';
  const inside = (options: RunOptions) => host.install(agent, url, options);
  await untouched(
    host,
    () => mounted(host, { place: host.home, script }, inside),
    1,
    /the folder ".*\/home(\/.config)?"/,
  );
}

/** The disk has room for one file more each time: whatever fails leaves nothing. */
async function diskFull({ host, fleet, url }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const codes: number[] = [];
  for (const size of ["4k", "8k", "12k", "16k", "64k"]) {
    const script = `mount -t tmpfs -o size=${size},mode=700 none "$0"`;
    const { code, stdout, stderr, left } = await mounted(
      host,
      { place: host.home, script },
      (options) => host.install(agent, url, options),
    );
    codes.push(code);
    assert.equal(left.length, code === 0 ? 3 : 0, `${size}: ${stdout}${stderr}`);
    if (code !== 0) assert.match(stderr, /error: Cannot (write|make the folder) "/);
  }
  assert.deepEqual([codes[0], codes[1], codes[2], codes.at(-1)], [1, 1, 1, 0]);
}
