import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type DataFolder,
  openDataFolder,
  readOperatorKey,
  readReaderKey,
  writeUrl,
} from "../../../cli/serve/data_folder.ts";
import { StartError } from "../../../cli/serve/start_error.ts";
import { withFolder } from "../../_support/server.ts";
import { enrollmentCode, readerKey } from "../../_support/vectors.ts";

const isRoot = Deno.build.os !== "windows" && Deno.uid() === 0;
const hasModes = { ignore: Deno.build.os === "windows" };
const somebody = 65_534;

/** The two keys: their file, how they are read, and one that is well-formed. */
const keys: [file: string, read: (folder: DataFolder) => Promise<string>, sound: string, form: RegExp][] = [
  ["operator-key", readOperatorKey, `sb_secret_${"a".repeat(43)}`, /^sb_secret_[\w-]{43}$/],
  ["reader-key", readReaderKey, readerKey, /^ocr_[\w-]{43}_[\w-]{6}$/],
];

for (const [file, read, sound, form] of keys) {
  Deno.test(
    `the first start makes ${file} for its user alone, and later ones read it`,
    hasModes,
    async () => {
      await inFolder(async (folder) => {
        const key = await read(folder);
        assert.match(key, form);
        const path = join(folder.path, file);
        assert.equal(await Deno.readTextFile(path), `${key}\n`);
        assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
        assert.equal(await read(folder), key);
      });
    },
  );

  Deno.test(`${file} that was removed is made anew, and is another one`, async () => {
    await inFolder(async (folder) => {
      const before = await read(folder);
      await Deno.remove(join(folder.path, file));
      const after = await read(folder);
      assert.match(after, form);
      assert.notEqual(after, before);
    });
  });

  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o666]) {
    Deno.test(
      `${file} of mode ${mode.toString(8)} → refused with the command that mends it`,
      hasModes,
      async () => {
        await inFolder(async (folder) => {
          const path = join(folder.path, file);
          await Deno.writeTextFile(path, `${sound}\n`);
          await Deno.chmod(path, mode);
          const { message, hint } = await refusal(read(folder));
          assert.ok(message.includes(file) && message.includes("lets others read or change it"), message);
          assert.equal(hint, `chmod 600 '${path}'`);
          assert.equal(await Deno.readTextFile(path), `${sound}\n`, "it stays as it is");
        });
      },
    );
  }

  Deno.test(`${file} of another user → refused`, { ignore: !isRoot }, async () => {
    await inFolder(async (folder) => {
      const path = join(folder.path, file);
      await Deno.writeTextFile(path, `${sound}\n`, { mode: 0o600 });
      await Deno.chown(path, somebody, somebody);
      const { message } = await refusal(read(folder));
      assert.match(message, /belongs to user 65534, neither to this user \(0\) nor to root/);
    });
  });

  for (const what of ["a sound key elsewhere", "nothing"]) {
    Deno.test(
      `a link to ${what} in the place of ${file} → refused, and nothing is made through it`,
      hasModes,
      async () => {
        await withFolder(async (elsewhere) => {
          const target = join(elsewhere, "target");
          if (what !== "nothing") await Deno.writeTextFile(target, `${sound}\n`, { mode: 0o600 });
          await inFolder(async (folder) => {
            await Deno.symlink(target, join(folder.path, file));
            assert.match((await refusal(read(folder))).message, /it is not a regular file/);
          });
          const made = (await Array.fromAsync(Deno.readDir(elsewhere))).map(({ name }) => name);
          assert.deepEqual(made, what === "nothing" ? [] : ["target"]);
        });
      },
    );
  }

  for (const text of ["", "\n", sound.slice(0, 20), enrollmentCode, `${sound}\n${sound}`]) {
    Deno.test(`${JSON.stringify(text)} in ${file} → refused, without repeating it`, async () => {
      await inFolder(async (folder) => {
        await Deno.writeTextFile(join(folder.path, file), text, { mode: 0o600 });
        const { message, hint } = await refusal(read(folder));
        assert.match(message, /^Cannot read the (operator key|reader's key) in "/);
        if (text.length > 5) assert.ok(!message.includes(text.slice(0, 14)), message);
        assert.equal(hint, "remove it to have a new one made");
      });
    });
  }
}

for (const mode of [0o770, 0o702, 0o777, 0o1777]) {
  Deno.test(
    `a data folder of mode ${mode.toString(8)} → refused, and nothing is made in it`,
    hasModes,
    async () => {
      await withFolder(async (folder) => {
        await Deno.chmod(folder, mode);
        const { message, hint } = await refusal(openDataFolder(folder));
        assert.match(message, /which lets others write to it/);
        assert.equal(hint, `chmod 700 '${folder}'`);
        assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
      });
    },
  );
}

Deno.test(
  "a data folder of another user → refused, and nothing is made in it",
  { ignore: !isRoot },
  async () => {
    await withFolder(async (folder) => {
      await Deno.chown(folder, somebody, somebody);
      assert.match((await refusal(openDataFolder(folder))).message, /neither to this user \(0\) nor to root/);
      assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
    });
  },
);

Deno.test("the server's URL is noted in the data folder, anew at each start", hasModes, async () => {
  await inFolder(async (folder) => {
    const path = join(folder.path, "url");
    for (const url of ["http://127.0.0.1:54321", "https://fleet.example"]) {
      await writeUrl(folder, url);
      assert.equal(await Deno.readTextFile(path), `${url}\n`);
      assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    }
  });
});

Deno.test("a link in the place of the URL is replaced, not followed", hasModes, async () => {
  await withFolder(async (elsewhere) => {
    const target = join(elsewhere, "target");
    await Deno.writeTextFile(target, "theirs");
    await inFolder(async (folder) => {
      await Deno.symlink(target, join(folder.path, "url"));
      await writeUrl(folder, "https://fleet.example");
      assert.ok((await Deno.lstat(join(folder.path, "url"))).isFile);
    });
    assert.equal(await Deno.readTextFile(target), "theirs");
  });
});

async function inFolder(work: (folder: DataFolder) => Promise<void>): Promise<void> {
  await withFolder(async (path) => {
    const folder = await openDataFolder(path);
    try {
      await work(folder);
    } finally {
      folder.release();
    }
  });
}

async function refusal(work: Promise<unknown>): Promise<StartError> {
  const [result] = await Promise.allSettled([work]);
  assert.ok(result.status === "rejected", "it was not refused");
  assert.ok(result.reason instanceof StartError, String(result.reason));
  return result.reason;
}
