import assert from "node:assert/strict";
import { join } from "node:path";
import { formatCredentials } from "../../../cli/identity/credentials.ts";
import { defineService } from "../../../cli/service/definition.ts";
import { encodeDefinition } from "../../../cli/service/stored_definition.ts";
import { earlierOptions, noOptions } from "../../../cli/service/options.ts";
import { type Ask, perform } from "../../../cli/service/perform.ts";
import { type ServiceLayout, serviceLayout } from "../../../cli/service/layout.ts";
import { logCommand, managerCommands } from "../../../cli/service/manager_commands.ts";
import { installSteps, uninstallSteps } from "../../../cli/service/steps.ts";
import { withFolder } from "../../_support/server.ts";
import { testCompiled } from "../../_support/require.ts";
import { testWith } from "../../_support/tools.ts";
import { credentialsPath, isBinary } from "../../_support/program.ts";
import { manifestFor } from "../../_support/manifest.ts";
import { filesIn, names, withSystemctl } from "../../_support/systemctl.ts";
import { agentId, agentSecret as secret } from "../../_support/vectors.ts";

const linux = Deno.build.os === "linux";
const strange = { ...noOptions, caFile: `/etc/a "b" 100% $HOME \\ <&>/ca.pem`, insecureHttp: true };
const flags = ["--user", "--url", "https://fleet.example", "--agent-id", agentId, "--agent-secret-file", "-"];

function place(os: typeof Deno.build.os, user: boolean, home = "/home/a b&c"): ServiceLayout {
  const variables: Record<string, string> = {
    HOME: home,
    USERPROFILE: "C:\\Users\\a&b",
    APPDATA: "C:\\Users\\a&b\\Roaming",
    USERDOMAIN: "HOST",
    USERNAME: "a&b",
  };
  return serviceLayout((name) => variables[name], { os, user, uid: 1000 });
}

/** A test of the compiled program on Linux. */
function test(name: string, fn: () => Promise<void>): void {
  if (linux) testCompiled(name, fn);
  else Deno.test.ignore(name, fn);
}

/** A host's own program; null where there is none. */
async function host(
  program: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; output: string } | null> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(program, { args, env }).output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

const manifest = { during: "{}", after: "{}" };
const places = [["linux", false], ["linux", true], ["darwin", false], ["darwin", true], [
  "windows",
  true,
]] as const;

for (const user of [false, true]) {
  testWith(
    ["systemd-analyze"],
    `systemd takes the ${user ? "user's" : "system's"} unit without a complaint`,
    () =>
      withFolder(async (folder) => {
        const program = join(folder, "a program");
        await Deno.writeTextFile(program, "#!/bin/sh\n", { mode: 0o755 });
        const unit = join(folder, "openclaw-agent.service");
        await Deno.writeTextFile(unit, defineService({ ...place("linux", user), program }, strange));
        const verified = await host("systemd-analyze", ["verify", ...(user ? ["--user"] : []), unit], {
          XDG_RUNTIME_DIR: folder,
        });
        assert.equal(verified?.code, 0, verified?.output);
        const complaints = verified?.output.split("\n").filter((line) =>
          line.includes("openclaw-agent.service")
        );
        assert.deepEqual(complaints, []);
      }),
  );
}

testWith(
  ["systemd-analyze"],
  "systemd finds the system's unit well protected",
  () =>
    withFolder(async (folder) => {
      const unit = join(folder, "openclaw-agent.service");
      await Deno.writeTextFile(unit, defineService(place("linux", false)));
      const judged = await host("systemd-analyze", ["security", "--offline=true", "--threshold=20", unit]);
      assert.equal(judged?.code, 0, judged?.output.split("\n").slice(-3).join("\n"));
    }),
);

testWith(
  ["python3"],
  "a property list parser reads what launchd would, with every path as it is",
  () =>
    withFolder(async (folder) => {
      const path = join(folder, "x.plist");
      await Deno.writeTextFile(path, defineService(place("darwin", true), strange));
      const script = "import json,plistlib,sys; print(json.dumps(plistlib.load(open(sys.argv[1],'rb'))))";
      const read = JSON.parse((await host("python3", ["-c", script, path]))?.output ?? "");
      assert.equal(read.Label, "dev.openclaw.agent");
      assert.equal(read.KeepAlive, true);
      assert.deepEqual(read.ProgramArguments.slice(0, 2), [
        "/home/a b&c/.local/bin/openclaw-agent",
        "monitor",
      ]);
      assert.equal(read.Umask, 0o077);
      assert.deepEqual(read.ProgramArguments.slice(-2), [`--ca-file=${strange.caFile}`, "--insecure-http"]);
    }),
);

testWith(
  ["python3"],
  "an XML parser reads what the Windows scheduler would, with every path as it is",
  () =>
    withFolder(async (folder) => {
      const path = join(folder, "x.xml");
      await Deno.writeFile(path, encodeDefinition(defineService(place("windows", true)), true));
      const script = `import sys, xml.etree.ElementTree as e
n = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
r = e.parse(sys.argv[1]).getroot()
print(r.find(".//t:Command", n).text); print(r.find(".//t:Arguments", n).text); print(r.find(".//t:ExecutionTimeLimit", n).text)`;
      const lines = (await host("python3", ["-c", script, path]))?.output.trimEnd().split("\n");
      assert.deepEqual(lines, [
        "C:\\Users\\a&b\\AppData\\Local\\openclaw-agent\\openclaw-agent.exe",
        'monitor --quiet --log-file "C:\\Users\\a&b\\Roaming\\openclaw-agent\\openclaw.log"',
        "PT0S",
      ]);
    }),
);

for (const [os, user] of places) {
  Deno.test(`the service of ${os} (${user ? "user" : "system"}) has no secret`, () => {
    const here = place(os, user);
    const steps = JSON.stringify(installSteps(here, "/tmp/openclaw", { storesCredentials: true, manifest }));
    assert.doesNotMatch(steps, /ocs_/);
    assert.ok(managerCommands(here).state.length > 2);
    assert.ok(logCommand(here, { lines: 5, follow: true }).length > 2);
  });

  Deno.test(`uninstalling on ${os} (${user ? "user" : "system"}) removes what installing wrote`, async () => {
    const here = place(os, user);
    const listed = await manifestFor(here);
    const removed = uninstallSteps(here, {
      manifest: listed,
      keepCredentials: false,
      asksManager: true,
      self: "/tmp/openclaw",
    })
      .flatMap((step) =>
        step.do === "remove" || step.do === "remove manifest"
          ? [step.path]
          : step.do === "remove own files"
          ? [step.folder]
          : []
      );
    for (const step of installSteps(here, "/tmp/openclaw", { storesCredentials: true, manifest })) {
      if (step.do === "write" || step.do === "write manifest") assert.ok(removed.includes(step.path));
      if (step.do === "write credentials") {
        assert.ok(removed.some((path) => step.path.startsWith(path)), step.path);
      }
      if (step.do === "copy program") assert.ok(removed.includes(step.to));
    }
  });

  Deno.test(`a definition of ${os} (${user ? "user" : "system"}) tells later what it was told`, () => {
    const caFile = os === "windows" ? "C:\\a b & c\\100%\\ca.pem" : strange.caFile;
    for (
      const options of [noOptions, { ...noOptions, caFile: "/etc/ca.pem" }, {
        ...noOptions,
        caFile,
        insecureHttp: true,
      }]
    ) {
      assert.deepEqual(earlierOptions(defineService(place(os, user), options), os), options);
    }
  });
}

Deno.test({
  name: "credentials of a service that has run belong to its user",
  ignore: !linux || Deno.uid() !== 0,
  fn: () =>
    withFolder(async (folder) => {
      await Deno.chown(folder, 12_345, 12_345);
      const path = join(folder, "credentials.json");
      const stored = { url: "https://fleet.example", agentId, secret };
      const ask: Ask = () => Promise.reject(new Error("nobody is to be asked"));
      await perform({ do: "write credentials", path }, { ask, credentials: stored });
      const { uid, mode } = await Deno.stat(path);
      assert.deepEqual([uid, (mode ?? 0) & 0o777], [12_345, 0o600]);
      assert.equal(await Deno.readTextFile(path), formatCredentials(stored));
    }),
});

Deno.test({
  name: "openclaw service install --dry-run shows every step and does none",
  ignore: !linux,
  fn: () =>
    withSystemctl(async (home, service, asked) => {
      const { code, stdout, stderr } = await service(["install", ...flags, "--dry-run"], { stdin: secret });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^write .*openclaw-agent.service:$/m);
      assert.match(stdout, /^run systemctl --user enable openclaw-agent.service$/m);
      assert.ok(!stdout.includes(secret.slice(4, 40)));
      assert.equal(await asked(), "");
      assert.deepEqual(await names(home), ["asked", "bin"]);
    }),
});

Deno.test({
  name: "openclaw service install from source → usage, and nothing is done",
  ignore: !linux || isBinary,
  fn: () =>
    withSystemctl(async (home, service, asked) => {
      const { code, stderr } = await service(["install", ...flags], { stdin: secret });
      assert.equal(code, 2);
      assert.match(stderr, /it needs the compiled program/);
      assert.equal(await asked(), "");
      assert.deepEqual(await names(home), ["asked", "bin"]);
    }),
});

Deno.test({
  name: "a unit that somebody else wrote is neither replaced nor removed",
  ignore: !linux,
  fn: () =>
    withSystemctl(async (home, service, asked) => {
      const unit = join(home, ".config/systemd/user/openclaw-agent.service");
      await Deno.mkdir(join(unit, ".."), { recursive: true });
      await Deno.writeTextFile(unit, "[Service]\nExecStart=/usr/bin/other-openclaw\n");
      for (const args of [["install", ...flags], ["uninstall", "--user"], ["logs", "--user"]]) {
        const { code, stderr } = await service(args, { stdin: secret });
        assert.equal(code, 5, stderr);
        assert.match(stderr, /this agent did not install it/);
      }
      assert.equal(await Deno.readTextFile(unit), "[Service]\nExecStart=/usr/bin/other-openclaw\n");
      assert.equal(await asked(), "");
    }),
});

Deno.test({
  name: "another program called openclaw is neither replaced nor removed",
  ignore: !linux,
  fn: () =>
    withSystemctl(async (home, service, asked) => {
      const program = join(home, ".local/bin/openclaw-agent");
      await Deno.mkdir(join(program, ".."), { recursive: true });
      await Deno.writeTextFile(program, "#!/bin/sh\necho another\n", { mode: 0o755 });
      const args = isBinary ? [["install", ...flags], ["uninstall", "--user"]] : [["uninstall", "--user"]];
      for (const one of args) {
        const { code, stderr } = await service(one, { stdin: secret });
        assert.equal(code, 5, stderr);
        assert.match(stderr, /this agent did not install it/);
      }
      assert.equal(await Deno.readTextFile(program), "#!/bin/sh\necho another\n");
      assert.equal(await asked(), "");
    }),
});

Deno.test({
  name: "the service of a host without one: status → not found, logs → not found, uninstall leaves nothing",
  ignore: !linux,
  fn: () =>
    withSystemctl(async (_home, service) => {
      assert.equal((await service(["status", "--user"])).code, 4);
      assert.equal((await service(["logs", "--user"])).code, 4);
      const { code, stderr } = await service(["uninstall", "--user"]);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /nothing is left/);
    }),
});

test("a service that ends as soon as it was started → unexpected, and the way to its lines", () =>
  withSystemctl(async (home, service) => {
    const script = '#!/bin/sh\ncase "$*" in *is-active*) echo activating; exit 3;; esac\n';
    await Deno.writeTextFile(join(home, "bin/systemctl"), script);
    const { code, stdout, stderr } = await service(["install", ...flags], { stdin: secret });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(
      stderr,
      /^error: Cannot keep the service running: it is "activating \(user\)" after its start$/m,
    );
    assert.match(stderr, /^hint: (deno task )?openclaw(-server)? service logs --user$/m);
  }));

test("the compiled program installs itself twice, tells its state, and uninstalls itself without a trace", () =>
  withSystemctl(async (home, service, asked) => {
    for (const args of [["install", ...flags], ["install", "--user"]]) {
      const { code, stderr } = await service(args, { stdin: secret });
      assert.equal(code, 0, stderr);
    }
    assert.equal(JSON.parse(await Deno.readTextFile(credentialsPath(home))).agent_id, agentId);
    const program = join(home, ".local/bin/openclaw-agent");
    assert.equal((await host(program, ["--version"]))?.code, 0);
    const state = await service(["status", "--user"]);
    assert.deepEqual([state.code, state.stdout], [0, "active (user)\n"]);
    const { code, stderr } = await service(["uninstall", "--user"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /looked again: nothing is left/);
    assert.deepEqual(await filesIn(home), ["asked", "bin/systemctl"]);
    assert.doesNotMatch(stderr, /kept/);
    assert.match(
      await asked(),
      /--user restart openclaw-agent.service[^]*--user stop openclaw-agent.service\n--user disable openclaw-agent.service/,
    );
  }));
