import assert from "node:assert/strict";
import { join } from "node:path";
import { readPrivateFile, writePrivateFile } from "../../../cli/host/private_file.ts";
import { temporaryFolder } from "../../_support/server.ts";

const unix = Deno.build.os !== "windows";
const root = unix && Deno.uid() === 0;

const partly = (async function* () {
  for (const part of ["a\n", "", "b\n"]) yield await Promise.resolve(new TextEncoder().encode(part));
})();

for (
  const [name, content] of [
    ["text", "a\nb\n"],
    ["bytes", new Uint8Array([97, 10, 98, 10])],
    ["what comes in parts", partly],
  ] as const
) {
  Deno.test(`${name} that was written is read back, from a file and a folder of its owner only`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "made", "file");
    await writePrivateFile(path, content);
    assert.deepEqual(await readPrivateFile(path), { text: "a\nb\n" });
    if (!unix) return;
    assert.equal(await modeOf(path), 0o600);
    assert.equal(await modeOf(join(path, "..")), 0o700);
  });
}

Deno.test("a write replaces the file, and removes the parts of it that were left a minute ago", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "file");
  const [old, fresh] = [`${path}.${crypto.randomUUID()}`, `${path}.${crypto.randomUUID()}`];
  for (const part of [path, old, fresh]) await Deno.writeTextFile(part, "before");
  await Deno.utime(old, new Date(0), new Date(Date.now() - 61_000));
  await writePrivateFile(path, "after");
  assert.equal(await Deno.readTextFile(path), "after");
  const left = (await Array.fromAsync(Deno.readDir(folder.path))).map(({ name }) => join(folder.path, name));
  assert.deepEqual(left.sort(), [path, fresh].sort());
});

Deno.test("a write that fails leaves what was there, and no part of it", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "file");
  await Deno.mkdir(path);
  await assert.rejects(writePrivateFile(path, "text"));
  assert.deepEqual((await Array.fromAsync(Deno.readDir(folder.path))).map(({ name }) => name), ["file"]);
});

Deno.test("what is not there is read as null, in a folder that is not there and below a file, too", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(join(folder.path, "file"), "");
  for (const name of ["none", "none/file", "file/below"]) {
    assert.equal(await readPrivateFile(join(folder.path, name)), null, name);
  }
});

Deno.test("a file of as many bytes as it may have is read, and one of a byte more is not", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "file");
  await writePrivateFile(path, "12345");
  assert.deepEqual(await readPrivateFile(path, { maxBytes: 5 }), { text: "12345" });
  await assertFault(path, "it is larger than 4 bytes", { maxBytes: 4 });
});

const kinds: Record<string, (path: string) => Promise<unknown>> = {
  "a folder": (path) => Deno.mkdir(path),
  "a link to a private file": async (path) => {
    await writePrivateFile(`${path}.target`, "the target's");
    await Deno.symlink(`${path}.target`, path);
  },
  "a link to nothing": (path) => Deno.symlink(`${path}.none`, path),
  "a pipe that nobody writes to": async (path) => {
    assert.ok((await new Deno.Command("mkfifo", { args: ["-m", "600", path] }).output()).success);
  },
};

for (const [name, make] of Object.entries(kinds)) {
  Deno.test({
    name: `${name} is not read`,
    ignore: !unix,
    async fn() {
      await using folder = await temporaryFolder();
      const path = join(folder.path, "file");
      await make(path);
      await assertFault(path, "it is not a regular file");
    },
  });
}

for (const mode of [0o640, 0o604, 0o620, 0o666]) {
  Deno.test({
    name: `a file of mode ${mode.toString(8)} is not read, and the way to mend it is named`,
    ignore: !unix,
    async fn() {
      await using folder = await temporaryFolder();
      const path = join(folder.path, "file");
      await writePrivateFile(path, "text");
      await Deno.chmod(path, mode);
      const read = await readPrivateFile(path);
      assert.deepEqual(read, {
        fault: `its mode is 0${mode.toString(8)}, which lets others read or change it`,
        mend: `chmod 600 '${path}'`,
      });
    },
  });
}

Deno.test({
  name: "root reads no file of another user, but for one of the folder's owner in a folder that it names",
  ignore: !root,
  async fn() {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "file");
    await writePrivateFile(path, "text");
    await Deno.chown(path, 12_345, 12_345);
    await assertFault(path, "it belongs to user 12345, neither to this user (0) nor to root");
    await assertFault(path, "it belongs to user 12345, neither to this user (0) nor to root", {
      folder: folder.path,
    });
    await Deno.chown(folder.path, 12_345, 12_345);
    await assertFault(path, "it belongs to user 12345, neither to this user (0) nor to root");
    assert.deepEqual(await readPrivateFile(path, { folder: folder.path }), { text: "text" });
  },
});

Deno.test({
  name: "what root writes belongs to the folder's owner",
  ignore: !root,
  async fn() {
    await using folder = await temporaryFolder();
    await Deno.chown(folder.path, 12_345, 12_346);
    await writePrivateFile(join(folder.path, "file"), "text");
    const { uid, gid } = await Deno.stat(join(folder.path, "file"));
    assert.deepEqual({ uid, gid }, { uid: 12_345, gid: 12_346 });
  },
});

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

async function assertFault(
  path: string,
  fault: string,
  options: Parameters<typeof readPrivateFile>[1] = {},
): Promise<void> {
  const read = await readPrivateFile(path, options);
  assert.ok(read !== null && "fault" in read, "it was read");
  assert.equal(read.fault, fault);
}
