import assert from "node:assert/strict";
import { join } from "node:path";
import { allEntries } from "../../../cli/commands/entries.ts";
import { abilities, kept } from "../../../cli/host/permissions.ts";
import { operatorKey } from "../../_support/fake_fleet.ts";
import { run, succeed } from "../../_support/run.ts";
import { removeAtEnd, temporaryFolder } from "../../_support/server.ts";
import { agentId, agentSecret, enrollmentCode } from "../../_support/vectors.ts";
import { ownEnvironment, sourceEnvironment } from "../../_support/program.ts";

const root = new URL("../../../", import.meta.url).href;

/** Gives up what the command does not need, then tries everything. */
const script = `
import { giveUp } from "${root}cli/host/permissions.ts";
await giveUp(Deno.args[0]);
const attempts = {
  ffi: () => Deno.dlopen("/nowhere.so", {}),
  run: () => new Deno.Command(Deno.build.os === "windows" ? "cmd" : "true", { args: [] }).outputSync(),
  env: () => Deno.env.get("PATH"),
  write: () => Deno.writeTextFileSync(Deno.args[1], ""),
  sys: () => Deno.hostname(),
  net: () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),
  read: () => Deno.statSync(Deno.args[2]),
  import: () => import(Deno.args[3]),
};
const able = [];
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    able.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable) && !/Requires import access/.test(error.message)) able.push(name);
  }
}
console.log(JSON.stringify(able));
`;

// What each command gives up is below; here, that what was given up cannot be done, and what was kept can.
for (const command of ["keys", "monitor", "monitor with a command", "doctor"] as const) {
  const needed: readonly string[] = kept[command];
  Deno.test(`a process that gave up what ${command} does not need can do only: ${needed.join(", ")}`, async () => {
    await using folder = await temporaryFolder();
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
      () => new Response("", { headers: { "content-type": "text/javascript" } }),
    );
    const path = `${folder.path}/script.ts`;
    await Deno.writeTextFile(path, script);
    const options = ["run", "--quiet", "--no-prompt", "--no-config", "--allow-all"];
    const module = `http://127.0.0.1:${server.addr.port}/module.js`;
    const args = [...options, path, command, `${folder.path}/new`, folder.path, module];
    const { stdout } = await succeed(Deno.execPath(), args);
    assert.deepEqual(JSON.parse(stdout), abilities.filter((ability) => needed.includes(ability)));
  });
}

const agent = ["--url", "http://127.0.0.1:1", "--agent-id", agentId, "--agent-secret", agentSecret];
const operator = ["--url", "http://127.0.0.1:1"];

const { path: codeFolder } = await temporaryFolder();
removeAtEnd(codeFolder);
const codeFile = join(codeFolder, "code");
await Deno.writeTextFile(codeFile, enrollmentCode);

/** Each command, as it is run and ends soon. */
const lines: [args: string[], command: keyof typeof kept][] = [
  [["monitor", "--once", ...agent], "monitor"],
  [["monitor", "--once", "--status-command", "true", ...agent], "monitor with a command"],
  [["handshake", ...agent], "handshake"],
  [["heartbeat", ...agent], "heartbeat"],
  [["run", "--", "true"], "run"],
  [["status", ...agent], "status"],
  [["doctor", ...agent], "doctor"],
  [["configure", ...agent], "configure"],
  [["enroll", "--url", "http://127.0.0.1:1", `--code-file=${codeFile}`], "enroll"],
  [["forget"], "forget"],
  [["service", "install", "--dry-run", ...agent], "service"],
  [["service", "uninstall", "--dry-run"], "service"],
  [["service", "restart", "--user"], "service"],
  [["service", "status", "--user"], "service"],
  [["service", "logs", "--user"], "service"],
  [["installer", "bash", "--url", "https://fleet.example"], "installer"],
  [["agents", "show", agentId], "agents"],
  [["cost", "--agents", "10"], "cost"],
  [["dashboard", ...operator], "dashboard"],
  [["enrollments", "list"], "enrollments"],
  [["fleet", ...operator], "fleet"],
  [["fleet", "--nagios", ...operator], "fleet"],
  [["reader-keys", "list", ...operator], "reader-keys"],
  [["top", ...operator], "top"],
  [["channels", "list", ...operator], "channels"],
  [["incidents", "list", ...operator], "incidents"],
  [["login", "--publishable-key", "sb_publishable_x", "--email", "you@example.com"], "login"],
  [["logout"], "logout"],
  [["keys", "generate"], "keys"],
  [["completions", "bash"], "completions"],
  [["complete", "--", "hea"], "completions"],
  [["version"], "version"],
  [["serve", "--public-url", "nonsense"], "serve"],
];

for (const [args, command] of lines) {
  Deno.test(`openclaw ${args.slice(0, 3).join(" ")} gives up at its start what it does not need`, () =>
    assertGivesUp("cli/main.ts", args, command));
}

Deno.test("a command that is not in the program for an agent's host gives up everything", () =>
  assertGivesUp("cli/openclaw.ts", ["serve"], "elsewhere"));

Deno.test("no command, and no list of what is kept, is left out here", () => {
  const tried = new Set(lines.map(([args]) => args[0]));
  assert.deepEqual(allEntries.map(({ name }) => name).filter((name) => !tried.has(name)), []);
  const lists = new Set<string>([...lines.map(([, command]) => command), "elsewhere"]);
  assert.deepEqual(Object.keys(kept).filter((list) => !lists.has(list)), []);
});

/** Runs the program from source, watched from outside: what it can do when it ends, and what it did before it gave up. */
async function assertGivesUp(main: string, args: string[], command: keyof typeof kept): Promise<void> {
  await using home = await temporaryFolder();
  const watch = ["--preload", `${root}tests/_support/watch_permissions.ts`];
  const ended = await run(
    Deno.execPath(),
    ["run", "--quiet", "--no-prompt", "--allow-all", ...watch, `${root}${main}`, ...args],
    {
      cwd: home.path,
      env: { ...ownEnvironment(home.path), ...sourceEnvironment, OPENCLAW_OPERATOR_KEY: operatorKey },
    },
  );
  const { able, early } = JSON.parse(/^WATCHED (.+)$/m.exec(ended?.stderr ?? "")?.[1] ?? "{}");
  assert.deepEqual(able?.toSorted(), [...kept[command]].toSorted(), ended?.stderr);
  assert.deepEqual(early, [], "it used what it had before it gave up the rest");
}
