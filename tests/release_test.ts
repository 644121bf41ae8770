import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { record } from "./_support/client.ts";
import { type Ended, run } from "./_support/run.ts";
import { withFolder } from "./_support/server.ts";
import { testWith } from "./_support/tools.ts";

const workflow = await Deno.readTextFile(new URL("../.github/workflows/release.yml", import.meta.url));

/** The script of the workflow's step with that name. */
function scriptOf(name: string): string {
  const [, step = ""] = workflow.split(`- name: ${name}\n`);
  const lines = step.split("\n");
  const start = lines.findIndex((line) => line.trim() === "run: |");
  const indent = " ".repeat(10);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => !line.startsWith(indent));
  assert.ok(start >= 0 && end > 0, `there is no step "${name}" with a script`);
  return rest.slice(0, end).map((line) => line.slice(indent.length)).join("\n");
}

/** Runs a step as the runner does, with what stands in for the programs that are not here. */
async function perform(name: string, folder: string, env: Record<string, string> = {}): Promise<Ended> {
  const path = `${join(folder, "bin")}:${Deno.env.get("PATH")}`;
  const ended = await run("bash", ["-eo", "pipefail", "-c", scriptOf(name)], {
    cwd: folder,
    env: { ...env, PATH: path },
  });
  assert.ok(ended !== null);
  return ended;
}

async function stand(folder: string, name: string, script: string): Promise<void> {
  await Deno.mkdir(join(folder, "bin"), { recursive: true });
  await Deno.writeTextFile(join(folder, "bin", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

async function makeDist(folder: string, sizes: Record<string, number>): Promise<void> {
  await Deno.mkdir(join(folder, "dist"));
  for (const [name, size] of Object.entries(sizes)) {
    const path = join(folder, "dist", name);
    await Deno.writeTextFile(path, "");
    await Deno.truncate(path, size);
  }
}

const tools = ["bash", "find", "sha256sum"];
const sizeStep = "No program for an agent's host is larger than 100 MB";

testWith(
  tools,
  "a release whose agent's program is larger than 100 MB is none; the server's may be",
  () =>
    withFolder(async (folder) => {
      await makeDist(folder, { "openclaw-linux-x64": 100_000_000, "openclaw-server-linux-x64": 120_000_000 });
      assert.equal((await perform(sizeStep, folder)).code, 0);
      await Deno.truncate(join(folder, "dist", "openclaw-linux-x64"), 100_000_001);
      const refused = await perform(sizeStep, folder);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /dist\/openclaw-linux-x64/);
    }),
);

testWith(
  tools,
  "every file of a release has its sum, which is checked and attested: the installers too",
  () =>
    withFolder(async (folder) => {
      await makeDist(folder, { "openclaw-linux-x64": 10 });
      await run("sh", ["-c", "sha256sum openclaw-linux-x64 > SHA256SUMS"], { cwd: join(folder, "dist") });
      await stand(
        folder,
        "deno",
        "for file in install.sh install.ps1 install.py; do echo $file > dist/$file; done",
      );
      const name = "The installers of this release, with its programs' sums in them, and their own sums";
      const ended = await perform(name, folder, { RELEASE: "https://example.com/v1" });
      assert.equal(ended.code, 0, ended.stderr);
      const sums = await Deno.readTextFile(join(folder, "dist", "SHA256SUMS"));
      const files = (await Array.fromAsync(Deno.readDir(join(folder, "dist")))).map(({ name }) => name);
      const summed = sums.trim().split("\n").map((line) => line.slice(66));
      assert.deepEqual([...summed, "SHA256SUMS"].toSorted(), files.toSorted());
      const check = ["--check", "--strict", "SHA256SUMS"];
      assert.equal((await run("sha256sum", check, { cwd: join(folder, "dist") }))?.code, 0);
      assert.match(workflow, /subject-checksums: dist\/SHA256SUMS/);
    }),
);

for (const [tag, isPrerelease] of [["v1.0.0", false], ["v1.0.0-rc1", true], ["v1.0.0rc1", true]] as const) {
  testWith(
    tools,
    `${tag} is published as ${isPrerelease ? "a prerelease" : "the latest release"}`,
    () =>
      withFolder(async (folder) => {
        await makeDist(folder, { "openclaw-linux-x64": 1 });
        await stand(folder, "gh", 'echo "$@"');
        const { stdout } = await perform("Publish", folder, { TAG: tag, GITHUB_REPOSITORY: "o/r" });
        assert.ok(stdout.startsWith(`release create ${tag} --repo o/r `), stdout);
        assert.equal(stdout.includes("--prerelease"), isPrerelease);
        assert.match(stdout, /dist\/openclaw-linux-x64\n$/);
      }),
  );
}

const { permissions, jobs } = record(parse(workflow));

function job(name: string): Record<string, unknown> {
  return record(record(jobs)[name]);
}

function stepsOf(name: string): Record<string, unknown>[] {
  const { steps } = job(name);
  assert.ok(Array.isArray(steps));
  return steps.map(record);
}

Deno.test("the release workflow may nothing, and each of its jobs no more than what it does", () => {
  assert.deepEqual(permissions, {});
  const rights = Object.keys(record(jobs)).map((name) => [name, job(name).permissions]);
  assert.deepEqual(Object.fromEntries(rights), {
    build: { contents: "read", "id-token": "write", attestations: "write" },
    test: { contents: "read" },
    publish: { contents: "write" },
  });
});

Deno.test("nothing is published that was not tested, and nothing tested that is not what was built", () => {
  assert.deepEqual(job("publish").needs, ["build", "test"]);
  assert.deepEqual(job("test").needs, "build");
  for (const name of ["build", "test", "publish"]) {
    for (const part of [job(name), ...stepsOf(name)]) {
      assert.ok(
        !("if" in part) && !("continue-on-error" in part),
        `a failure could be passed over in ${name}`,
      );
    }
  }
});

Deno.test("the tests of tests/cli run on Linux, macOS and Windows, each with the program for that system", () => {
  const { matrix } = record(job("test").strategy);
  const { include, ...more } = record(matrix);
  assert.deepEqual(more, {});
  assert.ok(Array.isArray(include));
  const runners = include.map(record).map(({ runner, system }) =>
    `${system} on ${String(runner).split("-")[0]}`
  );
  assert.deepEqual(runners, [
    "linux-x64 on ubuntu",
    "linux-arm64 on ubuntu",
    "darwin-arm64 on macos",
    "darwin-x64 on macos",
    "windows-x64 on windows",
  ]);
  assert.equal(job("test")["runs-on"], "${{ matrix.runner }}");
  assert.match(scriptOf("The programs under the names that users give them"), /OPENCLAW_TEST_BINARY=/);
  assert.match(String(stepsOf("test").at(-1)?.run), /^deno task test tests\/cli$/);
});

Deno.test("what is built is attested before anything else runs, and compared before it is published", () => {
  const namesOf = (name: string): (string | undefined)[] =>
    stepsOf(name).map(({ name, uses, run }) => String(name ?? uses ?? run).split("@")[0]);
  assert.deepEqual(namesOf("build").slice(-4), [
    "The installers of this release, with its programs' sums in them, and their own sums",
    "actions/attest-build-provenance",
    "The sum of the sums, which no later job can change",
    "actions/upload-artifact",
  ]);
  assert.deepEqual(job("build").outputs, { sums: "${{ steps.sums.outputs.sums }}" });
  assert.deepEqual(namesOf("publish"), ["actions/download-artifact", compareStep, "Publish"]);
  const [, compare = {}] = stepsOf("publish");
  assert.deepEqual(compare.env, { SUMS: "${{ needs.build.outputs.sums }}" });
  assert.deepEqual(namesOf("test").slice(-2), [
    "Fetch the packages as the lock file has them",
    "deno task test tests/cli",
  ]);
  assert.equal(stepsOf("test").at(-2)?.run, "deno install --frozen");
});

const compareStep = "What was built and attested is what is published";

testWith(
  tools,
  "a file, or a sum, that was changed after it was built is not published",
  () =>
    withFolder(async (folder) => {
      await makeDist(folder, { "openclaw-linux-x64": 10 });
      await run("sh", ["-c", "sha256sum openclaw-linux-x64 > SHA256SUMS"], { cwd: join(folder, "dist") });
      const output = join(folder, "output");
      await Deno.writeTextFile(output, "");
      const sum = "The sum of the sums, which no later job can change";
      assert.equal((await perform(sum, folder, { GITHUB_OUTPUT: output })).code, 0);
      const env = { SUMS: (await Deno.readTextFile(output)).trim().replace(/^sums=/, "") };
      assert.match(env.SUMS, /^[0-9a-f]{64}$/);
      assert.equal((await perform(compareStep, folder, env)).code, 0);
      await Deno.writeTextFile(join(folder, "dist", "openclaw-linux-x64"), "another");
      assert.equal((await perform(compareStep, folder, env)).code, 1);
      await run("sh", ["-c", "sha256sum openclaw-linux-x64 > SHA256SUMS"], { cwd: join(folder, "dist") });
      assert.equal((await perform(compareStep, folder, env)).code, 1, "its sum was changed with it");
    }),
);

Deno.test("the release workflow uses actions by commit, and no path that Windows does not know", () => {
  const steps = Object.keys(record(jobs)).flatMap(stepsOf);
  const actions = steps.flatMap(({ uses }) => uses === undefined ? [] : [String(uses)]);
  assert.ok(actions.length > 0);
  assert.equal(actions.length, workflow.match(/\buses:/g)?.length, "some are used elsewhere than in a step");
  for (const action of actions) assert.match(action, /^[\w./-]+@[0-9a-f]{40}$/);
  assert.doesNotMatch(workflow.replaceAll(/^ *#.*$/gm, ""), /\$PWD|\$\(pwd\)/);
});
