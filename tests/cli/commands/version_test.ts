import assert from "node:assert/strict";
import { run as runProgram } from "../../_support/run.ts";
import { openclaw, temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { ownEnvironment, run } from "../../_support/program.ts";
import { asNobody } from "./_nobody.ts";

Deno.test("openclaw --version and openclaw version tell the version of deno.json", async () => {
  await using home = await temporaryFolder();
  const { version } = JSON.parse(await Deno.readTextFile(new URL("../../../deno.json", import.meta.url)));
  const lines = [["--version"], ["version"], ["version", "--json"]];
  const [flag, word, json] = await Promise.all(lines.map((args) => run(args, { home: home.path })));
  assert.equal(flag?.stdout, `${version}\n`);
  assert.equal(word?.stdout, `${version}\n`);
  assert.equal(JSON.parse(json?.stdout ?? "").version, version);
});

testWith(["root", "setpriv", "env"], "a user whom no list names, without HOME, is no obstacle", async () => {
  await using home = await temporaryFolder();
  const { program, args } = openclaw(["version"]);
  const { DENO_DIR } = ownEnvironment(home.path);
  const variables = DENO_DIR === undefined ? [] : [`DENO_DIR=${DENO_DIR}`];
  const ended = await runProgram("setpriv", [...asNobody, "env", "-i", ...variables, program, ...args]);
  assert.equal(ended?.stderr, "");
  assert.match(ended?.stdout ?? "", /^\d+\.\d+\.\d+\n$/);
});
