import assert from "node:assert/strict";
import { dirname } from "node:path";
import { shellQuote } from "../../../../cli/host/shell_quote.ts";
import { beatsOf, type Fault, greets, refuses, startFaultServer } from "../../../_support/fault_server.ts";
import { storeCredentials } from "../../../_support/home.ts";
import { closedPort } from "../../../_support/port.ts";
import {
  credentialsPath,
  identify,
  isThere,
  ownEnvironment,
  sessionPath,
} from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { run as runProgram } from "../../../_support/run.ts";
import { openclaw, temporaryFolder } from "../../../_support/server.ts";
import { testWith } from "../../../_support/tools.ts";
import { agentId, agentSecret } from "../../../_support/vectors.ts";
import { asNobody } from "../_nobody.ts";

// What holds of every command that talks to the server as an agent. Whom it takes the agent for is in
// tests/cli/identity.

const agent = { id: agentId, secret: agentSecret };
const commands = ["monitor --once", "handshake", "heartbeat", "status", "doctor"];
const unix = Deno.build.os !== "windows";
const healthy: Fault = { status: 200, body: '{"ok":true,"version":"1","database":"ok"}' };

const servers: { what: string; answer: Fault | null; code: number; says: RegExp }[] = [
  { what: "a port where nothing listens", answer: null, code: 6, says: /hint: |cannot be had/ },
  {
    what: "a server that refuses the agent's id and secret",
    answer: refuses("invalid_credentials"),
    code: 3,
    says: /invalid_credentials/,
  },
  {
    what: "a server that forbids this agent to come in",
    answer: refuses("forbidden", 403),
    code: 3,
    says: /forbidden/,
  },
  {
    what: "a web server that is not ours",
    answer: { status: 200, body: "<html>Welcome</html>" },
    code: 6,
    says: /not the service's JSON/,
  },
];

for (const command of commands) {
  for (const { what, answer, code, says } of servers) {
    Deno.test(`openclaw ${command} against ${what} → exit code ${code}, why, and no beat is sent`, async () => {
      await using home = await temporaryFolder();
      const isOurs = what !== "a web server that is not ours";
      using server = startFaultServer(({ path }) =>
        isOurs && path.endsWith("/health") ? healthy : answer ?? assert.fail("it is not asked")
      );
      const env = identify(agent, answer === null ? closedPort() : server.url);
      const result = await runInSession(command.split(" "), { home: home.path, env });
      assert.equal(result.code, code, result.stdout + result.stderr);
      assert.match(result.stdout + result.stderr, says);
      assert.equal(beatsOf(server).length, 0);
    });
  }
}

Deno.test("a redirect is not followed: the secret goes to one host only", async () => {
  await using home = await temporaryFolder();
  using other = startFaultServer(() => greets());
  using server = startFaultServer(() => ({ status: 307, body: "", headers: { location: other.url } }));
  const result = await runInSession(["handshake"], { home: home.path, env: identify(agent, server.url) });
  assertRefused(result, 6, /redirects \(307\)/);
  assert.equal(other.caught.length, 0);
});

Deno.test("what a server sends cannot paint the terminal", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(() =>
    greets({ agent: { id: agentId, name: "\u001b[31mred\u001b]0;title\u0007\u202e" } })
  );
  const { stdout } = await runInSession(["handshake"], { home: home.path, env: identify(agent, server.url) });
  // deno-lint-ignore no-control-regex -- the control characters are what must not be there
  assert.doesNotMatch(stdout, /[\u001b\u0007\u202e]/);
  assert.match(stdout, /red/);
});

Deno.test("a secret in a flag is used, with one warning on stderr, with --json too", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(() => greets({ agent: { id: agentId, name: "edge 1" } }));
  const args = ["handshake", "--json", `--agent-id=${agentId}`, `--agent-secret=${agentSecret}`];
  const { code, stdout, stderr } = await runInSession([...args, "--url", server.url], { home: home.path });
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(stdout).agent.id, agentId);
  assert.match(stderr, /^warning: --agent-secret is visible to every user of this host [^\n]+\n$/);
});

Deno.test("credentials that systemd brings and others may read are used, with one warning", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(() => greets());
  await storeCredentials(home.path, server.url, agent);
  const folder = `${home.path}/credentials`;
  await Deno.rename(dirname(credentialsPath(home.path)), folder);
  if (unix) await Deno.chmod(`${folder}/credentials.json`, 0o644);
  const env = { CREDENTIALS_DIRECTORY: folder };
  const { code, stderr } = await runInSession(["handshake"], { home: home.path, env });
  assert.equal(code, 0, stderr);
  if (unix) {
    assert.match(stderr, /^warning: the credentials file .* is open to others: its mode is 0644[^\n]*\n$/);
  }
});

testWith(
  ["sh", "chmod"],
  "the command that mends a file's mode can be typed, whatever the folder is called",
  async () => {
    await using folder = await temporaryFolder();
    const home = `${folder.path}/o'brien's $(home)`;
    await storeCredentials(home, closedPort(), agent);
    await Deno.chmod(credentialsPath(home), 0o644);
    const refused = await runInSession(["handshake"], { home });
    assertRefused(refused, 3, /its mode is 0644/);
    const hint = /^hint: (.+)$/m.exec(refused.stderr)?.[1] ?? "";
    assert.equal((await runProgram("sh", ["-c", hint]))?.code, 0, hint);
    assert.equal((await runInSession(["handshake"], { home })).code, 6);
    assert.equal(await isThere(sessionPath(home)), false);
  },
);

testWith(
  ["root", "setpriv", "env"],
  "the command that mends a file's owner is one for sudo, unless root asks",
  async () => {
    await using folder = await temporaryFolder();
    const home = folder.path;
    const path = credentialsPath(home);
    await storeCredentials(home, closedPort(), agent);
    await Deno.chown(path, 12_345, 12_345);
    const asRoot = await runInSession(["handshake"], { home });
    assert.ok(asRoot.stderr.includes(`hint: chown 0 ${shellQuote(path)}`), asRoot.stderr);
    const { program, args } = openclaw(["handshake"]);
    const variables = Object.entries(ownEnvironment(home)).map(([name, value]) => `${name}=${value}`);
    const ended = await runProgram("setpriv", [...asNobody, "env", "-i", ...variables, program, ...args]);
    assert.ok(ended?.stderr.includes(`hint: sudo chown 54321 ${shellQuote(path)}`), ended?.stderr);
  },
);
