import assert from "node:assert/strict";
import { join } from "node:path";
import { formatCredentials } from "../../../cli/identity/credentials.ts";
import { defineService } from "../../../cli/service/definition.ts";
import { decodeDefinition, encodeDefinition } from "../../../cli/service/stored_definition.ts";
import { type ServiceLayout, serviceLayout } from "../../../cli/service/layout.ts";
import { isOurTask } from "../../../cli/service/definition/task.ts";
import { stateAt } from "../../../cli/service/state.ts";
import { endSteps, installSteps, restoreSteps } from "../../../cli/service/steps.ts";
import { withFolder } from "../../_support/server.ts";
import { credentialsPath } from "../../_support/program.ts";
import { writeManifest } from "../../_support/manifest.ts";
import { withSystemctl } from "../../_support/systemctl.ts";
import { agentId, agentSecret as secret } from "../../_support/vectors.ts";

const pem = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
const linux = Deno.build.os === "linux";
const manifest = { during: "{}", after: "{}" };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !linux, fn });
}

function windows(): ServiceLayout {
  const variables: Record<string, string> = {
    USERPROFILE: "C:\\Users\\x",
    USERDOMAIN: "HOST",
    USERNAME: "x",
  };
  return serviceLayout((name) => variables[name], { os: "windows", user: true, uid: 0 });
}

const strangers = {
  "one that says that openclaw wrote it": "# Written by openclaw gateway 2.1\n[Service]\n",
  "one like ours, without a manifest": defineService(
    serviceLayout(() => "/x", { os: "linux", user: true, uid: 0 }),
  ),
  "an empty one": "",
};
for (const [what, text] of Object.entries(strangers)) {
  test(`somebody else's unit is a conflict, and stays as it is: ${what}`, () =>
    withSystemctl(async (home, service, asked) => {
      const unit = join(home, ".config/systemd/user/openclaw-agent.service");
      await Deno.mkdir(join(unit, ".."), { recursive: true });
      await Deno.writeTextFile(unit, text);
      for (const args of [["install", "--user", "--dry-run"], ["uninstall", "--user"], ["logs", "--user"]]) {
        const { code, stderr } = await service(args);
        assert.equal(code, 5, stderr);
        assert.match(stderr, /this agent did not install it/);
      }
      assert.equal((await service(["status", "--user"])).code, 4);
      assert.equal(await Deno.readTextFile(unit), text);
      assert.equal(await asked(), "");
    }));
}

test("a link to nowhere where the unit should be is a conflict", () =>
  withSystemctl(async (home, service) => {
    const unit = join(home, ".config/systemd/user/openclaw-agent.service");
    await Deno.mkdir(join(unit, ".."), { recursive: true });
    await Deno.symlink("/nowhere/openclaw-agent.service", unit);
    assert.equal((await service(["uninstall", "--user"])).code, 5);
    assert.equal(await Deno.readLink(unit), "/nowhere/openclaw-agent.service");
  }));

Deno.test("the Windows task starts for its user only, and is known as ours by its description", () => {
  const task = defineService(windows());
  assert.equal(task.match(/<UserId>HOST\\x<\/UserId>/g)?.length, 2);
  // The scheduler counts restarts in a byte.
  assert.match(task, /<Count>255<\/Count>/);
  assert.ok(isOurTask(task));
  assert.ok(isOurTask(task.replaceAll('"', "&quot;")));
  assert.ok(!isOurTask(task.replace("Written by openclaw", "Written by openclaw gateway")));
});

Deno.test("the Windows task is stored as UTF-16, as its declaration says", () => {
  const bytes = encodeDefinition(defineService(windows()), true);
  assert.deepEqual([...bytes.subarray(0, 4)], [0xff, 0xfe, 0x3c, 0]);
  const text = new TextDecoder("utf-16le").decode(bytes);
  assert.match(text, /^<\?xml version="1.0" encoding="UTF-16"\?>\r\n/);
  assert.equal(decodeDefinition(bytes).replaceAll("\r\n", "\n"), defineService(windows()));
});

Deno.test("on Windows, the task is ended before its program is replaced", () => {
  const steps = installSteps(windows(), "C:\\download.exe", { storesCredentials: true, manifest });
  const names = steps.map((step) => step.do === "run" ? step.words[1] : step.do);
  assert.deepEqual(names.slice(0, 3), ["write manifest", "/End", "copy program"]);
});

Deno.test("on macOS, a job is bootstrapped once its last one is gone", () => {
  const place = serviceLayout(() => "/Users/x", { os: "darwin", user: true, uid: 501 });
  const steps = installSteps(place, "/tmp/openclaw", { storesCredentials: false, manifest });
  const names = steps.map((step) => step.do === "run" ? step.words[1] : step.do);
  assert.deepEqual(names.slice(-4), ["bootout", "wait until gone", "bootstrap", "write manifest"]);
});

const answers = [
  {
    os: "darwin",
    output: "dev.openclaw.agent = {\n\tstate = running\n}",
    code: 0,
    running: true,
    started: true,
    text: "running (user)",
  },
  {
    os: "darwin",
    output: "x = {\n\tstate = spawn scheduled\n}",
    code: 0,
    running: false,
    started: true,
    text: "spawn scheduled (user)",
  },
  {
    os: "darwin",
    output: "Could not find service",
    code: 113,
    running: false,
    started: false,
    text: "not loaded (user)",
  },
  { os: "windows", output: "Running", code: 0, running: true, started: true, text: "running (user)" },
  { os: "windows", output: "Ready", code: 0, running: false, started: false, text: "ready (user)" },
  { os: "windows", output: "", code: 1, running: false, started: false, text: "not loaded (user)" },
  { os: "linux", output: "active", code: 0, running: true, started: true, text: "active (user)" },
  { os: "linux", output: "activating", code: 3, running: false, started: true, text: "activating (user)" },
  { os: "linux", output: "failed", code: 3, running: false, started: false, text: "failed (user)" },
] as const;
for (const { os, output, code, running, started, text } of answers) {
  Deno.test(`a service of ${os} of which its manager says "${output}" ${running ? "runs" : "does not run"}`, () =>
    withFolder(async (folder) => {
      const unit = join(folder, "definition");
      const place: ServiceLayout = {
        ...(os === "windows" ? windows() : serviceLayout(() => folder, { os, user: true, uid: 1 })),
        unit,
        manifest: join(folder, "install.json"),
      };
      await Deno.writeFile(unit, encodeDefinition(defineService(place), os === "windows"));
      await writeManifest(place);
      const state = await stateAt(place, () => Promise.resolve({ code, output }));
      assert.deepEqual(state, { installed: true, running, started, text });
    }));
}

/** What an installation that failed asks of the manager: to end what it started, and then to have what was there. */
const undone = [
  {
    os: "linux",
    first: [["stop", "disable"], ["daemon-reload", "reset-failed"]],
    stopped: [["stop"], ["daemon-reload", "reset-failed"]],
    started: [["stop"], ["daemon-reload", "reset-failed", "enable", "restart"]],
  },
  {
    os: "darwin",
    first: [["bootout"], []],
    stopped: [["bootout"], []],
    started: [["bootout"], ["bootout", "bootstrap"]],
  },
  {
    os: "windows",
    first: [["/End", "/Delete"], []],
    stopped: [["/End"], ["/Create"]],
    started: [["/End"], ["/Create", "/End", "/Run"]],
  },
] as const;
for (const { os, ...cases } of undone) {
  for (const [what, [ends, restores]] of Object.entries(cases)) {
    Deno.test(`on ${os}, an installation that failed over a service that was ${what} is undone, and never by force`, () => {
      const place = os === "windows" ? windows() : serviceLayout(() => "/home/x", { os, user: true, uid: 1 });
      const before = { isDefined: what !== "first", wasStarted: what === "started" };
      const asked = [endSteps(place, before), restoreSteps(place, before)].map((steps) =>
        steps.flatMap((step) => {
          assert.ok(step.do !== "run" || step.mayFail);
          return step.do === "run" ? step.words.slice(1).filter((word) => word !== "--user").slice(0, 1) : [];
        })
      );
      assert.deepEqual(asked, [ends, restores]);
    });
  }
}

const stored = ["install", "--user", "--dry-run"];

async function store(home: string, url: string): Promise<void> {
  await Deno.mkdir(join(credentialsPath(home), ".."), { recursive: true });
  await Deno.writeTextFile(credentialsPath(home), formatCredentials({ url, agentId, secret }), {
    mode: 0o600,
  });
}

test("openclaw service install takes --url where the credentials are stored already", () =>
  withSystemctl(async (home, service) => {
    await store(home, "https://old.example");
    assert.doesNotMatch((await service(stored)).stdout, /write the credentials/);
    const same = await service([...stored, "--url", "https://old.example/"]);
    assert.doesNotMatch(same.stdout, /write the credentials/);
    const { code, stdout } = await service([...stored, "--url", "https://new.example"]);
    assert.equal(code, 0);
    assert.match(stdout, /^write the credentials to /m);
  }));

const refused = [
  { what: "an address that is none", args: ["--url", "ftp://nonsense"], says: /Cannot use the URL/ },
  {
    what: "plain http to another host",
    args: ["--url", "http://fleet.example"],
    says: /http is not encrypted/,
  },
  {
    what: "certificates that are not there",
    args: ["--ca-file", "/nowhere/ca.pem"],
    says: /Cannot read the certificates/,
  },
  {
    what: "an age for its secret that is too small",
    args: ["--rotate-every", "5m"],
    says: /Cannot use "5m" for --rotate-every/,
  },
];
for (const { what, args, says } of refused) {
  test(`openclaw service install with stored credentials and ${what} → usage`, () =>
    withSystemctl(async (home, service) => {
      await store(home, "https://old.example");
      const { code, stdout, stderr } = await service([...stored, ...args]);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, says);
    }));
}

test("openclaw service install with stored credentials that are malformed → usage, and what mends it", () =>
  withSystemctl(async (home, service) => {
    await store(home, "https://old.example");
    await Deno.writeTextFile(credentialsPath(home), '{"agent_secret": 5}');
    const { code, stderr } = await service(stored);
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /^hint: (deno task )?openclaw(-server)? service install --url .* --agent-id .* --agent-secret-file -$/m,
    );
  }));

test("openclaw service install hands --ca-file and --insecure-http to the monitor, and again when repeated", () =>
  withSystemctl(async (home, service) => {
    await store(home, "http://fleet.example");
    await Deno.writeTextFile(join(home, "my ca.pem"), pem);
    const { stdout, stderr } = await service([...stored, "--ca-file", "my ca.pem", "--insecure-http"]);
    const line =
      `ExecStart=/usr/bin/env "${home}/.local/bin/openclaw-agent" monitor "--ca-file=${home}/my ca.pem" "--insecure-http"`;
    assert.ok(stdout.includes(`    ${line}\n`), stdout + stderr);
    const unit = join(home, ".config/systemd/user/openclaw-agent.service");
    await Deno.mkdir(join(unit, ".."), { recursive: true });
    const text = /^write .*openclaw-agent\.service:\n([^]*?)^run/m.exec(stdout)?.[1] ?? "";
    await Deno.writeTextFile(unit, text.replace(/^ {4}/gm, ""));
    await writeManifest(
      serviceLayout((name) => name === "HOME" ? home : undefined, { os: "linux", user: true, uid: 0 }),
    );
    assert.ok((await service(stored)).stdout.includes(line));
    const moved = await service([...stored, "--url", "https://fleet.example"]);
    assert.ok(moved.stdout.includes(line.replace(' "--insecure-http"', "\n")), moved.stderr);
  }));

test("the system's service is not given certificates that it could not read", () =>
  withSystemctl(async (home, service) => {
    const hidden = join(home, "ca.pem");
    await Deno.writeTextFile(hidden, pem);
    const args = ["install", "--dry-run", "--url", "https://fleet.example", "--agent-id", agentId];
    const identity = { stdin: secret };
    const install = (path: string) =>
      service([...args, "--agent-secret-file", "-", "--ca-file", path], identity);
    const { code, stderr } = await install(hidden);
    assert.equal(code, 2);
    assert.match(stderr, /the service does not see what is in \/tmp$/m);
    assert.ok(stderr.includes(`hint: sudo install -m 644 '${hidden}' /etc/ssl/openclaw-ca.pem`));
    const folder = await Deno.makeTempDir({ dir: "/opt" });
    try {
      await Deno.writeTextFile(join(folder, "ca.pem"), pem);
      assert.match(
        (await install(join(folder, "ca.pem"))).stderr,
        /may not read it: ".*" is closed to others/,
      );
      await Deno.chmod(folder, 0o755);
      const open = await install(join(folder, "ca.pem"));
      assert.ok(open.stdout.includes(`monitor "--ca-file=${folder}/ca.pem"\n`), open.stderr);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }));
