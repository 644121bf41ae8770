import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { calculateJwkThumbprint, importJWK, jwtVerify, SignJWT } from "jose";
import { run as runProgram } from "../../_support/run.ts";
import { openclaw, startServerProcess, withFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { greets, startFaultServer } from "../../_support/fault_server.ts";
import { identify, makeAgent, ownEnvironment, type Run, run } from "../../_support/program.ts";

const agent = makeAgent();
const unix = Deno.build.os !== "windows";

/** Shakes hands with a server that gives this token. */
async function shakeHands(token: string, args: string[] = []): Promise<Run> {
  const server = startFaultServer(() =>
    greets({ token, agent: { id: agent.id, name: "edge 1" }, heartbeat_interval_seconds: 60 })
  );
  try {
    return await withFolder((home) =>
      run(["handshake", ...args], { home, env: identify(agent, server.url) })
    );
  } finally {
    server.close();
  }
}

function tokenWith(header: unknown): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part({ sub: agent.id })}.${Buffer.from("signature").toString("base64url")}`;
}

Deno.test("openclaw handshake tells the agent, how long the session is good, the key and the pace, but no token", async () => {
  const token = tokenWith({ alg: "EdDSA", kid: "key-1" });
  const { code, stdout, stderr } = await shakeHands(token);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
  assert.deepEqual(stdout.split("\n"), [
    `agent     edge 1 (${agent.id})`,
    "session   good for 900 s, to be renewed after 700 s",
    "signed by key-1",
    "heartbeat every 60 s",
    "",
  ]);
  for (const part of token.split(".")) assert.ok(!stdout.includes(part), stdout);
});

Deno.test("openclaw handshake --json tells the key's id, and the token only with --print-token", async () => {
  const token = tokenWith({ alg: "EdDSA", kid: "key-1" });
  const without = JSON.parse((await shakeHands(token, ["--json"])).stdout);
  assert.deepEqual([without.kid, "token" in without], ["key-1", false]);
  const withToken = JSON.parse((await shakeHands(token, ["--json", "--print-token"])).stdout);
  assert.deepEqual([withToken.kid, withToken.token], ["key-1", token]);
});

Deno.test("a key id with control characters is shown with ? in their place", async () => {
  const token = tokenWith({ kid: "k\u001b[31m\u0007\u009b\u202e1" });
  const { code, stdout } = await shakeHands(token);
  assert.equal(code, 0);
  assert.match(stdout, /^signed by k\?\[31m\?\?\?1$/m);
  assert.equal(JSON.parse((await shakeHands(token, ["--json"])).stdout).kid, "k?[31m???1");
});

const nameless: [name: string, token: string][] = [
  ["of which no part is base64url of JSON", "a.b.c"],
  ["whose header is an array", tokenWith(["kid"])],
  ["whose header has no key id", tokenWith({ alg: "EdDSA" })],
  ["whose key id is a number", tokenWith({ kid: 7 })],
];

for (const [name, token] of nameless) {
  Deno.test(`openclaw handshake with a token ${name} → done, and no key id`, async () => {
    const { code, stdout, stderr } = await shakeHands(token);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^signed by a key without a name$/m);
    assert.equal(JSON.parse((await shakeHands(token, ["--json"])).stdout).kid, null);
  });
}

Deno.test("openclaw keys generate prints one private Ed25519 key on one line, named by its thumbprint", () =>
  withFolder(async (home) => {
    const { code, stdout, stderr } = await run(["keys", "generate"], { home });
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    assert.match(stdout, /^[^\n]+\n$/);
    const { keys } = JSON.parse(stdout);
    assert.equal(keys.length, 1);
    const [key] = keys;
    assert.deepEqual([key.kty, key.crv], ["OKP", "Ed25519"]);
    assert.match(key.d, /^[\w-]{43}$/);
    assert.equal(key.kid, await calculateJwkThumbprint(key, "sha256"));
    const { d: _, key_ops: __, ...open } = key;
    const signed = await new SignJWT({}).setProtectedHeader({ alg: "EdDSA" })
      .sign(await importJWK(key, "EdDSA"));
    await jwtVerify(signed, await importJWK(open, "EdDSA"));
    const other = await run(["keys", "generate"], { home });
    assert.notEqual(JSON.parse(other.stdout).keys[0].kid, key.kid);
  }));

Deno.test("openclaw serve signs with the keys that openclaw keys generate printed, and shows their open half", () =>
  withFolder(async (home) => {
    const { stdout } = await run(["keys", "generate"], { home });
    const { keys: [key] } = JSON.parse(stdout);
    const server = await startServerProcess({ data: `${home}/data`, env: { AGENT_JWT_KEYS: stdout } });
    try {
      const response = await fetch(`${server.base}/jwks`);
      assert.equal(response.status, 200);
      const { keys } = await response.json();
      assert.deepEqual(keys.map(({ kid, x }: Record<string, unknown>) => ({ kid, x })), [
        { kid: key.kid, x: key.x },
      ]);
      assert.equal("d" in keys[0], false);
    } finally {
      await server.stop();
    }
  }));

Deno.test({
  name: "openclaw --version that nobody reads → not a word, and no exit code but 0 or 1",
  ignore: !unix,
  fn: () =>
    withFolder(async (home) => {
      const script = '(sleep 1; "$0" "$@"; echo "code $?" >&2) | true';
      for (const args of [["--version"], ["version"], ["version", "--json"]]) {
        const { program, args: words } = openclaw(args);
        const ended = await runProgram("sh", ["-c", script, program, ...words], {
          env: ownEnvironment(home),
        });
        // Deno 2.9 does not tell that nobody reads, Deno 2.4 does.
        assert.match(ended?.stderr ?? "", /^code [01]\n$/, args.join(" "));
      }
    }),
});

Deno.test({
  name: "openclaw --version onto a disk that is full → exit code 1, one error and one hint",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (home) => {
      for (const args of [["--version"], ["version"], ["version", "--json"]]) {
        const { program, args: words } = openclaw(args);
        const script = 'exec "$0" "$@" > /dev/full';
        const ended = await runProgram("sh", ["-c", script, program, ...words], {
          env: ownEnvironment(home),
        });
        assert.equal(ended?.code, 1, ended?.stderr);
        if (args.includes("--json")) {
          assert.deepEqual(JSON.parse(ended?.stderr ?? "").exit_code, 1);
        } else assert.match(ended?.stderr ?? "", /^error: Cannot write the answer: [^\n]+\nhint: df -h\n$/);
      }
    }),
});

/** What its child took at most, which the system alone knows when it has ended. */
const meter = `
import json, os, resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], capture_output=True, text=True, timeout=60)
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps({"code": ended.returncode, "stderr": ended.stderr, "most": most}))
`;

testWith(
  Deno.build.os === "linux" ? ["python3"] : ["/dev/zero"],
  "a secret file without an end is given up soon, before it fills the memory",
  () =>
    withFolder(async (home) => {
      const args = ["handshake", "--url", "http://127.0.0.1:1", "--agent-id", agent.id];
      const { program, args: words } = openclaw([...args, "--agent-secret-file", "/dev/zero"]);
      const before = performance.now();
      const ended = await runProgram("python3", ["-c", meter, program, ...words], {
        env: ownEnvironment(home),
      });
      const { code, stderr, most } = JSON.parse(ended?.stdout ?? "");
      assert.equal(code, 3, stderr);
      assert.match(
        stderr,
        /^error: Cannot use the agent secret: it has \d{4,6} characters[^\n]*\nhint: [^\n]+\n$/,
      );
      assert.ok(most < 400 * 1024 ** 2, `${most} bytes`);
      assert.ok(performance.now() - before < 20_000);
    }),
);
