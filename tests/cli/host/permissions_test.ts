import assert from "node:assert/strict";
import { allEntries } from "../../../cli/commands/entries.ts";
import { abilities, kept } from "../../../cli/host/permissions.ts";
import { run } from "../../_support/run.ts";
import { withFolder } from "../../_support/server.ts";
import { ownEnvironment } from "../../_support/program.ts";

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

for (const [command, needed] of Object.entries(kept)) {
  Deno.test(`who gives up what ${command} does not need can do ${needed.join(", ") || "nothing"} any more`, () =>
    withFolder(async (folder) => {
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
        () => new Response("", { headers: { "content-type": "text/javascript" } }),
      );
      const path = `${folder}/script.ts`;
      await Deno.writeTextFile(path, script);
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--quiet",
          "--no-prompt",
          "--no-config",
          "--allow-all",
          path,
          command,
          `${folder}/new`,
          folder,
          `http://127.0.0.1:${server.addr.port}/module.js`,
        ],
        env: { NO_COLOR: "1" },
      }).output();
      await server.shutdown();
      const decoder = new TextDecoder();
      const able: unknown = JSON.parse(decoder.decode(stdout) || decoder.decode(stderr));
      assert.deepEqual(able, abilities.filter((ability) => (needed as readonly string[]).includes(ability)));
    }));
}

const identity = ["--url", "http://127.0.0.1:1", "--agent-id", "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11"];
const secret = ["--agent-secret", "ocs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_OS0B5A"];
const agent = [...identity, ...secret];

/** Each command, as it is run and ends soon. */
const lines: [args: string[], command: keyof typeof kept][] = [
  [["monitor", "--once", ...agent], "monitor"],
  [["monitor", "--once", "--status-command", "true", ...agent], "monitor with a command"],
  [["handshake", ...agent], "handshake"],
  [["heartbeat", ...agent], "heartbeat"],
  [["status", ...agent], "status"],
  [["doctor", ...agent], "doctor"],
  [["configure", ...agent], "configure"],
  [["forget"], "forget"],
  [["service", "install", "--dry-run", ...agent], "service"],
  [["service", "uninstall", "--dry-run"], "service"],
  [["service", "status", "--user"], "service"],
  [["service", "logs", "--user"], "service"],
  [["installer", "bash", "--url", "https://fleet.example"], "installer"],
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

Deno.test("no command is left out here", () => {
  const tried = new Set(lines.map(([args]) => args[0]));
  assert.deepEqual(allEntries.map(({ name }) => name).filter((name) => !tried.has(name)), []);
});

/** Runs the program from source, watched from outside: what it can do when it ends, and what it did before it gave up. */
async function assertGivesUp(main: string, args: string[], command: keyof typeof kept): Promise<void> {
  await withFolder(async (home) => {
    const watch = ["--preload", `${root}tests/_support/watch_permissions.ts`];
    const ended = await run(
      Deno.execPath(),
      ["run", "--quiet", "--no-prompt", "--allow-all", ...watch, `${root}${main}`, ...args],
      { cwd: home, env: ownEnvironment(home) },
    );
    const { able, early } = JSON.parse(/^WATCHED (.+)$/m.exec(ended?.stderr ?? "")?.[1] ?? "{}");
    assert.deepEqual(able?.toSorted(), [...kept[command]].toSorted(), ended?.stderr);
    assert.deepEqual(early, [], "it used what it had before it gave up the rest");
  });
}
