import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { greets, refuses, startFaultServer } from "../../../_support/fault_server.ts";
import { namesIn, storeCredentials, writePrivate } from "../../../_support/home.ts";
import { closedPort } from "../../../_support/port.ts";
import { credentialsPath, isThere, type RunOptions, sessionPath } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertNoSecret, assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { testWith } from "../../../_support/tools.ts";
import { agentId, agentSecret } from "../../../_support/vectors.ts";

const agent = { id: agentId, secret: agentSecret };
/** Nobody listens there: the file is written all the same. */
const url = closedPort();
const other = "1c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";
const whole = ["configure", "--url", url, "--agent-id", agentId, "--agent-secret-file", "-"];
const unix = Deno.build.os !== "windows";
const modesOfUnix = unix ? [] : ["the modes of Unix"];

async function stored(home: string): Promise<Record<string, unknown>> {
  return { ...JSON.parse(await Deno.readTextFile(credentialsPath(home))) };
}

Deno.test("openclaw configure writes the file byte for byte as promised, 0600 in a 0700 folder", async () => {
  await using home = await temporaryFolder();
  const args = ["configure", "--url", `${url}/functions/v1/`, "--agent-id", agentId.toUpperCase()];
  const { code, stdout, stderr } = await runInSession([...args, "--agent-secret-file", "-"], {
    home: home.path,
    stdin: `${agentSecret}\n`,
  });
  assert.deepEqual([code, stdout], [0, ""], stderr);
  const path = credentialsPath(home.path);
  const text = await Deno.readTextFile(path);
  assert.equal(
    text,
    `{\n  "version": 1,\n  "url": "${url}",\n  "agent_id": "${agentId}",\n  "agent_secret": "${agentSecret}"\n}\n`,
  );
  await using copy = await temporaryFolder();
  await storeCredentials(copy.path, url, agent);
  assert.equal(await Deno.readTextFile(credentialsPath(copy.path)), text, "what other tests begin with");
  if (!unix) return;
  for (const one of [home.path, copy.path].map(credentialsPath)) {
    assert.equal(((await Deno.stat(one)).mode ?? 0) & 0o777, 0o600);
    assert.equal(((await Deno.stat(dirname(one))).mode ?? 0) & 0o777, 0o700);
  }
});

const refused: (Partial<RunOptions> & { name: string; args: string[]; code: number; says: RegExp })[] = [
  {
    name: "without a terminal and without a server",
    args: ["configure"],
    code: 2,
    says: /--url is missing, and there is no terminal/,
  },
  {
    name: "with an id in the flags and a secret in the environment",
    args: ["configure", "--url", url, "--agent-id", agentId],
    env: { OPENCLAW_AGENT_SECRET: agentSecret },
    code: 2,
    says: /--agent-secret-file is missing/,
  },
];

for (const { name, args, code, says, ...options } of refused) {
  Deno.test(`openclaw configure ${name} → usage, and no file`, async () => {
    await using home = await temporaryFolder();
    assertRefused(await runInSession(args, { home: home.path, ...options }), code, says);
    assert.deepEqual(await namesIn(home.path), []);
  });
}

const accepted = 'the server accepted this id and secret, of agent "edge 1"';

Deno.test("openclaw configure ends with what the server says of the id and the secret", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(() => greets());
  const args = ["configure", "--url", server.url, "--agent-id", agentId, "--agent-secret-file", "-"];
  const said = await runInSession(args, { home: home.path, stdin: agentSecret });
  assert.deepEqual([said.code, said.stderr.trim().split("\n").at(-1)], [0, accepted]);
  const json = await runInSession([...args, "--json"], { home: home.path, stdin: agentSecret });
  assert.deepEqual(JSON.parse(json.stdout), {
    path: credentialsPath(home.path),
    url: server.url,
    agent_id: agentId,
    accepted: true,
  });
  const silent = await runInSession([...args, "--no-handshake"], { home: home.path, stdin: agentSecret });
  assert.deepEqual([silent.code, silent.stderr.includes("server")], [0, false], silent.stderr);
  assert.equal(server.caught.length, 2, "it was asked without being told to");
});

Deno.test("openclaw configure with a secret that the server refuses → 3, and the file is there to be mended", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(() => refuses("invalid_credentials"));
  const args = ["configure", "--url", server.url, "--agent-id", agentId, "--agent-secret-file", "-"];
  const { code, stderr } = await runInSession(args, { home: home.path, stdin: agentSecret });
  assert.equal(code, 3, stderr);
  assert.match(stderr, /^wrote .+\nerror: /);
  assert.equal((await stored(home.path)).agent_id, agentId);
});

Deno.test("openclaw configure where the server cannot be reached says so, and how to try again", async () => {
  await using home = await temporaryFolder();
  const { code, stderr } = await runInSession(whole, { home: home.path, stdin: agentSecret });
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /^wrote .+\nwarning: did not reach the server: .+; try again with: (deno task )?openclaw handshake$/m,
  );
});

Deno.test("openclaw configure with a secret that cannot be right leaves the old file as it was", async () => {
  await using home = await temporaryFolder();
  await storeCredentials(home.path, url, agent);
  const before = await Deno.readTextFile(credentialsPath(home.path));
  assertRefused(
    await runInSession(whole, { home: home.path, stdin: "ocs_short" }),
    2,
    /Cannot use the agent secret/,
  );
  assert.equal(await Deno.readTextFile(credentialsPath(home.path)), before);
});

const twoSecrets: { name: string; args: string[]; env: Record<string, string>; hint: RegExp }[] = [
  {
    name: "the flags",
    hint: /give either --agent-secret or --agent-secret-file/,
    args: ["--agent-id", agentId, "--agent-secret-file", "secret", `--agent-secret=${agentSecret}`],
    env: {},
  },
  {
    name: "the environment",
    hint: /unset OPENCLAW_AGENT_SECRET/,
    args: [],
    env: {
      OPENCLAW_AGENT_ID: agentId,
      OPENCLAW_AGENT_SECRET: agentSecret,
      OPENCLAW_AGENT_SECRET_FILE: "secret",
    },
  },
];

for (const { name, args, env, hint } of twoSecrets) {
  Deno.test(`openclaw configure with a secret and a secret's file in ${name} → usage, and nothing is written`, async () => {
    await using home = await temporaryFolder();
    await writePrivate(join(home.path, "secret"), agentSecret);
    const { code, stdout, stderr } = await runInSession(["configure", "--url", url, ...args], {
      home: home.path,
      env,
    });
    assert.deepEqual([code, stdout], [2, ""], stderr);
    assert.match(stderr, /^error: Cannot tell which secret to use: both [^\n]+\nhint: /m);
    assert.match(stderr.trim().split("\n").at(-1) ?? "", hint);
    assertNoSecret(stderr);
    assert.deepEqual(await namesIn(home.path), ["secret"]);
  });
}

for (const mode of [0o770, 0o707, 0o777]) {
  const bits = `0${mode.toString(8)}`;
  testWith(
    modesOfUnix,
    `openclaw configure into a folder of mode ${bits} → refused, and nothing is written`,
    async () => {
      await using home = await temporaryFolder();
      const folder = dirname(credentialsPath(home.path));
      await Deno.mkdir(folder, { recursive: true });
      await Deno.chmod(folder, mode);
      const result = await runInSession(whole, { home: home.path, stdin: agentSecret });
      assertRefused(result, 3, new RegExp(`the mode of its folder is ${bits}`));
      assert.ok(result.stderr.includes(`hint: chmod 700 '${folder}'`), result.stderr);
      assert.deepEqual(await namesIn(folder), []);
    },
  );
}

Deno.test("openclaw configure where another program has its credentials.json → conflict, and that is left", async () => {
  await using home = await temporaryFolder();
  const path = credentialsPath(home.path);
  const theirs = '{"apiKey":"theirs"}';
  await writePrivate(path, theirs);
  const result = await runInSession(whole, { home: home.path, stdin: agentSecret });
  assertRefused(result, 5, /Cannot write ".*credentials\.json": another program's file of that name/);
  assert.equal(await Deno.readTextFile(path), theirs);
  assert.deepEqual(await namesIn(dirname(path)), ["credentials.json"]);
});

Deno.test("openclaw configure with only --url keeps the agent that is stored, and drops the session", async () => {
  await using home = await temporaryFolder();
  await storeCredentials(home.path, "https://old.example", agent);
  await writePrivate(sessionPath(home.path), '{"received_at":1}');
  const { code, stderr } = await runInSession(["configure", "--url", `${url}/`], { home: home.path });
  assert.equal(code, 0, stderr);
  assert.match(stderr, new RegExp(`^keeps agent ${agentId}$`, "m"));
  assert.deepEqual(await stored(home.path), {
    version: 1,
    url,
    agent_id: agentId,
    agent_secret: agentSecret,
  });
  assert.equal(await isThere(sessionPath(home.path)), false);
});

Deno.test("OPENCLAW_URL does for openclaw configure what --url does", async () => {
  await using home = await temporaryFolder();
  await storeCredentials(home.path, "https://old.example", agent);
  const { code, stderr } = await runInSession(["configure"], { home: home.path, env: { OPENCLAW_URL: url } });
  assert.equal(code, 0, stderr);
  const { url: now, agent_id } = await stored(home.path);
  assert.deepEqual([now, agent_id], [url, agentId]);
});

Deno.test("openclaw configure with only an agent keeps the server that is stored", async () => {
  await using home = await temporaryFolder();
  await storeCredentials(home.path, url, agent);
  const args = ["configure", "--agent-id", other, "--agent-secret-file", "-"];
  const { code, stderr } = await runInSession(args, { home: home.path, stdin: agentSecret });
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /keeps agent/);
  const { url: now, agent_id } = await stored(home.path);
  assert.deepEqual([now, agent_id], [url, other]);
});

Deno.test("openclaw configure with another agent's id and no secret → usage, and the file stays as it was", async () => {
  await using home = await temporaryFolder();
  await storeCredentials(home.path, url, agent);
  const before = await stored(home.path);
  const result = await runInSession(["configure", "--url", url, "--agent-id", other], { home: home.path });
  assertRefused(result, 2, /--agent-secret-file is missing/);
  assert.deepEqual(await stored(home.path), before);
});
