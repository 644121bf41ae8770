import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { formatCredentials } from "../../../cli/identity/credentials.ts";
import { defineService } from "../../../cli/service/definition.ts";
import { serviceLayout } from "../../../cli/service/layout.ts";
import { credentialsPath, sessionPath } from "../../_support/program.ts";
import { writeManifest } from "../../_support/manifest.ts";
import { filesIn, withSystemctl } from "../../_support/systemctl.ts";
import { testWith } from "../../_support/tools.ts";
import { agentId, agentSecret as secret } from "../../_support/vectors.ts";

const credentials = formatCredentials({ url: "https://fleet.example", agentId, secret });
const scriptAgent =
  "#!/bin/sh\n# Written by openclaw. The agent of a host that has a shell and curl: it beats.\n";

function placeIn(home: string) {
  return serviceLayout((name) => name === "HOME" ? home : undefined, { os: "linux", user: true, uid: 1000 });
}

async function write(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text);
}

/** A service as it is when it runs, with a program that an installer brought. */
async function pretendInstalled(home: string): Promise<void> {
  const { unit, program } = placeIn(home);
  await write(unit, defineService(placeIn(home)));
  await write(program, scriptAgent);
  await write(credentialsPath(home), credentials);
  await write(sessionPath(home), '{"version":1,"received_at":"2026-11-23T12:00:00Z"}');
  await writeManifest(placeIn(home));
  for (const state of ["running", "enabled"]) await write(join(home, "bin", state), "");
  await Deno.mkdir(join(dirname(unit), "default.target.wants"));
  await Deno.symlink(unit, join(dirname(unit), "default.target.wants/openclaw-agent.service"));
}

const linux = Deno.build.os === "linux";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !linux, fn });
}

test("openclaw service uninstall removes its own files and keeps another program's beside them", () =>
  withSystemctl(async (home, service) => {
    await pretendInstalled(home);
    const config = dirname(credentialsPath(home));
    const state = dirname(sessionPath(home));
    const ours = [
      `credentials.json.${agentId}`,
      "install.json.openclaw-old",
      "credentials.json.openclaw-new",
    ];
    for (const name of ours) await write(join(config, name), "half");
    await write(join(state, `monitor-${agentId}.lock`), "");
    const others = [
      join(config, "environment"),
      join(config, "openclaw.json"),
      join(config, "plugins/credentials.json"),
      join(config, "openclaw.log"),
      join(state, "monitor-me.lock"),
      join(state, "session.json.bak"),
    ];
    for (const path of others) await write(path, "{}");
    const { code, stderr } = await service(["uninstall", "--user"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^looked again: nothing is left$/m);
    assert.match(
      stderr,
      /^kept; remove it yourself if you do not need it: .*openclaw\.json.*session\.json\.bak/m,
    );
    assert.deepEqual(
      await filesIn(home),
      [...others.map((path) => path.slice(home.length + 1)), "asked", "bin/systemctl"].sort(),
    );
  }));

test("openclaw service uninstall on a host that has only another openclaw removes nothing of it", () =>
  withSystemctl(async (home, service) => {
    const config = dirname(credentialsPath(home));
    const others = ["credentials.json", "session.json", "gateway.json", "workspace/notes.md"];
    for (const name of others) await write(join(config, name), '{"apiKey": "theirs"}');
    const { code, stdout } = await service(["uninstall", "--user", "--json"]);
    assert.equal(code, 0);
    const { removed, left, kept } = JSON.parse(stdout);
    assert.deepEqual([removed, left], [true, []]);
    assert.deepEqual(
      kept.sort(),
      ["credentials.json", "gateway.json", "session.json", "workspace"].map((name) => join(config, name)),
    );
    assert.deepEqual((await filesIn(config)).length, others.length);
  }));

test("openclaw service uninstall --dry-run names the files, asks nobody, and removes nothing", () =>
  withSystemctl(async (home, service, asked) => {
    await pretendInstalled(home);
    const before = await filesIn(home);
    const { code, stdout } = await service(["uninstall", "--user", "--dry-run"]);
    assert.equal(code, 0);
    assert.match(stdout, /^remove this agent's own files in .*, and the folder if nothing else is there$/m);
    assert.match(stdout, /^ {4}credentials\.json$/m);
    assert.equal(await asked(), "");
    assert.deepEqual(await filesIn(home), before);
  }));

test("openclaw service uninstall --keep-credentials says what it leaves", () =>
  withSystemctl(async (home, service) => {
    await pretendInstalled(home);
    const { code, stderr } = await service(["uninstall", "--user", "--keep-credentials"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^looked again: nothing is left but the credentials$/m);
    assert.deepEqual(await filesIn(home), [
      ".config/openclaw-agent/credentials.json",
      ".local/state/openclaw-agent/session.json",
      "asked",
      "bin/systemctl",
    ]);
  }));

test("a service whose unit was removed by hand is still stopped, and its link removed", () =>
  withSystemctl(async (home, service) => {
    await pretendInstalled(home);
    await Deno.remove(placeIn(home).unit);
    const { code, stderr } = await service(["uninstall", "--user"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^looked again: nothing is left$/m);
    assert.deepEqual(await filesIn(home), ["asked", "bin/systemctl"]);
  }));

test("a service that does not stop is what is left → unexpected", () =>
  withSystemctl(async (home, service) => {
    await pretendInstalled(home);
    await write(join(home, "bin/disobeys"), "");
    const { code, stdout } = await service(["uninstall", "--user", "--json"]);
    assert.equal(code, 1);
    assert.deepEqual(JSON.parse(stdout), { removed: false, left: ['the service, "active"'], kept: [] });
  }));

test("what an installation left and cannot be removed is what is left → unexpected, and the secret is gone", () =>
  withSystemctl(async (home, service) => {
    await pretendInstalled(home);
    const held = `${placeIn(home).program}.openclaw-old`;
    await write(join(held, "held"), "");
    const { code, stdout } = await service(["uninstall", "--user", "--json"]);
    assert.equal(code, 1);
    assert.deepEqual(JSON.parse(stdout), { removed: false, left: [held], kept: [] });
    assert.deepEqual(await filesIn(home), [
      `${held.slice(home.length + 1)}/held`,
      "asked",
      "bin/systemctl",
    ]);
  }));

test("a link to another unit of our name is not ours to remove", () =>
  withSystemctl(async (home, service) => {
    await pretendInstalled(home);
    const link = join(home, ".config/systemd/user/default.target.wants/openclaw-agent.service");
    await Deno.remove(placeIn(home).unit);
    await Deno.remove(link);
    await Deno.symlink("/usr/lib/systemd/user/openclaw-agent.service", link);
    await write(join(home, "bin/fragment"), "/usr/lib/systemd/user/openclaw-agent.service");
    const { code, stderr } = await service(["uninstall", "--user"]);
    assert.equal(code, 0, stderr);
    assert.equal(await Deno.readLink(link), "/usr/lib/systemd/user/openclaw-agent.service");
  }));

test("openclaw service uninstall leaves a packaged service of our name alone", () =>
  withSystemctl(async (home, service, asked) => {
    await pretendInstalled(home);
    await Deno.remove(placeIn(home).unit);
    await write(join(home, "bin/fragment"), "/usr/lib/systemd/user/openclaw-agent.service");
    const { code, stderr } = await service(["uninstall", "--user"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^warning: .*another one, in \/usr\/lib\/systemd\/user\/openclaw-agent\.service$/m);
    assert.doesNotMatch(await asked(), /stop|disable/);
    assert.ok((await filesIn(home)).includes("bin/running"));
  }));

for (const how of ["no bus", "no systemctl"]) {
  test(`openclaw service uninstall where there is ${how} says so, and removes the files`, () =>
    withSystemctl(async (home, service) => {
      await pretendInstalled(home);
      for (const name of ["running", "enabled"]) await Deno.remove(join(home, "bin", name));
      if (how === "no bus") await write(join(home, "bin/no-bus"), "");
      const env = how === "no bus" ? {} : { PATH: dirname(Deno.execPath()) };
      const { code, stderr } = await service(["uninstall", "--user"], { env });
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^warning: the service manager is not asked to stop it: .*(bus|no systemctl)/m);
      assert.match(stderr, /^looked again: no file is left$/m);
      const left = (await filesIn(home)).filter((path) => !path.startsWith("bin/"));
      assert.deepEqual(left, ["asked"]);
    }));
}

testWith(
  linux ? ["ps"] : ["a Linux"],
  "without a service manager, a monitor that still runs is what is left → unexpected",
  () =>
    withSystemctl(async (home, service) => {
      await pretendInstalled(home);
      await write(join(home, "bin/no-bus"), "");
      const { program } = placeIn(home);
      await Deno.writeTextFile(program, `${scriptAgent}read line\n`);
      await writeManifest(placeIn(home));
      const monitor = new Deno.Command("/bin/sh", { args: [program, "monitor"], stdin: "piped" }).spawn();
      try {
        const { code, stderr } = await service(["uninstall", "--user"]);
        assert.equal(code, 1, stderr);
        assert.ok(stderr.includes(`still there: process ${monitor.pid} /bin/sh ${program} monitor`), stderr);
      } finally {
        await monitor.stdin.close();
        await monitor.status;
      }
    }),
);

test("the host's own programs see the variables of another openclaw, and no secret of ours", () =>
  withSystemctl(async (home, service) => {
    await write(join(home, "bin/systemctl"), '#!/bin/sh\nenv >>"$HOME/seen"\nexit 1\n');
    const env = { OPENCLAW_AGENT_SECRET: secret, OPENCLAW_GATEWAY_TOKEN: "theirs" };
    await service(["uninstall", "--user"], { env });
    const seen = await Deno.readTextFile(join(home, "seen"));
    assert.match(seen, /^OPENCLAW_GATEWAY_TOKEN=theirs$/m);
    assert.doesNotMatch(seen, /OPENCLAW_AGENT|ocs_/);
  }));
