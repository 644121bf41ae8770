import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { withFolder } from "../../_support/server.ts";
import { greets, startFaultServer } from "../../_support/fault_server.ts";
import {
  credentialsPath,
  identify,
  isThere,
  makeAgent,
  type Run,
  run,
  sessionPath,
} from "../../_support/program.ts";

const agent = makeAgent();
const unix = Deno.build.os !== "windows";
const theirs = '{"apiKey":"theirs"}';
const uuid = "1c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";

/** One sentence and one hint on stderr, nothing on stdout. */
function assertRefused({ code, stdout, stderr }: Run, expected: number, message: RegExp): void {
  assert.match(stderr, message);
  assert.equal(code, expected, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /^error: [^\n]+\nhint: [^\n]+\n$/);
  assert.ok(!stderr.includes(agent.secret.slice(10, 40)), stderr);
}

async function write(path: string, text: string, mode = 0o600): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(path, text, { mode });
}

async function store(home: string, url: string): Promise<void> {
  const args = ["configure", "--url", url, "--agent-id", agent.id, "--agent-secret-file", "-"];
  const { code, stderr } = await run(args, { home, stdin: agent.secret });
  assert.equal(code, 0, stderr);
}

async function stored(home: string): Promise<Record<string, unknown>> {
  return JSON.parse(await Deno.readTextFile(credentialsPath(home)));
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

const monitors: { name: string; args: string[]; says: RegExp; ignore?: boolean }[] = [
  {
    name: "a log file in a folder that is not there",
    args: ["--log-file", join("nowhere", "log")],
    says: /Cannot write the log file ".*log": /,
  },
  { name: "a log file that is a folder", args: ["--log-file", "."], says: /Cannot write the log file "\."/ },
  { name: "an empty log file", args: ["--log-file", ""], says: /Cannot write the log file ""/ },
  ...["5", "99", "0", "-400", "1e6", "4.5", "", "1000000000000", "10MB"].map((size) => ({
    name: `a size of "${size}" for its log file`,
    args: ["--log-file", "log", "--log-max-bytes", size],
    says: /--log-max-bytes <number>' argument '.*' is invalid\. A number of bytes, at least 100, is wanted/,
  })),
  ...["--status-command", "--metrics-command"].flatMap((flag) =>
    ['"/bin/check', "check 'two words'", "a\\ b", "", "  ", "[", '["a', "[]", "[1]", '{"a": 1}'].map((
      command,
    ) => ({
      name: `the ${flag} "${command}"`,
      args: [flag, command],
      says: new RegExp(`Cannot read ${flag}: words without quotes, or a JSON array of strings, are wanted`),
    }))
  ),
];

for (const { name, args, says } of monitors) {
  Deno.test(`openclaw monitor --once with ${name} → usage, nothing is sent and no log is written`, () =>
    withFolder(async (home) => {
      const server = startFaultServer(() => greets());
      try {
        const env = identify(makeAgent(), server.url);
        assertRefused(await run(["monitor", "--once", ...args], { home, env }), 2, says);
        assert.equal(server.caught.length, 0);
        assert.equal(await isThere(join(home, "nowhere")), false);
        assert.equal(await isThere(join(home, "log")), false);
        assert.equal(await isThere(sessionPath(home)), false);
      } finally {
        server.close();
      }
    }));
}

for (const lines of ["x", "0", "-1", "1.5", "", "1000000"]) {
  Deno.test(`openclaw service logs --lines "${lines}" → usage`, () =>
    withFolder(async (home) => {
      const result = await run(["service", "logs", "--user", `--lines=${lines}`], { home });
      assertRefused(result, 2, /argument '.*' is invalid\. A whole number is expected/);
    }));
}

const url = "https://fleet.example";
const twoSecrets: { name: string; args: string[]; env: Record<string, string> }[] = [
  {
    name: "the flags",
    args: ["--agent-id", agent.id, "--agent-secret-file", "secret", `--agent-secret=${agent.secret}`],
    env: {},
  },
  {
    name: "the environment",
    args: [],
    env: {
      OPENCLAW_AGENT_ID: agent.id,
      OPENCLAW_AGENT_SECRET: agent.secret,
      OPENCLAW_AGENT_SECRET_FILE: "secret",
    },
  },
];

for (const { name, args, env } of twoSecrets) {
  Deno.test(`openclaw configure with a secret and a secret's file in ${name} → usage, and nothing is written`, () =>
    withFolder(async (home) => {
      await write(join(home, "secret"), agent.secret);
      const { code, stdout, stderr } = await run(["configure", "--url", url, ...args], { home, env });
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.match(
        stderr,
        /^error: Cannot tell which secret to use: [^\n]+\nhint: leave one of them out$/m,
      );
      assert.ok(!stderr.includes(agent.secret.slice(10, 40)), stderr);
      assert.equal(await isThere(dirname(credentialsPath(home))), false);
    }));
}

for (const mode of [0o770, 0o707, 0o777]) {
  Deno.test({
    name: `openclaw configure into a folder of mode 0${mode.toString(8)} → refused, and nothing is written`,
    ignore: !unix,
    fn: () =>
      withFolder(async (home) => {
        const folder = dirname(credentialsPath(home));
        await Deno.mkdir(folder, { recursive: true });
        await Deno.chmod(folder, mode);
        const args = ["configure", "--url", url, "--agent-id", agent.id, "--agent-secret-file", "-"];
        const result = await run(args, { home, stdin: agent.secret });
        assertRefused(result, 3, new RegExp(`the mode of its folder is 0${mode.toString(8)}`));
        assert.ok(result.stderr.includes(`hint: chmod 700 '${folder}'`), result.stderr);
        assert.deepEqual(await namesIn(folder), []);
      }),
  });
}

Deno.test("openclaw configure where another program has its credentials.json → conflict, and that is left", () =>
  withFolder(async (home) => {
    const path = credentialsPath(home);
    await write(path, theirs);
    const args = ["configure", "--url", url, "--agent-id", agent.id, "--agent-secret-file", "-"];
    const result = await run(args, { home, stdin: agent.secret });
    assertRefused(result, 5, /Cannot write ".*credentials\.json": another program's file of that name/);
    assert.equal(await Deno.readTextFile(path), theirs);
    assert.deepEqual(await namesIn(dirname(path)), ["credentials.json"]);
  }));

Deno.test("openclaw logout where another program has files of these names leaves them, and says nothing went", () =>
  withFolder(async (home) => {
    const paths = [credentialsPath(home), sessionPath(home)];
    for (const path of paths) await write(path, theirs);
    const { code, stderr } = await run(["logout"], { home });
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "there was nothing to remove\n");
    assert.deepEqual(JSON.parse((await run(["logout", "--json"], { home })).stdout), { removed: [] });
    for (const path of paths) assert.equal(await Deno.readTextFile(path), theirs);
  }));

Deno.test("openclaw logout removes what a writer that was killed has left of a file, and nobody else's files", () =>
  withFolder(async (home) => {
    await store(home, url);
    const [credentials, session] = [credentialsPath(home), sessionPath(home)];
    const parts = [`${credentials}.${uuid}`, `${session}.${uuid}`];
    // A monitor that runs holds its lock, whoever logs out.
    const lock = join(dirname(session), `monitor-${uuid}.lock`);
    const others = [`${credentials}.bak`, `${session}.${uuid}.bak`, lock];
    for (const path of [session, ...parts, ...others]) await write(path, '{"received_at":1}');
    const { code, stdout, stderr } = await run(["logout", "--json"], { home });
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout).removed.sort(), [credentials, session, ...parts].sort());
    for (const path of [credentials, session, ...parts]) assert.equal(await isThere(path), false, path);
    for (const path of others) assert.equal(await isThere(path), true, path);
  }));

Deno.test("openclaw configure --url alone keeps the agent that is stored, and drops the session with the old server", () =>
  withFolder(async (home) => {
    await store(home, "https://old.example");
    await write(sessionPath(home), '{"received_at":1}');
    const { code, stderr } = await run(["configure", "--url", "https://new.example/"], { home });
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`^keeps agent ${agent.id}$`, "m"));
    assert.deepEqual(await stored(home), {
      version: 1,
      url: "https://new.example",
      agent_id: agent.id,
      agent_secret: agent.secret,
    });
    assert.equal(await isThere(sessionPath(home)), false);
  }));

Deno.test("OPENCLAW_URL alone does for openclaw configure what --url does", () =>
  withFolder(async (home) => {
    await store(home, "https://old.example");
    const env = { OPENCLAW_URL: "https://new.example" };
    const { code, stderr } = await run(["configure"], { home, env });
    assert.equal(code, 0, stderr);
    const { url: now, agent_id } = await stored(home);
    assert.deepEqual([now, agent_id], ["https://new.example", agent.id]);
  }));

Deno.test("openclaw configure with an agent alone keeps the server that is stored", () =>
  withFolder(async (home) => {
    await store(home, "https://old.example");
    const args = ["configure", "--agent-id", uuid, "--agent-secret-file", "-"];
    const { code, stderr } = await run(args, { home, stdin: agent.secret });
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /keeps agent/);
    const { url: now, agent_id } = await stored(home);
    assert.deepEqual([now, agent_id], ["https://old.example", uuid]);
  }));

Deno.test("openclaw configure with another agent's id and no secret → usage, and the file stays as it was", () =>
  withFolder(async (home) => {
    await store(home, "https://old.example");
    const before = await stored(home);
    const result = await run(["configure", "--url", url, "--agent-id", uuid], { home });
    assertRefused(result, 2, /--agent-secret-file is missing/);
    assert.deepEqual(await stored(home), before);
  }));

const installer = ["installer", "bash", "--url", url, "--agent-id", agent.id, "--agent-secret-file", "-"];

Deno.test("openclaw installer --output writes a file for this user alone, and prints none of it", () =>
  withFolder(async (home) => {
    const path = join(home, "install.sh");
    const { code, stdout, stderr } = await run([...installer, "--output", path], {
      home,
      stdin: agent.secret,
    });
    assert.equal(code, 0, stderr);
    assert.deepEqual([stdout, stderr], ["", `wrote ${path}\n`]);
    assert.ok((await Deno.readTextFile(path)).includes(agent.secret));
    if (unix) assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  }));

const outputs: { name: string; output: string; code: number; says: RegExp }[] = [
  {
    name: "over a file that is there",
    output: "there",
    code: 5,
    says: /Cannot write "there": there is something already/,
  },
  {
    name: "over a folder",
    output: "folder",
    code: 5,
    says: /Cannot write "folder": there is something already/,
  },
  {
    name: "into a folder that is not there",
    output: join("no", "x.sh"),
    code: 1,
    says: /Cannot write ".*x\.sh": /,
  },
  { name: "into a file", output: join("there", "x.sh"), code: 1, says: /Cannot write ".*x\.sh": / },
  { name: "to nothing", output: "", code: 2, says: /'--output <file>' argument '' is invalid\. It is empty/ },
];

for (const { name, output, code, says } of outputs) {
  Deno.test(`openclaw installer --output ${name} → exit code ${code}, and nothing is written`, () =>
    withFolder(async (home) => {
      await write(join(home, "there"), "as it was");
      await Deno.mkdir(join(home, "folder"));
      assertRefused(await run([...installer, "--output", output], { home, stdin: agent.secret }), code, says);
      assert.equal(await Deno.readTextFile(join(home, "there")), "as it was");
      assert.deepEqual(await namesIn(join(home, "folder")), []);
      const names = await namesIn(home);
      assert.deepEqual(names.filter((one) => !/^[A.]/.test(one)), ["folder", "there"]);
    }));
}

Deno.test({
  name: "openclaw installer --output over a link to nowhere → conflict, and nothing is written through it",
  ignore: !unix,
  fn: () =>
    withFolder(async (home) => {
      await Deno.symlink(join(home, "elsewhere"), join(home, "link"));
      const result = await run([...installer, "--output", "link"], { home, stdin: agent.secret });
      assertRefused(result, 5, /there is something already/);
      assert.equal(await isThere(join(home, "elsewhere")), false);
    }),
});
