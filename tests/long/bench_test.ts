import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "../docs/_pages.ts";
import { findPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { run } from "../_support/run.ts";
import { temporaryFolder } from "../_support/server.ts";
import { isInstalled } from "../_support/tools.ts";
import { until } from "../_support/wait.ts";

const bench = ["run", "--quiet", "--allow-all", fileURLToPath(new URL("../bench/bench.ts", import.meta.url))];
const machine = await part(
  "wrk, or Postgres 15 or later",
  async () => isInstalled("wrk") && await findPostgres() !== null ? {} : null,
);

machine.test("bench --quick → a rate and a cost for each row over PGlite, and no file is written", async () => {
  const before = await Deno.readTextFile(join(root, "docs/benchmarks.md"));
  const ended = await run(Deno.execPath(), [...bench, "--quick"], { timeoutSeconds: 600 });
  assert.equal(ended?.code, 0, ended?.stderr);
  for (
    const row of [
      "Deno.serve, constant (B0)",
      "beats, PGlite, 50 % garbage",
      "handshakes, PGlite, 1 connection",
    ]
  ) {
    const line = ended.stdout.split("\n").find((line) => line.startsWith(`| ${row} |`));
    assert.match(line ?? row, /\| [\d,]+ \| \d+\.\d\d \|.*\| \d+ \+ 0 \|$/);
  }
  assert.equal(await Deno.readTextFile(join(root, "docs/benchmarks.md")), before);
});

const postgres = /\/postgres -D /;
const moments = {
  "as soon as Postgres runs": [postgres],
  "while a server is loaded": [/\/wrk -t1 /, / serve --data /, postgres],
};

for (const [when, kinds] of Object.entries(moments)) {
  machine.test(`bench that a signal ends ${when} → no load, no server, no Postgres and no folder stays`, async () => {
    await using folder = await temporaryFolder();
    // For the user that Postgres runs as.
    await Deno.chmod(folder.path, 0o711);
    const child = new Deno.Command(Deno.execPath(), {
      args: [...bench, "--only", "postgres"],
      env: { TMPDIR: folder.path, OPENCLAW_TEST_MEMORY: "", NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const ended = child.output();
    await until("them to run", async () => {
      const running = await commandsIn(folder.path);
      return kinds.every((kind) => running.some((command) => kind.test(command)));
    });
    child.kill("SIGTERM");
    const { code, stderr } = await ended;
    assert.equal(code, 143, new TextDecoder().decode(stderr));
    assert.deepEqual(await commandsIn(folder.path), []);
    assert.deepEqual(await foldersIn(folder.path), []);
  });
}

Deno.test("bench without wrk → a sentence that says how to get it, and nothing is measured", async () => {
  const ended = await run(Deno.execPath(), bench, { env: { PATH: "/nowhere" } });
  assert.equal(ended?.code, 1);
  assert.match(ended.stderr, /^Cannot measure: there is no wrk; install it: .+\n$/);
  assert.equal(ended.stdout, "");
});

Deno.test("bench --only with a part that there is not → the parts that there are, and nothing is measured", async () => {
  const ended = await run(Deno.execPath(), [...bench, "--only", "postgres,flod"]);
  assert.equal(ended?.code, 1);
  assert.match(ended.stderr, /^Cannot measure "postgres,flod": expected some of postgres,pglite,.+\n$/);
});

/** What is left in a folder, but for what tests keep for the next ones. */
async function foldersIn(folder: string): Promise<string[]> {
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  return names.filter((name) => !/^openclaw-test-\d*-(postgres|database)-/.test(name));
}

/** The commands of the processes that were started with a path in this folder. */
async function commandsIn(folder: string): Promise<string[]> {
  const commands: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const command = /^\d+$/.test(name)
      ? await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")
      : "";
    if (command.includes(folder)) commands.push(command.replaceAll("\0", " "));
  }
  return commands.sort();
}
