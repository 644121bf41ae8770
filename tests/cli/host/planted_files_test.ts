import assert from "node:assert/strict";
import { join } from "node:path";
import { lockAgent } from "../../../cli/agent/lock.ts";
import { LogFile } from "../../../cli/agent/log/log_file.ts";
import { SessionCache } from "../../../cli/agent/session_cache.ts";
import { openForAppend } from "../../../cli/host/append_file.ts";
import { makeFile, openLockFile } from "../../../cli/host/open_file.ts";
import { setFileTime, writePrivateFile } from "../../../cli/host/private_file.ts";
import { openDataFolder, readOperatorKey } from "../../../cli/serve/data_folder.ts";
import { StartError } from "../../../cli/serve/start_error.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { agentId, agentSecret } from "../../_support/vectors.ts";

/** What another user put into a folder where this process, root's, writes and reads. */
const stranger = 12_345;
const asRoot = { ignore: Deno.build.os === "windows" || Deno.uid() !== 0 };
const none = new Uint8Array();

/** A folder of the stranger's, and one that only root can write, with a file that is to stay as it is. */
interface Stage {
  theirs: string;
  victim: string;
}

function rootTest(name: string, work: (stage: Stage) => Promise<void>): void {
  Deno.test(name, asRoot, async () => {
    await using folder = await temporaryFolder();
    const theirs = join(folder.path, "theirs");
    const victim = join(folder.path, "victim");
    await Deno.mkdir(theirs);
    await Deno.chown(theirs, stranger, stranger);
    await Deno.writeTextFile(victim, "as it was", { mode: 0o600 });
    await work({ theirs, victim });
    const { uid, mode } = await Deno.stat(victim);
    assert.equal(await Deno.readTextFile(victim), "as it was");
    assert.deepEqual({ uid, mode: (mode ?? 0) & 0o777 }, { uid: 0, mode: 0o600 });
    assert.deepEqual(
      (await Array.fromAsync(Deno.readDir(folder.path))).map(({ name }) => name).sort(),
      ["theirs", "victim"],
    );
  });
}

rootTest(
  "a link in the lock's place → no file is made through it, and the agent goes on with a warning",
  async ({ theirs, victim }) => {
    await Deno.symlink(`${victim}-that-is-not-there`, join(theirs, `monitor-${agentId}.lock`));
    const warnings: string[] = [];
    const lock = await lockAgent(theirs, {
      agentId,
      secret: agentSecret,
      warn: (text) => warnings.push(text),
    });
    lock.release();
    assert.match(
      warnings[0] ?? "",
      /monitor-[^"]+\.lock" cannot be locked, going on without: it is not a regular file$/,
    );
  },
);

for (
  const [what, plant, fault] of [
    ["a link to a file", (path: string, victim: string) => Deno.symlink(victim, path), /not a regular file/],
    [
      "a link to nothing",
      (path: string, victim: string) => Deno.symlink(`${victim}-not`, path),
      /not a regular file/,
    ],
    ["a second name of a file", (path: string, victim: string) => Deno.link(victim, path), /has 2 names/],
    ["a folder", (path: string) => Deno.mkdir(path), /not a regular file/],
  ] as const
) {
  rootTest(`${what} in a lock's place is refused`, async ({ theirs, victim }) => {
    const path = join(theirs, "lock");
    await plant(path, victim);
    await assert.rejects(openLockFile(path), fault);
    await Deno.remove(path);
  });

  rootTest(
    `${what} in a private file's place is replaced, and what it led to is left alone`,
    async ({ theirs, victim }) => {
      const path = join(theirs, "file");
      if (what === "a folder") return;
      await plant(path, victim);
      await writePrivateFile(path, "ours");
      assert.equal(await Deno.readTextFile(path), "ours");
      const { isFile, uid, nlink } = await Deno.lstat(path);
      assert.deepEqual({ isFile, uid, nlink }, { isFile: true, uid: stranger, nlink: 1 });
    },
  );

  rootTest(
    `${what} in a log file's place in another user's folder is refused`,
    async ({ theirs, victim }) => {
      const path = join(theirs, "openclaw.log");
      await plant(path, victim);
      assert.throws(
        () => new LogFile(path, { mostBytes: 1000, warn: () => undefined }),
        /^CliError: Cannot write the log file/,
      );
      await Deno.remove(path);
    },
  );

  rootTest(`${what} in a session's place is neither read nor touched`, async ({ theirs, victim }) => {
    const path = join(theirs, "session.json");
    await plant(path, victim);
    const { mtime } = await Deno.stat(victim);
    const warnings: string[] = [];
    const cache = new SessionCache(theirs, { owner: "me", warn: (text) => warnings.push(text) });
    assert.equal(await cache.read(new Date()), null);
    await cache.touch(new Date(0));
    assert.equal(await cache.lastBeat(), null);
    assert.equal(warnings.length, 1);
    assert.deepEqual((await Deno.stat(victim)).mtime, mtime);
    await Deno.remove(path);
  });
}

rootTest("a file's time is set on the file, and never through a link", async ({ theirs, victim }) => {
  const path = join(theirs, "link");
  await Deno.symlink(victim, path);
  const { mtime } = await Deno.stat(victim);
  await assert.rejects(setFileTime(path, new Date(0)), /not a regular file/);
  assert.deepEqual((await Deno.stat(victim)).mtime, mtime);
  await Deno.remove(path);
});

rootTest(
  "a file that root makes in another user's folder is that user's, and one that is there is not given",
  async ({ theirs }) => {
    await makeFile(join(theirs, "made"), none);
    assert.equal((await Deno.stat(join(theirs, "made"))).uid, stranger);
    await Deno.writeTextFile(join(theirs, "roots"), "");
    (await openLockFile(join(theirs, "roots"))).close();
    assert.equal((await Deno.stat(join(theirs, "roots"))).uid, 0);
  },
);

rootTest("a link of root's in root's own folder is a log file all the same", async ({ victim }) => {
  await using own = await temporaryFolder();
  await Deno.symlink(`${victim}`, join(own.path, "log"));
  openForAppend(join(own.path, "log")).close();
});

Deno.test("a pipe in the session's place is not read", { ignore: Deno.build.os === "windows" }, async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "session.json");
  assert.ok((await new Deno.Command("mkfifo", { args: ["-m", "600", path] }).output()).success);
  const warnings: string[] = [];
  const cache = new SessionCache(folder.path, { owner: "me", warn: (text) => warnings.push(text) });
  assert.equal(await cache.read(new Date()), null);
  assert.match(warnings[0] ?? "", /is not used: it is not a regular file$/);
});

Deno.test("a session of more than 64 KiB, and a link to /dev/zero, are not read", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "session.json");
  const warnings: string[] = [];
  const cache = new SessionCache(folder.path, { owner: "me", warn: (text) => warnings.push(text) });
  await writePrivateFile(path, " ".repeat(65_537));
  assert.equal(await cache.read(new Date()), null);
  await Deno.remove(path);
  await Deno.symlink("/dev/zero", path);
  assert.equal(await cache.read(new Date()), null);
  assert.deepEqual(warnings.map((text) => text.replace(/.*: /, "")), [
    "it is larger than 65536 bytes",
    "it is not a regular file",
  ]);
});

for (
  const [what, change, fault] of [
    ["of another user", (data: string) => Deno.chown(data, stranger, stranger), /belongs to user 12345/],
    ["that everybody may write", (data: string) => Deno.chmod(data, 0o777), /its mode is 0777/],
    [
      "that everybody may write, sticky as /tmp is",
      (data: string) => Deno.chmod(data, 0o1777),
      /its mode is 0777/,
    ],
    ["that its group may write", (data: string) => Deno.chmod(data, 0o770), /its mode is 0770/],
  ] as const
) {
  rootTest(`a server's data folder ${what} is refused, and nothing is made in it`, async ({ theirs }) => {
    const data = join(theirs, "data");
    await Deno.mkdir(data, { mode: 0o700 });
    await change(data);
    await assert.rejects(openDataFolder(data), (error: unknown) => {
      assert.ok(error instanceof StartError);
      assert.match(error.message, /^Cannot use the data folder /);
      assert.match(error.message, fault);
      return true;
    });
    assert.deepEqual(await Array.fromAsync(Deno.readDir(data)), []);
  });
}

rootTest("an operator's key of another user is refused, in root's own folder, too", async ({ theirs }) => {
  const data = join(theirs, "data");
  const folder = await openDataFolder(data);
  try {
    await Deno.writeTextFile(folder.operatorKeyPath, `sb_secret_${"a".repeat(20)}\n`, { mode: 0o600 });
    assert.match(await readOperatorKey(folder), /^sb_secret_a+$/);
    await Deno.chown(folder.operatorKeyPath, stranger, stranger);
    await assert.rejects(readOperatorKey(folder), /belongs to user 12345/);
  } finally {
    folder.release();
  }
});
