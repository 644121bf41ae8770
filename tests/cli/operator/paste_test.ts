import assert from "node:assert/strict";
import { join } from "node:path";
import { agentLine, enrollmentLines } from "../../../cli/operator/paste.ts";
import { makeToken } from "../../_support/fake_service.ts";
import { succeed } from "../../_support/run.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { showTerminal, terminal } from "../../_support/terminal.ts";
import { testWith } from "../../_support/tools.ts";
import { agentId, agentSecret } from "../../_support/vectors.ts";

const code = makeToken("oce_", 1);
/** An installer that only tells what it was given. */
const installers = {
  bash: 'echo "got $OPENCLAW_AGENT_ID $OPENCLAW_AGENT_SECRET $OPENCLAW_ENROLLMENT_CODE" > got\n',
  powershell:
    'Set-Content got "got $env:OPENCLAW_AGENT_ID $env:OPENCLAW_AGENT_SECRET $env:OPENCLAW_ENROLLMENT_CODE"\n',
  python: `import os
open("got", "w").write("got %s %s %s" % tuple(os.environ.get(name, "") for name in
  ["OPENCLAW_AGENT_ID", "OPENCLAW_AGENT_SECRET", "OPENCLAW_ENROLLMENT_CODE"]))
`,
};

function serve(): { url: string } & AsyncDisposable {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, (request) => {
    const shell = new URL(request.url).searchParams.get("shell") ?? "bash";
    return new Response(Object.entries(installers).find(([name]) => name === shell)?.[1]);
  });
  return { url: `http://127.0.0.1:${server.addr.port}`, [Symbol.asyncDispose]: () => server.shutdown() };
}

async function pasted(
  shell: string,
  kind: "bash" | "python",
): Promise<{ shown: string; got: string }> {
  await using home = await temporaryFolder();
  await using server = serve();
  const { line } = agentLine(kind, { url: server.url, agentId });
  const { shown } = await showTerminal([shell, "-c", line], {
    answers: [["secret: ", agentSecret]],
    home: home.path,
    env: { NO_PROXY: "127.0.0.1" },
  });
  return { shown, got: (await Deno.readTextFile(join(home.path, "got"))).trim() };
}

for (const shell of ["dash", "bash", "zsh"]) {
  testWith(
    [...terminal, shell, "curl"],
    `the line for an agent asks for its secret in ${shell}, and never shows it`,
    async () => {
      const { shown, got } = await pasted(shell, "bash");
      assert.equal(got, `got ${agentId} ${agentSecret}`);
      assert.ok(!shown.includes(agentSecret), shown);
    },
  );
}

testWith(
  [...terminal, "sh"],
  "the line for an agent asks for its secret in Python, and never shows it",
  async () => {
    const { shown, got } = await pasted("sh", "python");
    assert.equal(got, `got ${agentId} ${agentSecret}`);
    assert.ok(!shown.includes(agentSecret), shown);
  },
);

// PowerShell asks the terminal where its cursor is before it reads a line; here, its question is answered by a stand-in.
testWith(
  ["pwsh"],
  "the line for an agent brings the secret that PowerShell asked for, and leaves none behind",
  async () => {
    await using home = await temporaryFolder();
    await using server = serve();
    const { line } = agentLine("powershell", { url: server.url, agentId });
    const typed = `function Read-Host([string] $Prompt, [switch] $AsSecureString) {
    if ($AsSecureString) { ConvertTo-SecureString (Get-Content secret) -AsPlainText -Force } }`;
    await Deno.writeTextFile(join(home.path, "secret"), agentSecret);
    const command = `${typed}; ${line}; "left: $env:OPENCLAW_AGENT_SECRET"`;
    const { stdout } = await succeed("pwsh", ["-NoProfile", "-c", command], { cwd: home.path });
    assert.equal((await Deno.readTextFile(join(home.path, "got"))).trim(), `got ${agentId} ${agentSecret}`);
    assert.equal(stdout.trim(), "left:");
  },
);

Deno.test("no line for an agent has a place for its secret", () => {
  for (const shell of ["bash", "powershell", "python"] as const) {
    const { line } = agentLine(shell, { url: "https://fleet.example", agentId });
    assert.ok(line.includes(agentId) && !line.includes("ocs_") && !line.includes("\n"), line);
  }
});

for (const [index, tools] of [["bash", "curl"], ["pwsh"], ["sh", "python3"]].entries()) {
  const [shell = ""] = tools;
  testWith(
    tools,
    `the line for a code brings it to the installer in ${shell === "sh" ? "Python" : shell}`,
    async () => {
      await using home = await temporaryFolder();
      await using server = serve();
      const line = enrollmentLines({ url: server.url, code })[index]?.line ?? assert.fail();
      await succeed(shell, [...(shell === "pwsh" ? ["-NoProfile"] : []), "-c", line], {
        cwd: home.path,
        env: { NO_PROXY: "127.0.0.1" },
      });
      assert.equal((await Deno.readTextFile(join(home.path, "got"))).trim(), `got   ${code}`);
    },
  );
}

Deno.test("an address with a quote in it stays one word in every line", () => {
  const url = "https://fleet.example/a'b";
  const lines = [...enrollmentLines({ url, code }), agentLine("powershell", { url, agentId })];
  assert.deepEqual(lines.map(({ line }) => /a'b/.test(line.replaceAll(/'\\''|''/g, ""))), [
    false,
    false,
    false,
    false,
  ]);
});
