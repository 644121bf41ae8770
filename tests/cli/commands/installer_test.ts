import assert from "node:assert/strict";
import { join } from "node:path";
import { namesIn, writePrivate } from "../../_support/home.ts";
import { isThere, type Run } from "../../_support/program.ts";
import { runInSession } from "../../_support/program_session.ts";
import { assertRefused } from "../../_support/refused.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { agentId, agentSecret } from "../../_support/vectors.ts";

const url = "https://fleet.example";
const unix = Deno.build.os !== "windows";

/** Makes an installer for the agent of the vectors, its secret given on stdin. */
async function makeInstaller(home: string, args: string[]): Promise<Run> {
  const agent = ["--url", url, "--agent-id", agentId, "--agent-secret-file", "-"];
  return await runInSession(["installer", "bash", ...agent, ...args], { home, stdin: `${agentSecret}\n` });
}

const wrong: { args: string[]; env?: Record<string, string>; code: number; says: RegExp }[] = [
  { args: ["--url", "nonsense"], code: 2, says: /--url is not an address/ },
  { args: [], env: { OPENCLAW_URL: "nonsense" }, code: 2, says: /OPENCLAW_URL is not an ad/ },
  { args: [], code: 2, says: /no server is named/ },
  { args: ["--url", "http://fleet.example"], code: 2, says: /neither https nor a loopback address/ },
  {
    args: ["--url", url, "--agent-id", agentId],
    code: 2,
    says: /--agent-secret-file is missing, id and secret are given together/,
  },
  {
    args: ["--url", url, "--agent-id", agentId, "--agent-secret-file", "no"],
    code: 4,
    says: /there is no such file/,
  },
];

for (const { args, env = {}, code, says } of wrong) {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value} `).join("");
  Deno.test(`${variables}openclaw installer bash ${args.join(" ")} → exit code ${code}, one hint, no installer`, async () => {
    await using home = await temporaryFolder();
    assertRefused(await runInSession(["installer", "bash", ...args], { home: home.path, env }), code, says);
  });
}

Deno.test("openclaw installer --agent-secret-file - reads the secret from stdin, and prints the installer", async () => {
  await using home = await temporaryFolder();
  const { code, stdout, stderr } = await makeInstaller(home.path, []);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^#!\/bin\/sh/);
  assert.ok(stdout.includes(agentSecret));
});

Deno.test("openclaw installer --output writes a file for this user only, and prints none of it", async () => {
  await using home = await temporaryFolder();
  const path = join(home.path, "install.sh");
  const result = await makeInstaller(home.path, ["--output", path]);
  assert.deepEqual(result, { code: 0, stdout: "", stderr: `wrote ${path}\n` });
  assert.ok((await Deno.readTextFile(path)).includes(agentSecret));
  if (unix) assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
});

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
  Deno.test(`openclaw installer --output ${name} → exit code ${code}, and nothing is written`, async () => {
    await using home = await temporaryFolder();
    await writePrivate(join(home.path, "there"), "as it was");
    await Deno.mkdir(join(home.path, "folder"));
    assertRefused(await makeInstaller(home.path, ["--output", output]), code, says);
    assert.equal(await Deno.readTextFile(join(home.path, "there")), "as it was");
    assert.deepEqual(await namesIn(join(home.path, "folder")), []);
    const names = await namesIn(home.path);
    assert.deepEqual(names.filter((one) => !/^[A.]/.test(one)), ["folder", "there"]);
  });
}

testWith(
  unix ? [] : ["the links of Unix"],
  "openclaw installer --output over a link to nowhere → conflict, and nothing is written through it",
  async () => {
    await using home = await temporaryFolder();
    await Deno.symlink(join(home.path, "elsewhere"), join(home.path, "link"));
    assertRefused(await makeInstaller(home.path, ["--output", "link"]), 5, /there is something already/);
    assert.equal(await isThere(join(home.path, "elsewhere")), false);
  },
);
