import assert from "node:assert/strict";
import { run as runProgram } from "../../_support/run.ts";
import { namesIn } from "../../_support/home.ts";
import { closedPort } from "../../_support/port.ts";
import { ownEnvironment } from "../../_support/program.ts";
import { runInSession } from "../../_support/program_session.ts";
import { assertNoSecret, assertRefused } from "../../_support/refused.ts";
import { openclaw, temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { agentId, agentSecret } from "../../_support/vectors.ts";
import { everyCommand, idle, pathOf, understand } from "./_idle.ts";

// What holds of every command: help, what is no command or flag, the shape of an error, what becomes of an answer.

for (const command of everyCommand(await idle(() => undefined))) {
  const path = pathOf(command);
  Deno.test(`openclaw ${path} with an unknown flag → a usage error that names it`, async () => {
    const words = [...path.split(" ").filter((word) => word !== ""), "--agent-sceret"];
    await assert.rejects(understand(words), { message: /unknown option '--agent-sceret'/ });
  });
}

Deno.test("an unknown flag → usage, nothing is written, and a secret in it is not repeated", async () => {
  await using home = await temporaryFolder();
  for (const flag of ["--agent-sceret", `--agent-sceret=${agentSecret}`]) {
    const result = await runInSession(["monitor", flag], { home: home.path });
    assertRefused(result, 2, /unknown option '--agent-sceret(=ocs_…)?'/);
  }
  assert.deepEqual(await namesIn(home.path), []);
});

Deno.test("openclaw without a command, or with an unknown one → usage", async () => {
  await using home = await temporaryFolder();
  const [none, unknown] = await Promise.all(
    [[], ["moniter"]].map((args) => runInSession(args, { home: home.path })),
  );
  assert.equal(none?.code, 2);
  assertRefused(unknown ?? assert.fail(), 2, /unknown command 'moniter'/);
});

Deno.test("--name before the command is heard, and a hint repeats it", async () => {
  await using home = await temporaryFolder();
  const { code, stderr } = await runInSession(["--name", "fleetd", "status"], { home: home.path });
  assert.equal(code, 2);
  assert.match(stderr, /\/fleetd\/credentials\.json"\nhint: .*openclaw\S* --name fleetd configure\n$/);
});

for (const args of [["help", "moniter"], ["moniter", "--help"], ["help", "service", "moniter"]]) {
  Deno.test(`openclaw ${args.join(" ")} → usage, with the help that there is`, async () => {
    await using home = await temporaryFolder();
    const result = await runInSession(args, { home: home.path });
    assertRefused(
      result,
      2,
      /^error: unknown command 'moniter'\nhint: (deno task )?openclaw(-server)? .*--help\n$/,
    );
  });
}

Deno.test("a wrong option of a command of a group → usage, with the help of that command", async () => {
  await using home = await temporaryFolder();
  const result = await runInSession(["service", "install", "--sytem"], { home: home.path });
  assertRefused(
    result,
    2,
    /unknown option '--sytem'[^]*\nhint: (deno task )?openclaw(-server)? service install --help\n$/,
  );
});

const helps: [args: string[], usage: RegExp][] = [
  [["help"], /^Usage: (deno task )?openclaw(-server)? \[options\] \[command\]/],
  [["--help"], /^Usage: (deno task )?openclaw(-server)? \[options\] \[command\]/],
  [
    ["help", "service", "install"],
    /^Usage: (deno task )?openclaw(-server)? service install [^]*^Examples?:\n {2}/m,
  ],
  [
    ["service", "install", "--help"],
    /^Usage: (deno task )?openclaw(-server)? service install [^]*^Examples?:\n {2}/m,
  ],
  [
    ["service", "install", "-h"],
    /^Usage: (deno task )?openclaw(-server)? service install [^]*^Examples?:\n {2}/m,
  ],
  [["serve", "--help"], /^Usage: (deno task )?openclaw(-server)? serve [^]*^Examples?:\n {2}/m],
];

for (const [args, usage] of helps) {
  Deno.test(`openclaw ${args.join(" ")} prints the help and its example on stdout, and nothing else`, async () => {
    await using home = await temporaryFolder();
    const { code, stdout, stderr } = await runInSession(args, { home: home.path });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, usage);
  });
}

Deno.test("openclaw --json with a wrong flag → one error object on stderr, nothing on stdout", async () => {
  await using home = await temporaryFolder();
  const { code, stdout, stderr } = await runInSession(["status", "--json", "--nope"], { home: home.path });
  assert.deepEqual([code, stdout], [2, ""]);
  const error = JSON.parse(stderr);
  assert.deepEqual(Object.keys(error), ["error", "message", "hint", "exit_code"]);
  assert.deepEqual([error.error, error.exit_code], ["usage", 2]);
});

Deno.test("openclaw --json with a warning before an error → the warning is part of the error object", async () => {
  await using home = await temporaryFolder();
  const args = ["handshake", "--json", `--agent-id=${agentId}`, `--agent-secret=${agentSecret}`];
  const { stderr } = await runInSession([...args, "--url", closedPort()], { home: home.path });
  const { error, warnings } = JSON.parse(stderr);
  assert.equal(error, "unreachable");
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /is visible to every user of this host/);
});

const misplaced: {
  name: string;
  args: string[];
  env?: Record<string, string>;
  code: number;
  says: RegExp;
}[] = [
  { name: "a command", args: [agentSecret], code: 2, says: /unknown command 'ocs_…'/ },
  { name: "a word of its own", args: ["handshake", agentSecret], code: 2, says: /too many arguments/ },
  {
    name: "an agent's id",
    args: ["handshake", "--agent-id", agentSecret, "--agent-secret", agentId],
    code: 2,
    says: /"ocs_…": it is not a UUID/,
  },
  {
    name: "an agent's id in the environment",
    args: ["handshake"],
    env: { OPENCLAW_AGENT_ID: agentSecret, OPENCLAW_AGENT_SECRET: agentId },
    code: 2,
    says: /"ocs_…": it is not a UUID/,
  },
  {
    name: "a file with the secret",
    args: ["handshake", "--agent-id", agentId, "--agent-secret-file", agentSecret],
    code: 4,
    says: /from "ocs_…": there is no such file/,
  },
];

for (const { name, args, env = {}, code, says } of misplaced) {
  Deno.test(`openclaw with the secret in the place of ${name} → exit code ${code}, and it is not repeated`, async () => {
    await using home = await temporaryFolder();
    assertRefused(await runInSession(args, { home: home.path, env }), code, says);
  });
}

Deno.test("openclaw --json with the secret in a mistyped flag → usage, and it is not repeated", async () => {
  await using home = await temporaryFolder();
  const { code, stdout, stderr } = await runInSession([
    "handshake",
    `--agent-sceret=${agentSecret}`,
    "--json",
  ], {
    home: home.path,
  });
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /ocs_…/);
  assertNoSecret(stderr);
});

const answers = [["--version"], ["version"], ["version", "--json"]];

for (const args of answers) {
  testWith(
    ["sh", "mkfifo"],
    `openclaw ${args.join(" ")} that nobody reads → not a word, and no exit code but 0 or 1`,
    async () => {
      await using home = await temporaryFolder();
      const { program, args: words } = openclaw(args);
      // The pipe's reader has ended before the program starts.
      const script = 'mkfifo pipe; : < pipe & exec 3> pipe; wait; "$0" "$@" >&3; echo "code $?" >&2';
      const ended = await runProgram("sh", ["-c", script, program, ...words], {
        cwd: home.path,
        env: ownEnvironment(home.path),
      });
      // Deno 2.9 does not tell that nobody reads, Deno 2.4 does.
      assert.match(ended?.stderr ?? "", /^code [01]\n$/);
    },
  );

  testWith(
    Deno.build.os === "linux" ? ["sh"] : ["Linux's /dev/full"],
    `openclaw ${args.join(" ")} onto a disk that is full → exit code 1, one error and one hint`,
    async () => {
      await using home = await temporaryFolder();
      const { program, args: words } = openclaw(args);
      const script = 'exec "$0" "$@" > /dev/full';
      const ended = await runProgram("sh", ["-c", script, program, ...words], {
        env: ownEnvironment(home.path),
      });
      assert.equal(ended?.code, 1, ended?.stderr);
      if (args.includes("--json")) assert.equal(JSON.parse(ended?.stderr ?? "").exit_code, 1);
      else assert.match(ended?.stderr ?? "", /^error: Cannot write the answer: [^\n]+\nhint: df -h\n$/);
    },
  );
}
