import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { keyOf } from "../../../../cli/commands/agent/handshake.ts";
import { greets, startFaultServer } from "../../../_support/fault_server.ts";
import { identify, type Run } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { agentId, agentSecret } from "../../../_support/vectors.ts";

const agent = { id: agentId, secret: agentSecret };

/** Shakes hands with a server that gives this token. */
async function shakeHands(token: string, args: string[] = []): Promise<Run> {
  await using home = await temporaryFolder();
  using server = startFaultServer(() =>
    greets({ token, agent: { id: agentId, name: "edge 1" }, heartbeat_interval_seconds: 60 })
  );
  return await runInSession(["handshake", ...args], { home: home.path, env: identify(agent, server.url) });
}

function tokenWith(header: unknown): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part({ sub: agentId })}.${Buffer.from("signature").toString("base64url")}`;
}

Deno.test("openclaw handshake tells the agent, how long the session is good, the key and the pace, but no token", async () => {
  const token = tokenWith({ alg: "EdDSA", kid: "key-1" });
  const { code, stdout, stderr } = await shakeHands(token);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(stdout.split("\n"), [
    `agent     edge 1 (${agentId})`,
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

Deno.test("openclaw handshake with a token that names no key tells so, and is done", async () => {
  const { code, stdout, stderr } = await shakeHands("a.b.c");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^signed by a key without a name$/m);
  assert.equal(JSON.parse((await shakeHands("a.b.c", ["--json"])).stdout).kid, null);
});

const keys: [name: string, token: string, kid: string | null][] = [
  [
    "with control characters, which are shown as ?",
    tokenWith({ kid: "k\u001b[31m\u0007\u009b\u202e1" }),
    "k?[31m???1",
  ],
  ["of a token of which no part is base64url of JSON", "a.b.c", null],
  ["of a header that is an array", tokenWith(["kid"]), null],
  ["of a header without one", tokenWith({ alg: "EdDSA" }), null],
  ["that is a number", tokenWith({ kid: 7 }), null],
];

for (const [name, token, kid] of keys) {
  Deno.test(`the key id ${name}: ${kid ?? "none"}`, () => assert.equal(keyOf({ token }), kid));
}
