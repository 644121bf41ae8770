import assert from "node:assert/strict";
import { join } from "node:path";
import { installerFileName } from "../../../../cli/operator/installer_folder.ts";
import { shellQuote } from "../../../../cli/host/shell_quote.ts";
import { type FakeService, refusal, startFakeService } from "../../../_support/fake_service.ts";
import { namesIn } from "../../../_support/home.ts";
import { ownEnvironment, type Run, start } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { run as runProgram } from "../../../_support/run.ts";
import { openclaw, temporaryFolder } from "../../../_support/server.ts";
import { testWith } from "../../../_support/tools.ts";
import { until } from "../../../_support/wait.ts";

const unix = Deno.build.os === "windows" ? ["the signals and modes of Unix"] : [];

async function create(fleet: FakeService, home: string, args: string[], stdin?: string): Promise<Run> {
  return await runInSession(["agents", "create", ...args], {
    home,
    env: fleet.env,
    ...(stdin === undefined ? {} : { stdin }),
  });
}

Deno.test("openclaw agents create prints each secret on a line of its own, and a line without it that asks for it", async () => {
  await using home = await temporaryFolder();
  await using fleet = startFakeService({ publicUrl: "https://fleet.example" });
  const args = ["web-1", "web-2", "--label", "role:web:1", "--interval", "30s"];
  const { code, stdout, stderr } = await create(fleet, home.path, args);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "made 2 agents\n");
  const blocks = stdout.trim().split("\n\n").map((block) => block.split("\n"));
  assert.deepEqual(blocks.map(([, secret]) => secret), fleet.issued);
  for (const [index, [, , line = ""]] of blocks.entries()) {
    const id = [...fleet.agents.keys()][index] ?? "";
    assert.ok(line.includes(id) && line.includes("https://fleet.example/functions/v1/install"), line);
    assert.ok(!line.includes("ocs_"), line);
  }
  const sent = fleet.asked.filter(({ path }) => path === "create-agent").map(({ body }) => body);
  const more = { labels: { role: "web:1" }, heartbeat_interval_seconds: 30 };
  assert.deepEqual(sent, [{ name: "web-1", ...more }, { name: "web-2", ...more }]);
});

Deno.test("openclaw agents create --json is one object with the secrets, names from stdin", async () => {
  await using home = await temporaryFolder();
  await using fleet = startFakeService();
  const { code, stdout, stderr } = await create(
    fleet,
    home.path,
    ["--json"],
    "\ufeffweb-1\r\n\n  Jörg 🦞 \n",
  );
  assert.deepEqual([code, stderr], [0, ""]);
  const { agents, skipped, not_made } = JSON.parse(stdout);
  assert.deepEqual(agents.map(({ agent }: { agent: { name: string } }) => agent.name), ["web-1", "Jörg 🦞"]);
  assert.deepEqual(agents.map((one: { agent_secret: string }) => one.agent_secret), fleet.issued);
  assert.deepEqual([skipped, not_made], [[], []]);
});

const wrong: { args: string[]; stdin?: string; says: RegExp }[] = [
  { args: [], stdin: "\n \n", says: /there is no name/ },
  { args: ["web-1", "web-2", "web-1"], says: /"web-1": it comes twice/ },
  { args: ["web-1", "x".repeat(101)], says: /it has 101 characters/ },
  { args: ["web-1", "a\u001b[2Jb"], says: /"a\?\[2Jb": it has a character that a terminal/ },
  { args: ["web-1", "a\u202eb"], says: /it has a character that a terminal/ },
  { args: ["web-1", " "], says: /it is empty/ },
  { args: ["web-1", "--label", "role=web"], says: /Expected key:value/ },
  { args: ["web-1", "--label", "Role:web"], says: /Expected key:value/ },
  { args: ["web-1", "--interval", "4s"], says: /Expected 5s to 1d/ },
  { args: ["web-1", "--interval", "often"], says: /Expected 5s to 1d/ },
  { args: ["web-1", "--installer", "fish"], says: /Allowed choices are bash, powershell, python/ },
  { args: ["web-1", "--output", ""], says: /--output names no folder/ },
];
for (const { args, stdin, says } of wrong) {
  Deno.test(`openclaw agents create ${JSON.stringify(args)} → usage, and nothing is asked of the server`, async () => {
    await using home = await temporaryFolder();
    await using fleet = startFakeService();
    assertRefused(await create(fleet, home.path, args, stdin), 2, says);
    assert.deepEqual(fleet.asked, []);
  });
}

testWith(
  [...unix, "sh"],
  "openclaw agents create --output writes installers that only this user can read, under any umask",
  async () => {
    await using home = await temporaryFolder();
    await using fleet = startFakeService();
    const names = ["web-1", "../../escape", "Jörg 🦞"];
    const { program, args } = openclaw(["agents", "create", ...names, "--output", "made"]);
    const line = `umask 0; ${[program, ...args].map(shellQuote).join(" ")}`;
    const ended = await runProgram("sh", ["-c", line], {
      cwd: home.path,
      env: { ...ownEnvironment(home.path), ...fleet.env },
    });
    assert.equal(ended?.code, 0, ended?.stderr);
    assert.equal(ended.stdout, "");
    assert.ok(!ended.stderr.includes("ocs_"), ended.stderr);
    const folder = join(home.path, "made");
    assert.equal(((await Deno.stat(folder)).mode ?? 0) & 0o777, 0o700);
    assert.deepEqual(await namesIn(folder), names.map((name) => installerFileName(name, "bash")).sort());
    for (const [index, name] of names.entries()) {
      const path = join(folder, installerFileName(name, "bash"));
      assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
      assert.ok((await Deno.readTextFile(path)).includes(fleet.issued[index] ?? "?"));
    }
    assert.ok(!(await namesIn(home.path)).includes("escape"));
  },
);

testWith(
  unix,
  "openclaw agents create --output into a folder that others can write → refused, and no agent is made",
  async () => {
    await using home = await temporaryFolder();
    await using fleet = startFakeService();
    await Deno.mkdir(join(home.path, "open"));
    await Deno.chmod(join(home.path, "open"), 0o777);
    assertRefused(
      await create(fleet, home.path, ["web-1", "--output", "open"]),
      3,
      /lets others write to it/,
    );
    assert.deepEqual(fleet.acts(), []);
  },
);

Deno.test("openclaw agents create --output over an installer that is there → conflict, and no agent is made", async () => {
  await using home = await temporaryFolder();
  await using fleet = startFakeService();
  await Deno.mkdir(join(home.path, "made"), { mode: 0o700 });
  await Deno.writeTextFile(join(home.path, "made", "web-2.sh"), "as it was");
  const result = await create(fleet, home.path, ["web-1", "web-2", "--output", "made"]);
  assertRefused(result, 5, /Cannot write ".*web-2\.sh": there is something already/);
  assert.deepEqual(fleet.acts(), []);
  assert.equal(await Deno.readTextFile(join(home.path, "made", "web-2.sh")), "as it was");
});

Deno.test("an agent whose installer cannot be written is revoked again, the others stay, and no more are made", async () => {
  await using home = await temporaryFolder();
  await using fleet = startFakeService();
  const taken = join(home.path, "made", "web-2.sh");
  fleet.intercept = async ({ path, body }) => {
    if (path === "create-agent" && body.name === "web-2") await Deno.mkdir(taken);
    return undefined;
  };
  const names = ["web-1", "web-2", "web-3"];
  const { code, stdout, stderr } = await create(fleet, home.path, [...names, "--output", "made"]);
  assert.equal(code, 5, stderr);
  assert.equal(stdout, "");
  const [, second] = [...fleet.agents.keys()];
  assert.match(stderr, /^made 1 agent, 2 not made$/m);
  assert.match(
    stderr,
    new RegExp(`^error: .*web-2\\.sh": .*; agent "web-2" \\(${second}\\) was revoked again$`, "m"),
  );
  assert.deepEqual(fleet.acts(), ["POST create-agent", "POST create-agent", `POST agents/${second}/revoke`]);
});

testWith(
  [...unix, "root", "unshare", "mount", "sh"],
  "a disk that is full → the agent without an installer is revoked, no part of a file is left, and it says so",
  async () => {
    await using home = await temporaryFolder();
    await using fleet = startFakeService();
    const { program, args } = openclaw(["agents", "create", "a", "b", "c", "d", "--output", "made"]);
    await Deno.mkdir(join(home.path, "made"), { mode: 0o700 });
    const line =
      `mount -t tmpfs -o size=52k,mode=700 none made && ${[program, ...args].map(shellQuote).join(" ")}; ` +
      "code=$?; ls -A made; exit $code";
    const ended = await runProgram("unshare", ["-m", "sh", "-c", line], {
      cwd: home.path,
      env: { ...ownEnvironment(home.path), ...fleet.env },
    });
    assert.equal(ended?.code, 1, ended?.stderr);
    assert.equal(ended.stdout, "a.sh\nb.sh\n");
    assert.match(
      ended.stderr,
      /made 2 agents, 2 not made\nerror: .*c\.sh": .*; agent "c" \(\S+\) was revoked again\nhint: df -h\n$/,
    );
    assert.deepEqual([...fleet.agents.values()].map(({ liveness }) => liveness), [
      "pending",
      "pending",
      "revoked",
    ]);
  },
);

Deno.test("the server gone in the middle: what was made is said, and --skip-existing goes on from there", async () => {
  await using home = await temporaryFolder();
  await using fleet = startFakeService();
  const names = ["web-1", "web-2", "web-3"];
  fleet.intercept = ({ body }) => body.name === "web-2" ? refusal("unavailable", 503) : undefined;
  const broken = await create(fleet, home.path, [...names, "--output", "made"]);
  assert.equal(broken.code, 6, broken.stderr);
  assert.match(broken.stderr, /^made 1 agent, 2 not made\nerror: /m);
  fleet.intercept = () => undefined;
  const mended = await create(fleet, home.path, [...names, "--output", "made", "--skip-existing"]);
  assert.equal(mended.code, 0, mended.stderr);
  assert.match(mended.stderr, /skipped "web-1": there is an agent of this name/);
  assert.match(mended.stderr, /^made 2 agents, skipped 1$/m);
  assert.doesNotMatch(mended.stderr, /warning/);
  assert.equal(fleet.agents.size, 3);
});

Deno.test("the server gone in the middle of openclaw agents create --json: the secrets that were issued are in the object", async () => {
  await using home = await temporaryFolder();
  await using fleet = startFakeService();
  fleet.intercept = ({ body }) => body.name === "web-2" ? refusal("conflict", 409) : undefined;
  const { code, stdout, stderr } = await create(fleet, home.path, ["web-1", "web-2", "web-3", "--json"]);
  assert.deepEqual([code, stderr], [5, ""]);
  const { agents, not_made, error } = JSON.parse(stdout);
  assert.deepEqual(agents.map((one: { agent_secret: string }) => one.agent_secret), fleet.issued);
  assert.deepEqual([not_made, error], [["web-2", "web-3"], "conflict"]);
});

Deno.test("a reply that is lost: it is not known whether the agent was made, and it is said", async () => {
  await using home = await temporaryFolder();
  await using fleet = startFakeService();
  fleet.intercept = ({ path }) => path === "create-agent" ? new Response("<html>") : undefined;
  const { code, stdout, stderr } = await create(fleet, home.path, ["web-1"]);
  assert.deepEqual([code, stdout], [6, ""]);
  assert.match(stderr, /^warning: it is not known whether agent "web-1" was made: no reply came\nerror: /m);
});

Deno.test("--skip-existing: a revoked agent of the name does not count, and one without a handshake and a file is warned of", async () => {
  await using home = await temporaryFolder();
  await using fleet = startFakeService({ pageSize: 1 });
  fleet.add("web-10");
  fleet.add("web-1", { revoked_at: "2026-11-23T12:00:00Z" });
  const lost = fleet.add("web-2");
  fleet.add("web-3", { last_handshake_at: "2026-11-23T12:00:00Z" });
  const args = ["web-1", "web-2", "web-3", "--output", "made", "--skip-existing"];
  const { code, stderr } = await create(fleet, home.path, args);
  assert.equal(code, 0, stderr);
  assert.deepEqual(fleet.acts(), ["POST create-agent"]);
  assert.match(
    stderr,
    new RegExp(`warning: agent "web-2" is there, but has never .* rotate ${lost.id} --output`),
  );
  assert.doesNotMatch(stderr, /warning: agent "web-3"/);
  assert.deepEqual(await namesIn(join(home.path, "made")), ["web-1.sh"]);
});

testWith(
  unix,
  "Ctrl-C in the middle: the agent under way gets its installer, and what was made is said",
  async () => {
    await using home = await temporaryFolder();
    await using fleet = startFakeService();
    const gate = Promise.withResolvers<void>();
    fleet.intercept = async ({ body }) => {
      if (body.name === "web-2") await gate.promise;
      return undefined;
    };
    const names = ["web-1", "web-2", "web-3"];
    const running = start(["agents", "create", ...names, "--output", "made"], {
      home: home.path,
      env: fleet.env,
    });
    await until("the second agent", () => fleet.asked.some(({ body }) => body.name === "web-2"));
    running.kill("SIGINT");
    await until("the order to stop", () => running.output.stderr.includes("stopping"));
    gate.resolve();
    const { code, stderr } = await running.ended;
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /^made 2 agents, 1 not made\nerror: [^\n]+ told to stop\nhint: run it again with --skip-existing$/m,
    );
    assert.deepEqual([...fleet.agents.values()].map(({ name }) => name), ["web-1", "web-2"]);
    assert.deepEqual(await namesIn(join(home.path, "made")), ["web-1.sh", "web-2.sh"]);
  },
);

testWith(
  unix,
  "killed in the middle: every file is whole, and the next run tells of the agent without one",
  async () => {
    await using home = await temporaryFolder();
    await using fleet = startFakeService();
    const names = ["web-1", "web-2", "web-3"];
    const all = ["agents", "create", ...names, "--output", "made"];
    const running = start(all, { home: home.path, env: fleet.env });
    fleet.intercept = ({ body }) => {
      if (body.name === "web-3") running.kill("SIGKILL");
      return undefined;
    };
    await running.ended;
    for (const name of await namesIn(join(home.path, "made"))) {
      assert.match(await Deno.readTextFile(join(home.path, "made", name)), /^#!\/bin\/sh\n# ocs_\S+\n#+\n$/);
    }
    fleet.intercept = () => undefined;
    const again = await create(fleet, home.path, [...names, "--output", "made", "--skip-existing"]);
    assert.equal(again.code, 0, again.stderr);
    assert.match(
      again.stderr,
      /^warning: agent "web-3" is there, but has never shaken hands, and its secret is not here/m,
    );
  },
);

Deno.test("a server whose own address is loopback: the lines are said to work on its host only", async () => {
  await using home = await temporaryFolder();
  await using fleet = startFakeService();
  const { code, stderr } = await create(fleet, home.path, ["web-1"]);
  assert.equal(code, 0);
  assert.match(
    stderr,
    /^warning: the server calls itself http:\/\/127\.0\.0\.1:\d+: the lines below work on its own host only/,
  );
});
