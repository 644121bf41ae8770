import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { compiled } from "../../_support/compiled.ts";
import { succeed } from "../../_support/run.ts";
import { withFolder } from "../../_support/server.ts";
import { closedPort } from "../../_support/port.ts";
import { isThere, makeAgent, type Run } from "../../_support/program.ts";
import { testCompiled } from "../../_support/require.ts";

const binary = compiled ?? "";
const agent = makeAgent();
const flags = ["--url", closedPort(), "--agent-id", agent.id, `--agent-secret=${agent.secret}`];
const unreachable =
  /^error: Cannot reach the server: [^\n]+\nhint: (deno task )?openclaw(-server)? doctor\n$/m;

const notHere =
  /^error: Cannot run "[\w-]+": it is a command of the program openclaw-server\nhint: openclaw-server /;

interface Alone {
  args: string[];
  code: number;
  stdout: RegExp;
  stderr: RegExp;
  /** The home that the system's list names for this user is nobody's to test with. */
  needsHome?: true;
}

const commands: Alone[] = [
  { args: ["--version"], code: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: /^$/ },
  { args: ["version"], code: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: /^$/ },
  { args: ["version", "--json"], code: 0, stdout: /^\{"version":"[^\n]+\}\n$/, stderr: /^$/ },
  { args: ["serve"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["serve", "--help"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["help", "serve"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["keys", "generate"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["installer", "bash", "--url", "https://fleet.example"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["agents", "create", "web-1"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["channels", "list"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["dashboard", "--no-open"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["enrollments", "create", "--uses", "2"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["fleet", "--watch"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["incidents"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["login", "--help"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["logout"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["reader-keys", "list"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["top", "--group", "site"], code: 2, stdout: /^$/, stderr: notHere },
  { args: ["completions", "bash"], code: 0, stdout: /openclaw-agent complete '?--/, stderr: /^$/ },
  { args: ["complete", "--", "hea"], code: 0, stdout: /^heartbeat\t/m, stderr: /^$/ },
  { args: ["handshake", ...flags], code: 6, stdout: /^$/, stderr: unreachable, needsHome: true },
  { args: ["heartbeat", ...flags], code: 6, stdout: /^$/, stderr: unreachable, needsHome: true },
  {
    args: ["status", ...flags],
    code: 6,
    stdout: /^liveness {2}unknown$/m,
    stderr: unreachable,
    needsHome: true,
  },
  {
    args: ["doctor", ...flags],
    code: 6,
    stdout: /^FAIL {2}tcp /m,
    stderr: /^warning: [^\n]+\n$/,
    needsHome: true,
  },
  { args: ["monitor", "--once", ...flags], code: 6, stdout: /^$/, stderr: unreachable, needsHome: true },
  { args: ["forget"], code: 0, stdout: /^$/, stderr: /^there was nothing to remove\n$/, needsHome: true },
  { args: ["service", "status", "--user"], code: 4, stdout: /^[^\n]+\n$/, stderr: /^$/, needsHome: true },
  { args: ["configure"], code: 2, stdout: /^$/, stderr: /^error: [^\n]+ --url is missing/, needsHome: true },
];

// Windows opens no socket in an empty environment.
const onWindows = commands.filter(({ code }) => code !== 6);

for (const { args, code, stdout, stderr, needsHome } of Deno.build.os === "windows" ? onWindows : commands) {
  testCompiled(
    `the compiled openclaw ${args.slice(0, 2).join(" ")}, alone in a folder, needs nothing that is not in it`,
    () =>
      withFolder(async (folder) => {
        const home = join(folder, "home");
        const ended = await runAlone(args, folder, needsHome ? { HOME: home } : {});
        assert.equal(ended.code, code, ended.stdout + ended.stderr);
        assert.match(ended.stdout, stdout);
        assert.match(ended.stderr, stderr);
        const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
        assert.deepEqual(names.filter((name) => name !== "home"), [basename(binary)]);
        assert.equal(await isThere(join(home, ".cache")), false);
        assert.equal(await isThere(join(home, ".config")), false);
      }),
  );
}

async function runAlone(args: string[], folder: string, env: Record<string, string>): Promise<Run> {
  const alone = join(folder, basename(binary));
  // By another process: a child that any test starts meanwhile would hold our file open, which keeps it from running.
  if (Deno.build.os === "windows") await Deno.copyFile(binary, alone);
  else await succeed("cp", [binary, alone]);
  const { code, stdout, stderr } = await new Deno.Command(alone, {
    args,
    cwd: folder,
    clearEnv: true,
    env,
    stdin: "null",
    signal: AbortSignal.timeout(300_000),
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
