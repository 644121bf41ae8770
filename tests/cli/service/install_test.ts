import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { formatCredentials } from "../../../cli/identity/credentials.ts";
import { credentialsPath } from "../../_support/program.ts";
import { testCompiled } from "../../_support/require.ts";
import { type ServiceLayout, serviceLayout } from "../../../cli/service/layout.ts";
import { parseManifest } from "../../../cli/service/manifest.ts";
import { sha256Of } from "../../../cli/service/ours.ts";
import { writeManifest } from "../../_support/manifest.ts";

import { filesIn, names, withSystemctl } from "../../_support/systemctl.ts";
import { agentId, agentSecret as secret } from "../../_support/vectors.ts";

const flags = ["--user", "--url", "https://fleet.example", "--agent-id", agentId, "--agent-secret-file", "-"];
const unitOf = (home: string): string => join(home, ".config/systemd/user/openclaw-agent.service");
const layoutIn = (home: string): ServiceLayout =>
  serviceLayout((name) => name === "HOME" ? home : undefined, { os: "linux", user: true, uid: 0 });
const programOf = (home: string): string => join(home, ".local/bin/openclaw-agent");

// A service is installed only by the compiled program: it copies itself.
function test(name: string, fn: () => Promise<void>): void {
  if (Deno.build.os === "linux") testCompiled(name, fn);
  else Deno.test.ignore(name, fn);
}

async function write(path: string, text: string, mode = 0o644): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text, { mode });
}

/** What install.sh leaves. */
async function pretendInstaller(home: string): Promise<Record<string, string>> {
  const files = {
    [unitOf(home)]:
      "# Written by openclaw. The installer's --uninstall removes it.\n[Service]\nExecStart=old\n",
    [programOf(home)]:
      "#!/bin/sh\n# Written by openclaw. The agent of a host that has a shell and curl: it beats.\n",
    [credentialsPath(home)]: formatCredentials({ url: "https://old.example", agentId, secret }),
    [join(home, ".config/openclaw-agent/environment")]: "NO_PROXY=example.com\n",
  };
  for (const [path, text] of Object.entries(files)) await write(path, text, 0o600);
  await writeManifest(layoutIn(home));
  files[layoutIn(home).manifest] = await Deno.readTextFile(layoutIn(home).manifest);
  for (const state of ["running", "enabled"]) await write(join(home, "bin", state), "");
  return files;
}

test("openclaw service install where systemd cannot be asked → unexpected, and nothing is touched", () =>
  withSystemctl(async (home, service) => {
    await write(join(home, "bin/no-bus"), "");
    const { code, stdout, stderr } = await service(["install", ...flags], { stdin: secret });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(
      stderr,
      /^error: .*its manager does not answer: Failed to connect to bus: No medium found$/m,
    );
    assert.match(stderr, /^hint: start openclaw monitor/m);
    assert.deepEqual(await names(home), ["asked", "bin"]);
  }));

test("openclaw service install where a package brings a service of our name → conflict, and nothing is touched", () =>
  withSystemctl(async (home, service, asked) => {
    await write(join(home, "bin/fragment"), "/usr/lib/systemd/user/openclaw-agent.service");
    const { code, stderr } = await service(["install", ...flags], { stdin: secret });
    assert.equal(code, 5, stderr);
    assert.match(
      stderr,
      /another one of that name is in \/usr\/lib\/systemd\/user\/openclaw-agent\.service$/m,
    );
    assert.doesNotMatch(await asked(), /enable|restart|stop/);
    assert.deepEqual(await names(home), ["asked", "bin"]);
  }));

for (const step of ["daemon-reload", "enable", "restart"]) {
  test(`openclaw service install whose ${step} fails leaves nothing behind`, () =>
    withSystemctl(async (home, service, asked) => {
      await write(join(home, `bin/fail-${step}`), "");
      const { code, stderr } = await service(["install", ...flags], { stdin: secret });
      assert.equal(code, 1, stderr);
      assert.ok(stderr.includes(`Cannot run "systemctl --user ${step}`), stderr);
      assert.match(stderr, /^nothing was changed/m);
      assert.deepEqual(await filesIn(home), ["asked", "bin/systemctl"]);
      assert.deepEqual((await names(home)).filter((name) => name !== ".config"), ["asked", "bin"]);
      assert.match(await asked(), /daemon-reload\n--user reset-failed openclaw-agent.service\n$/);
    }));
}

test("openclaw service install over a service that runs, and that fails, leaves that one as it was", () =>
  withSystemctl(async (home, service) => {
    const before = await pretendInstaller(home);
    await write(join(home, "bin/fail-restart"), "");
    const { code, stderr } = await service(["install", ...flags], { stdin: secret });
    assert.equal(code, 1, stderr);
    for (const [path, text] of Object.entries(before)) assert.equal(await Deno.readTextFile(path), text);
    assert.deepEqual(await names(dirname(programOf(home))), ["openclaw-agent"]);
    assert.ok((await names(join(home, "bin"))).includes("running"));
  }));

test("openclaw service install over a service that runs, with a program that does not keep running, puts it back", () =>
  withSystemctl(async (home, service) => {
    const before = await pretendInstaller(home);
    await write(join(home, "bin/ends-at-once"), "");
    const { code, stderr } = await service(["install", ...flags], { stdin: secret });
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /^error: Cannot keep the service running: it is "inactive \(user\)" after its start$/m,
    );
    assert.match(stderr, /^nothing was changed/m);
    for (const [path, text] of Object.entries(before)) assert.equal(await Deno.readTextFile(path), text);
    assert.deepEqual(await names(dirname(programOf(home))), ["openclaw-agent"]);
    assert.ok((await names(join(home, "bin"))).includes("running"));
  }));

for (const state of ["stopped", "starting"]) {
  test(`openclaw service install over a service that is ${state}, with a program that does not keep running, puts it back`, () =>
    withSystemctl(async (home, service) => {
      const before = await pretendInstaller(home);
      await Deno.remove(join(home, "bin/running"));
      if (state === "starting") await write(join(home, "bin/starting"), "");
      await write(join(home, "bin/ends-at-once"), "");
      const { code, stderr } = await service(["install", ...flags], { stdin: secret });
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^error: Cannot keep the service running/m);
      assert.match(stderr, /^nothing was changed/m);
      for (const [path, text] of Object.entries(before)) assert.equal(await Deno.readTextFile(path), text);
      assert.deepEqual(await names(dirname(programOf(home))), ["openclaw-agent"]);
      assert.equal((await names(join(home, "bin"))).includes("running"), state === "starting");
    }));
}

test("openclaw service install whose copy of the old program cannot be dropped says so, and is done", () =>
  withSystemctl(async (home, service) => {
    await pretendInstaller(home);
    const old = `${programOf(home)}.openclaw-old`;
    await write(join(home, "bin/meanwhile"), `rm '${old}' && mkdir '${old}' && touch '${old}/held'\n`);
    const { code, stderr } = await service(["install", ...flags], { stdin: secret });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^warning: a copy of the program that was replaced stays: .*openclaw-old/m);
    assert.match(stderr, /^installed .*: active \(user\)$/m);
  }));

test("openclaw service install that cannot keep the old program touches nothing", () =>
  withSystemctl(async (home, service, asked) => {
    const before = await pretendInstaller(home);
    await write(`${programOf(home)}.openclaw-old/held`, "");
    const { code, stderr } = await service(["install", ...flags], { stdin: secret });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^error: Cannot keep a copy of ".*" as ".*openclaw-old": .*\nhint: /m);
    for (const [path, text] of Object.entries(before)) assert.equal(await Deno.readTextFile(path), text);
    assert.doesNotMatch(await asked(), /restart|stop/);
  }));

test("openclaw service install for the first time, with a program that does not keep running, leaves it to be looked at", () =>
  withSystemctl(async (home, service) => {
    await write(join(home, "bin/ends-at-once"), "");
    const { code, stderr } = await service(["install", ...flags], { stdin: secret });
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /^error: Cannot keep the service running[^\n]*\nhint: (deno task )?openclaw(-server)? service logs --user$/m,
    );
    assert.doesNotMatch(stderr, /nothing was changed/);
    assert.deepEqual(await names(dirname(programOf(home))), ["openclaw-agent"]);
    assert.match(await Deno.readTextFile(unitOf(home)), /^ExecStart=/m);
  }));

test("what an installation left that was cut off is gone after the next one, and after an uninstallation", () =>
  withSystemctl(async (home, service) => {
    const rests = [
      `${programOf(home)}.openclaw-new`,
      `${programOf(home)}.openclaw-old`,
      `${unitOf(home)}.openclaw-new`,
    ];
    const installers = [`${unitOf(home)}.openclaw-old`, `${programOf(home)}.openclaw-old.openclaw-new`];
    for (const args of [["install", ...flags], ["uninstall", "--user"]]) {
      if (args[0] === "uninstall") rests.push(...installers);
      for (const path of rests) await write(path, "half a prog");
      const { code, stderr } = await service(args, { stdin: secret });
      assert.equal(code, 0, stderr);
      for (const path of rests) await assert.rejects(Deno.lstat(path), Deno.errors.NotFound, path);
    }
  }));

test("openclaw service install takes over what an installer brought, with its environment", () =>
  withSystemctl(async (home, service) => {
    const before = await pretendInstaller(home);
    const { code, stderr } = await service(["install", "--user", "--url", "https://new.example"]);
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/^run systemctl --user restart openclaw-agent.service$/gm)?.length, 1);
    const path = layoutIn(home).environmentFile;
    assert.equal(await Deno.readTextFile(path), before[path]);
    const manifest = parseManifest(await Deno.readTextFile(layoutIn(home).manifest));
    assert.deepEqual(manifest?.files.get(unitOf(home)), [await sha256Of(unitOf(home))]);
    assert.deepEqual(manifest?.files.get(programOf(home)), [await sha256Of(programOf(home))]);
    assert.match(
      await Deno.readTextFile(unitOf(home)),
      new RegExp(`^EnvironmentFile=-${home}/.config/openclaw-agent/environment$`, "m"),
    );
    assert.equal(
      await Deno.readTextFile(credentialsPath(home)),
      formatCredentials({ url: "https://new.example", agentId, secret }),
    );
    assert.deepEqual(await names(dirname(programOf(home))), ["openclaw-agent"]);
    assert.equal(((await Deno.stat(programOf(home))).mode ?? 0) & 0o777, 0o755);
  }));

test("openclaw service install says which variables of the shell the service does not see, and where they go", () =>
  withSystemctl(async (home, service) => {
    const env = { HTTPS_PROXY: "http://127.0.0.1:9", NO_PROXY: "" };
    const { code, stderr } = await service(["install", ...flags], { stdin: secret, env });
    assert.equal(code, 0, stderr);
    const warning = /^warning: the service does not see HTTPS_PROXY of this shell: .* goes into (.*)$/m;
    assert.equal(warning.exec(stderr)?.[1], join(home, ".config/openclaw-agent/environment"));
  }));
