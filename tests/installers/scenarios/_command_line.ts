import assert from "node:assert/strict";
import { assertEnded, run } from "../../_support/installers.ts";
import { type Scenario, type Scene, untouched } from "../_scene.ts";

/** What all installers are held to: the command line. */
export const commandLine: Scenario[] = [
  { name: "id and secret from two layers are refused", work: mixedLayers },
  { name: "help and version are answers, and nothing is touched", work: answers },
  { name: "wrong options are usage errors", work: wrongUsage },
  { name: "what the agent is to watch is on the line that starts it", work: watched },
];

async function mixedLayers({ host, fleet, url }: Scene): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  const env = { OPENCLAW_URL: url, OPENCLAW_AGENT_SECRET: secret };
  await untouched(host, () => host.run(["--agent-id", id], { env }), 2, /given together/);
}

async function answers({ host }: Scene): Promise<void> {
  const help = await untouched(host, () => host.run(["--help"]), 0);
  const options =
    "url agent-id agent-secret-file enrollment-code-file binary binary-url sha256 script-agent no-service name second-name no-second-name uninstall dry-run yes";
  for (const option of [...options.split(" "), "help", "version"]) {
    assert.match(help.stdout, new RegExp(`^  --${option} .*\\S$`, "m"));
  }
  assert.equal(help.stderr, "");
  const version = await untouched(host, () => host.run(["--version"]), 0);
  assert.deepEqual([version.stdout, version.stderr], ["0.1.0\n", ""]);
}

async function wrongUsage({ host, fleet, url, some }: Scene): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  await Deno.writeTextFile(host.secretFile, secret);
  const secretFlag = ["--agent-secret-file", host.secretFile];
  const wrong: [string[], RegExp][] = [
    [["--frobnicate"], /unknown option "--frobnicate"/],
    [["--yes=no"], /unknown option "--yes=no"/],
    [["--url"], /"--url" lacks its value/],
    [["extra"], /unknown option "extra"/],
    [[], /no agent is named/],
    [["--agent-id", id, ...secretFlag], /no server is named/],
    [[`--url=${url}`, "--agent-id=7", ...secretFlag], /it is not a UUID/],
    [["--script-agent", "--binary", "x"], /--script-agent excludes/],
    [["--binary-url", "y", "--binary", "x"], /--binary excludes/],
    [["--sha256", "abc"], /64 hexadecimal digits/],
    ...watching,
  ];
  for (const [args, message] of some(wrong)) await untouched(host, () => host.run(args), 2, message);
  const missing = ["--url", url, "--agent-id", id, "--agent-secret-file", "/nowhere"];
  await untouched(host, () => host.run(missing), 4, /Cannot read "\/nowhere"/);
}

async function watched({ host, fleet, url }: Scene): Promise<void> {
  const given = ["--no-service", "--script-agent"];
  const options = ["--watch=openclaw:18790", "--probe-url", "http://127.0.0.1:9/it's?a=$b"];
  const ended = await host.install(await fleet.createAgent(), url, { args: [...given, ...options] });
  assertEnded(ended, 0);
  const line = /^to start the agent: (.*)$/m.exec(ended.stdout)?.[1] ?? "";
  const { stdout } = await run(["sh", "-c", `set -- ${line}; shift; echo "$*"`]);
  assert.equal(stdout.replaceAll("=", " "), `monitor ${options.join(" ")}\n`.replaceAll("=", " "));
  const refused = await host.run([...given, "--status-command", "true"]);
  assertEnded(refused, 2, /Cannot keep a command for the small agent/);
}

const watching: [string[], RegExp][] = [
  [["--watch", "gateway"], /Cannot watch "gateway": openclaw or openclaw:<port> is expected/],
  [["--probe-url=ftp://host/"], /Cannot use the address of --probe-url/],
  [["--status-command", "a\nb"], /it has a control character/],
];
