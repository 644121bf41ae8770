import assert from "node:assert/strict";
import { cleanHostname } from "../../../cli/agent/agent.ts";
import { warningOfFirstProcess } from "../../../cli/agent/first_process.ts";
import { handshakesAndBeats, startFaultServer } from "../../_support/fault_server.ts";
import { commandOf, identify, makeAgent, ownEnvironment } from "../../_support/program.ts";
import { succeed } from "../../_support/run.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";

for (
  const [name, given, expected] of [
    ["a usual one", "edge-1.example.com", "edge-1.example.com"],
    ["a CR at its end", "edge\r", "edge-"],
    ["a tab, an escape and DEL", "a\tb\x1b[0m\x7f", "a-b-[0m-"],
    ["C1", "a\x85b\x9f", "a-b-"],
    ["half of a surrogate", "a\ud800b", "a-b"],
    ["words beyond ASCII", "jörgs rechner 漢", "jörgs rechner 漢"],
    ["none", "", "unknown"],
    ["300 characters of two units", "😀".repeat(300), "😀".repeat(255)],
  ] as const
) {
  Deno.test(`a hostname that has ${name} is cleaned, not refused`, () => {
    const clean = cleanHostname(given);
    assert.equal(clean, expected);
    assert.ok([...clean].length <= 255 && clean.isWellFormed());
  });
}

Deno.test("a monitor that is a container's first process warns of zombies, if it runs commands", () => {
  assert.match(warningOfFirstProcess(1, true) ?? "", /zombie.*--init/);
  assert.equal(warningOfFirstProcess(1, false), null);
  assert.equal(warningOfFirstProcess(2, true), null);
});

testWith(
  Deno.build.os === "linux" ? ["root", "unshare"] : ["Linux"],
  "the first process of a namespace says so once, before its first beat",
  async () => {
    using server = startFaultServer(handshakesAndBeats());
    await using home = await temporaryFolder();
    const { program, args } = commandOf(["monitor", "--once", "--status-command", "true"]);
    const env = { ...ownEnvironment(home.path), ...identify(makeAgent(), server.url) };
    const { stderr } = await succeed("unshare", ["--pid", "--fork", program, ...args], { env });
    assert.equal(stderr.match(/--init/g)?.length, 1, stderr);
  },
);
