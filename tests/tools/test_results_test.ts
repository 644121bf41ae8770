import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fileOf, leftOut, readResults, readTold, slowestFiles } from "../../tools/_test_results.ts";
import { run } from "../_support/run.ts";
import { temporaryFolder } from "../_support/server.ts";

const runner = fileURLToPath(new URL("../../tools/test.ts", import.meta.url));

const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5">
  <testsuite name="./a_test.ts">
    <testcase name="one" classname="./a_test.ts" time="0.500" line="1" col="6">
    </testcase>
    <testcase name="one &gt; LEFT OUT, there is no pwsh here: &quot;a&quot;" classname="./a_test.ts" time="0.000">
      <skipped/>
    </testcase>
  </testsuite>
  <testsuite name="./b_test.ts">
    <testcase name="LEFT OUT, there is no Postgres 15 or later here: two" classname="./b_test.ts" time="0.000">
      <skipped/>
    </testcase>
    <testcase name="LEFT OUT, there is no curl, pwsh, curl here: three" classname="./b_test.ts" time="0.000">
      <skipped/>
    </testcase>
    <testcase name="four" classname="./b_test.ts" time="2.000">
      <failure message="Uncaught Error: skipped">Error: &lt;skipped/&gt;</failure>
    </testcase>
  </testsuite>
</testsuites>`;

Deno.test("a report of tests is read with its steps, its failures and what was left out", () => {
  const results = readResults(report);
  assert.deepEqual(results.map(({ state }) => state), ["passed", "skipped", "skipped", "skipped", "failed"]);
  assert.equal(results[1]?.name, 'one > LEFT OUT, there is no pwsh here: "a"');
  assert.deepEqual(leftOut(results), [
    { part: "pwsh", tests: 2 },
    { part: "Postgres 15 or later", tests: 1 },
    { part: "curl", tests: 1 },
  ]);
  assert.deepEqual(slowestFiles(results), [
    { file: "./b_test.ts", seconds: 2 },
    { file: "./a_test.ts", seconds: 0.5 },
  ]);
});

Deno.test("a test's seconds are its file's, also where another file calls Deno.test", () => {
  const lines = [
    "./c_test.ts => one ... its step ... ok (1m2s)",
    "./c_test.ts => one ... ok (1m3s)",
    "./d_test.ts => four ... FAILED (due to 1 failed step) (2s)",
    "./d_test.ts => LEFT OUT, there is no curl, pwsh, curl here: three ... ignored (0ms)",
    "what a test printed (5s)",
  ];
  const told = lines.flatMap((line) => readTold(line) ?? []);
  assert.deepEqual(slowestFiles(readResults(report), told), [
    { file: "./c_test.ts", seconds: 63 },
    { file: "./d_test.ts", seconds: 2 },
  ]);
  const step = { name: "one > its step", file: "./_support/tools.ts", seconds: 62, state: "failed" } as const;
  assert.equal(fileOf(step, told), "./c_test.ts");
  assert.equal(fileOf(step, []), "./_support/tools.ts");
});

Deno.test("the test command ends with one line for each missing part and the count, and fails as its tests do", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "some_test.ts");
  const passing = [
    'Deno.test("passes", () => undefined);',
    'Deno.test.ignore("LEFT OUT, there is no abacus here: counts", () => undefined);',
    'Deno.test.ignore("LEFT OUT, there is no abacus here: counts again", () => undefined);',
  ].join("\n");
  await Deno.writeTextFile(file, passing);
  const passed = await run(Deno.execPath(), ["run", "--allow-all", runner, file]);
  assert.equal(passed?.code, 0);
  assert.match(
    passed.stdout,
    /\nLeft out, because it is not on this machine:\n +2 {2}abacus\n\n1 passed, 0 failed, 2 skipped\n$/,
  );
  assert.doesNotMatch(passed.stdout, /passes/);

  await Deno.writeTextFile(
    file,
    `${passing}\nDeno.test("fails", () => { throw new Error("on purpose"); });\n`,
  );
  const failed = await run(Deno.execPath(), ["run", "--allow-all", runner, file]);
  assert.equal(failed?.code, 1);
  assert.match(
    failed.stdout,
    /on purpose[^]*\nFailed:\n {2}\S+some_test\.ts: fails\n\n1 passed, 1 failed, 2 skipped\n$/,
  );
});

Deno.test("an error beside the tests counts as failed, with the name of its file", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "some_test.ts");
  const lines = [
    'Deno.test("passes", () => undefined);',
    'addEventListener("unload", () => { throw new Error("on purpose"); });',
  ];
  await Deno.writeTextFile(file, lines.join("\n"));
  const failed = await run(Deno.execPath(), ["run", "--allow-all", runner, file]);
  assert.equal(failed?.code, 1);
  assert.match(
    failed.stdout,
    /on purpose[^]*\nFailed:\n {2}\S+some_test\.ts: an error beside its tests\n\n1 passed, 1 failed, 0 skipped\n$/,
  );
});

Deno.test("the test command with a file that cannot be loaded fails", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "broken_test.ts");
  await Deno.writeTextFile(file, 'import "./not_there.ts";\n');
  const failed = await run(Deno.execPath(), ["run", "--allow-all", runner, file]);
  assert.equal(failed?.code, 1);
});

Deno.test("a test that is left out tells its part and its file to the file that asks for them", async () => {
  await using folder = await temporaryFolder();
  const file = join(await Deno.realPath(folder.path), "some_test.ts");
  const notes = join(folder.path, "notes");
  const support = new URL("../_support/tools.ts", import.meta.url);
  const tests = ["abacus", "abacus, quill"].map((parts) =>
    `testWith(${JSON.stringify(parts.split(", "))}, "counts with ${parts}", () => undefined);`
  );
  await Deno.writeTextFile(file, [`import { testWith } from "${support}";`, ...tests].join("\n"));
  const env = { OPENCLAW_REQUIRE: "", OPENCLAW_TEST_LEFT_OUT: notes };
  const ended = await run(Deno.execPath(), ["test", "--no-check", "--allow-all", file], { env });
  assert.equal(ended?.code, 0, ended?.stderr);
  assert.equal(await Deno.readTextFile(notes), `abacus\t${file}\nabacus, quill\t${file}\n`);
});
