import assert from "node:assert/strict";
import { join } from "node:path";
import {
  assertFree,
  installerFileName,
  openInstallerFolder,
  writeInstaller,
} from "../../../cli/operator/installer_folder.ts";
import { namesIn } from "../../_support/home.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";

const unix = Deno.build.os === "windows" ? ["the modes of Unix"] : [];

const names: [name: string, file: RegExp][] = [
  ["web-1", /^web-1\.sh$/],
  ["db.example.com", /^db\.example\.com\.sh$/],
  ["Web-1", /^agent-web-1-[0-9a-f]{8}\.sh$/],
  ["../../etc/passwd", /^agent-etc-passwd-[0-9a-f]{8}\.sh$/],
  ["..", /^agent-[0-9a-f]{8}\.sh$/],
  [".bashrc", /^agent-bashrc-[0-9a-f]{8}\.sh$/],
  ["/etc/cron.d/x", /^agent-etc-cron-d-x-[0-9a-f]{8}\.sh$/],
  ["C:\\x", /^agent-c-x-[0-9a-f]{8}\.sh$/],
  ["-rf", /^agent-rf-[0-9a-f]{8}\.sh$/],
  ["a\u001b[2Jb", /^agent-a-2jb-[0-9a-f]{8}\.sh$/],
  ["a\nb", /^agent-a-b-[0-9a-f]{8}\.sh$/],
  ["\u202egpj.sh", /^agent-gpj-sh-[0-9a-f]{8}\.sh$/],
  ["🦞", /^agent-[0-9a-f]{8}\.sh$/],
  ["עברית", /^agent-[0-9a-f]{8}\.sh$/],
  ["con", /^agent-con-[0-9a-f]{8}\.sh$/],
  ["nul.txt", /^agent-nul-txt-[0-9a-f]{8}\.sh$/],
  ["x".repeat(100), /^agent-x{40}-[0-9a-f]{8}\.sh$/],
  ["a;rm -rf ~", /^agent-a-rm-rf-[0-9a-f]{8}\.sh$/],
];
for (const [name, file] of names) {
  Deno.test(`the installer of an agent called ${JSON.stringify(name)} has a name that means nothing to a file system`, () => {
    assert.match(installerFileName(name, "bash"), file);
  });
}

Deno.test("two names never share an installer's file, also where upper and lower case are the same", () => {
  const files = [...names.map(([name]) => name), "WEB-1", "a b", "a  b", "a-b"]
    .map((name) => installerFileName(name, "powershell").toLowerCase());
  assert.equal(new Set(files).size, files.length);
  assert.ok(files.every((file) => file.endsWith(".ps1")));
});

Deno.test("a folder for installers is made for this user only, and nothing is left of the trial", async () => {
  await using home = await temporaryFolder();
  const folder = join(home.path, "a", "b");
  await openInstallerFolder(folder);
  assert.deepEqual(await namesIn(folder), []);
  if (unix.length === 0) assert.equal(((await Deno.stat(folder)).mode ?? 0) & 0o777, 0o700);
});

for (const mode of [0o777, 0o770, 0o1777]) {
  testWith(
    unix,
    `a folder of mode ${mode.toString(8)} is refused: others could put another installer there`,
    async () => {
      await using home = await temporaryFolder();
      await Deno.chmod(home.path, mode);
      await assert.rejects(openInstallerFolder(home.path), {
        failure: "refused",
        message: /lets others write/,
      });
      assert.deepEqual(await namesIn(home.path), []);
    },
  );
}

testWith([...unix, "root"], "a folder of another user is refused", async () => {
  await using home = await temporaryFolder();
  await Deno.chown(home.path, 54_321, 54_321);
  await assert.rejects(openInstallerFolder(home.path), {
    failure: "refused",
    message: /belongs to user 54321/,
  });
});

Deno.test("a file in the place of the folder → it cannot be written, and stays as it is", async () => {
  await using home = await temporaryFolder();
  const path = join(home.path, "file");
  await Deno.writeTextFile(path, "as it was");
  await assert.rejects(openInstallerFolder(path), { failure: "unexpected", message: /Cannot write/ });
  assert.equal(await Deno.readTextFile(path), "as it was");
});

Deno.test("an installer is this user's only, and never takes the place of a file or a link", async () => {
  await using home = await temporaryFolder();
  const path = await writeInstaller(home.path, "web-1.sh", "#!/bin/sh\n");
  if (unix.length === 0) assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  await assert.rejects(writeInstaller(home.path, "web-1.sh", "another"), { failure: "conflict" });
  assert.equal(await Deno.readTextFile(path), "#!/bin/sh\n");
  if (unix.length > 0) return;
  await Deno.symlink(join(home.path, "elsewhere"), join(home.path, "link.sh"));
  await assert.rejects(assertFree(home.path, ["web-2.sh", "link.sh"]), { failure: "conflict" });
  await assert.rejects(writeInstaller(home.path, "link.sh", "x"), { failure: "conflict" });
  assert.deepEqual(await namesIn(home.path), ["link.sh", "web-1.sh"]);
});
