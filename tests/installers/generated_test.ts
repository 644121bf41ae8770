import assert from "node:assert/strict";
import { join } from "node:path";
import { makeInstaller } from "../../supabase/functions/_shared/installer/installer.ts";
import { bash, installSh, languages, python, run, sh, tree, zsh } from "../_support/installers.ts";
import { temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { withFront } from "./_front.ts";
import {
  cli,
  handedOutPs1,
  handedOutPy,
  handedOutSh,
  inShell,
  spiedOn,
  spiedOnEnrolling,
  testHandedOut,
} from "./_handed_out.ts";

// What a process is given, tests/long tells of every shell.
testHandedOut([handedOutSh, handedOutPy, handedOutPs1], {
  more: [
    ...languages.filter(({ extension }) => extension === "sh").flatMap(inShell),
    ...[sh, zsh, python].map(spiedOn),
    ...[sh, bash, python].map(spiedOnEnrolling),
  ],
});

testWith(["sh", ...sh.tools.slice(1)], "an installer that was cut off does nothing", async () => {
  await using folder = await temporaryFolder();
  const home = join(folder.path, "home");
  await Deno.mkdir(home);
  let asked = 0;
  await withFront(() => (asked++, new Response("{}")), async (url) => {
    const agent = { id: agentId, secret: agentSecret };
    const whole = makeInstaller("bash", { url, agent }).content.trimEnd();
    const file = join(folder.path, "install.sh");
    await Deno.writeTextFile(file, whole);
    assert.equal((await Deno.stat(file)).size, whole.length, "a letter is more than a byte");
    const ends = [...cuts(whole)].map(String);
    assert.ok(ends.length > 500, `${ends.length} cuts`);
    const { code, stdout, stderr } = await run(["sh", "-c", eachCut, file, ...ends], { env: { HOME: home } });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${ends.length} cuts\n`);
    assert.equal(asked, 0);
    assert.deepEqual(await tree(home), {});
    await run(["sh"], { stdin: whole, env: { HOME: home } });
    assert.equal(asked, 1);
  });
});

/**
 * After how many letters: at each from the first command until the group of all others begins, and of the last two
 * lines; and in the group, where a command would be complete without it: behind each line of its own, and behind a
 * function's name.
 */
function cuts(whole: string): Set<number> {
  const first = whole.indexOf("\n{ set ");
  const group = whole.indexOf("\n{\n") + "\n{\n".length;
  const end = whole.lastIndexOf("\nmain ");
  const inside = Array.from(whole.slice(group, end).matchAll(/^\w+(?=\(\) )|^[^\s#].*$/gm));
  const between = (from: number, to: number): number[] =>
    Array.from({ length: to - from }, (_, index) => from + index);
  return new Set([
    ...between(first, group),
    ...inside.map(({ 0: text, index }) => group + index + text.length),
    ...between(end, whole.length),
  ]);
}

/** Runs the file as it would be if the download had ended after so many bytes; tells of those that print anything. */
const eachCut = `count=0
for end; do
  said=$(head -c "$end" "$0" | sh 2>/dev/null)
  [ -z "$said" ] || printf 'cut at %s: %s\\n' "$end" "$said"
  count=$((count + 1))
done
echo "$count cuts"`;

Deno.test("openclaw installer with half an agent, a bad secret or an address without TLS → 2, and empty stdout", async () => {
  const id = agentId;
  const url = "https://fleet.example";
  const wrong: [string[], Record<string, string>, RegExp][] = [
    [["bash"], {}, /no server is named/],
    [["fish"], { OPENCLAW_URL: url }, /fish/],
    [
      ["bash", "--agent-id", id],
      { OPENCLAW_URL: url, OPENCLAW_AGENT_SECRET: agentSecret },
      /given together/,
    ],
    [["bash"], { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: id }, /given together/],
    [
      ["bash"],
      { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: id, OPENCLAW_AGENT_SECRET: `${agentSecret}x` },
      /55 characters/,
    ],
    [["bash", "--url", "http://fleet.example"], {}, /neither https nor a loopback address/],
  ];
  for (const [args, env, message] of wrong) {
    const ended = await cli(["installer", ...args], env);
    assert.equal(ended.code, 2, ended.stderr);
    assert.match(ended.stderr, message);
    assert.equal(ended.stdout, "");
  }
});

Deno.test("openclaw installer without an agent prints the installer without a secret", async () => {
  const { code, stdout } = await cli(["installer", "bash", "--url", "https://fleet.example/functions/v1/"]);
  assert.equal(code, 0);
  assert.equal(stdout, makeInstaller("bash", { url: "https://fleet.example" }).content);
  assert.notEqual(stdout, await Deno.readTextFile(installSh));
});
