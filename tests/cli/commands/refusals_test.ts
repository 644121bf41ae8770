import assert from "node:assert/strict";
import { join } from "node:path";
import { run as runProgram } from "../../_support/run.ts";
import { openclaw, startServerProcess, withFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { shellQuote } from "../../../cli/host/shell_quote.ts";
import { accepts, greets, refuses, startFaultServer } from "../../_support/fault_server.ts";
import {
  credentialsPath,
  identify,
  isThere,
  makeAgent,
  ownEnvironment,
  type Run,
  run,
  type RunOptions,
  sessionPath,
  start,
} from "../../_support/program.ts";

const agent = makeAgent();
const nowhere = "http://127.0.0.1:9";
const unix = Deno.build.os !== "windows";

/** One sentence and one hint on stderr, nothing on stdout. */
function assertRefused({ code, stdout, stderr }: Run, expected: number, message: RegExp): void {
  assert.match(stderr, message);
  assert.equal(code, expected, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /^error: [^\n]+\nhint: [^\n]+\n$/);
}

const wrong: { args: string[]; env?: Record<string, string>; code: number; says: RegExp }[] = [
  { args: ["installer", "bash", "--url", "nonsense"], code: 2, says: /--url is not an address/ },
  {
    args: ["installer", "bash"],
    env: { OPENCLAW_URL: "nonsense" },
    code: 2,
    says: /OPENCLAW_URL is not an ad/,
  },
  { args: ["installer", "bash"], code: 2, says: /no server is named/ },
  { args: ["installer", "bash", "--url", "http://fleet.example"], code: 2, says: /https is wanted/ },
  {
    args: ["installer", "bash", "--url", "https://fleet.example", "--agent-id", agent.id],
    code: 2,
    says: /are wanted together/,
  },
  {
    args: [
      "installer",
      "bash",
      "--url",
      "https://x.example",
      "--agent-id",
      agent.id,
      "--agent-secret-file",
      "no",
    ],
    code: 4,
    says: /there is no such file/,
  },
  {
    args: ["serve"],
    env: { AGENT_SESSION_TTL_SECONDS: "5" },
    code: 2,
    says: /AGENT_SESSION_TTL_SECONDS is "5"/,
  },
  { args: ["serve", "--public-url", "nonsense"], code: 2, says: /--public-url is not an address/ },
  { args: ["serve"], env: { AGENT_JWT_KEYS: "nonsense" }, code: 2, says: /AGENT_JWT_KEYS/ },
];

for (const { args, env = {}, code, says } of wrong) {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value} `).join("");
  Deno.test(`${variables}openclaw ${args.join(" ")} → exit code ${code}, one hint, and nothing is made`, () =>
    withFolder(async (home) => {
      assertRefused(await run(args, { home, env }), code, says);
      assert.equal(await isThere(join(home, ".openclaw", "operator-key")), false);
    }));
}

Deno.test("openclaw installer --agent-secret-file - reads the secret from stdin", () =>
  withFolder(async (home) => {
    const args = ["installer", "python", "--url", "https://x.example", "--agent-id", agent.id];
    const given = await run([...args, "--agent-secret-file", "-"], { home, stdin: `${agent.secret}\n` });
    assert.equal(given.code, 0, given.stderr);
    assert.ok(given.stdout.includes(agent.secret));
  }));

Deno.test("openclaw serve on a port or folder that another one has → conflict", () =>
  withFolder(async (home) => {
    const server = await startServerProcess({ data: join(home, "one") });
    try {
      const port = new URL(server.url).port;
      assertRefused(
        await run(["serve", "--data", join(home, "one")], { home }),
        5,
        /another server is using it/,
      );
      const sameport = await run(["serve", "--data", join(home, "two"), "--port", port], { home });
      assert.match(sameport.stderr, /something else is listening there/);
      assert.equal(sameport.code, 5);
    } finally {
      await server.stop();
    }
  }));

Deno.test("openclaw logout of what cannot be removed says so, with a command", () =>
  withFolder(async (home) => {
    await Deno.mkdir(join(credentialsPath(home), "inside"), { recursive: true });
    assertRefused(await run(["logout"], { home }), 1, /Cannot remove ".*credentials\.json": /);
  }));

for (const command of ["handshake", "heartbeat", "status", "doctor"]) {
  Deno.test(`openclaw ${command} of an agent that is forbidden to come in → refused`, () =>
    withFolder(async (home) => {
      const server = startFaultServer(({ path }) =>
        path.endsWith("/health")
          ? { status: 200, body: '{"ok":true,"version":"1","database":"ok"}' }
          : refuses("forbidden", 403)
      );
      try {
        const { code, stdout, stderr } = await run([command], { home, env: identify(agent, server.url) });
        assert.equal(code, 3, stderr + stdout);
        assert.match(stderr + stdout, /hint: /);
      } finally {
        server.close();
      }
    }));
}

Deno.test("openclaw status with the server down tells what this host knows, then that the server is unreachable", () =>
  withFolder(async (home) => {
    const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
    const env = identify(agent, server.url);
    assert.equal((await run(["heartbeat"], { home, env })).code, 0);
    server.close();
    const { code, stdout, stderr } = await run(["status"], { home, env });
    assert.equal(code, 6, stderr);
    assert.match(stdout, new RegExp(`^agent {5}${agent.id}$`, "m"));
    assert.match(stdout, /^liveness {2}unknown$/m);
    assert.match(stdout, /^last beat \d{4}-/m);
    assert.match(stdout, /^session {3}\d+ s old$/m);
    assert.match(stdout, /^service {3}\S/m);
    assert.match(stderr, /^error: Cannot reach the server: [^\n]+\nhint: [^\n]+\n$/);

    const inJson = await run(["status", "--json"], { home, env });
    assert.equal(inJson.code, 6);
    assert.equal(inJson.stderr, "");
    const { agent: who, liveness, session_age_seconds, error, message } = JSON.parse(inJson.stdout);
    assert.deepEqual([who, liveness, error], [{ id: agent.id, name: null }, "unknown", "unreachable"]);
    assert.equal(typeof session_age_seconds, "number");
    assert.match(message, /Cannot reach the server/);
  }));

Deno.test("with --json a warning is part of the error object, and a line on stderr when all went well", () =>
  withFolder(async (home) => {
    const args = ["handshake", "--json", `--agent-id=${agent.id}`, `--agent-secret=${agent.secret}`];
    const failed = await run([...args, "--url", nowhere], { home });
    const { error, warnings } = JSON.parse(failed.stderr);
    assert.equal(error, "unreachable");
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /can be read by everybody/);
    const server = startFaultServer(() => greets({ agent: { id: agent.id, name: "edge 1" } }));
    try {
      const done = await run([...args, "--url", server.url], { home });
      assert.equal(done.code, 0);
      assert.equal(JSON.parse(done.stdout).agent.id, agent.id);
      assert.match(done.stderr, /^warning: --agent-secret can be read by everybody [^\n]+\n$/);
    } finally {
      server.close();
    }
  }));

Deno.test({
  name: "openclaw monitor --json says its warnings at its start",
  ignore: !unix,
  fn: () =>
    withFolder(async (home) => {
      const args = ["monitor", "--json", `--agent-id=${agent.id}`, `--agent-secret=${agent.secret}`];
      const monitor = start([...args, "--url", nowhere], { home });
      await monitor.until("outage");
      assert.match(monitor.output.stderr, /^warning: --agent-secret/);
      monitor.kill("SIGTERM");
      assert.equal((await monitor.ended).code, 0);
    }),
});

Deno.test({
  name: "the command that mends a file's mode can be typed, whatever the folder is called",
  ignore: !unix,
  fn: () =>
    withFolder(async (folder) => {
      const home = join(folder, "o'brien's $(home)");
      await Deno.mkdir(home);
      const options: RunOptions = { home, stdin: agent.secret };
      const args = ["--url", nowhere, "--agent-id", agent.id, "--agent-secret-file", "-"];
      assert.equal((await run(["configure", ...args], options)).code, 0);
      await Deno.chmod(credentialsPath(home), 0o644);
      const { code, stderr } = await run(["handshake"], { home });
      assert.equal(code, 3, stderr);
      const hint = /^hint: (.+)$/m.exec(stderr)?.[1] ?? "";
      assert.equal((await runProgram("sh", ["-c", hint]))?.code, 0, hint);
      assert.equal((await run(["handshake"], { home })).code, 6);
      assert.equal(await isThere(sessionPath(home)), false);
    }),
});

/** As a user that no list names and that owns nothing, who may still read the program. */
const nobody = [
  // With it, its rights count for access(2) too, which asks in the name of the real user.
  "--securebits=+no_setuid_fixup",

  "--reuid=54321",
  "--regid=54321",
  "--clear-groups",
  "--inh-caps=+dac_override",
  "--ambient-caps=+dac_override",
];

testWith(
  ["root", "setpriv"],
  "a user whom no list names, without HOME, is no obstacle",
  () =>
    withFolder(async (home) => {
      const { program, args } = openclaw(["version"]);
      const { DENO_DIR } = ownEnvironment(home);
      const variables = DENO_DIR === undefined ? [] : [`DENO_DIR=${DENO_DIR}`];
      const ended = await runProgram("setpriv", [...nobody, "env", "-i", ...variables, program, ...args]);
      assert.equal(ended?.stderr, "");
      assert.match(ended?.stdout ?? "", /^\d+\.\d+\.\d+\n$/);
    }),
);

testWith(
  ["root", "setpriv"],
  "the command that mends a file's owner is one for sudo, unless root asks",
  () =>
    withFolder(async (home) => {
      const path = credentialsPath(home);
      const args = ["--url", nowhere, "--agent-id", agent.id, "--agent-secret-file", "-"];
      await run(["configure", ...args], { home, stdin: agent.secret });
      await Deno.chown(path, 12_345, 12_345);
      const asRoot = await run(["handshake"], { home });
      assert.ok(asRoot.stderr.includes(`hint: chown 0 ${shellQuote(path)}`), asRoot.stderr);
      const { program, args: words } = openclaw(["handshake"]);
      const variables = Object.entries(ownEnvironment(home)).map(([name, value]) => `${name}=${value}`);
      const asNobody = await runProgram("setpriv", [...nobody, "env", "-i", ...variables, program, ...words]);
      assert.ok(asNobody?.stderr.includes(`hint: sudo chown 54321 ${shellQuote(path)}`), asNobody?.stderr);
    }),
);
