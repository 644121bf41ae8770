import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { unpackTar } from "modern-tar/fs";
import { newestSnapshot, Snapshots } from "../../../../cli/serve/store/snapshots.ts";
import { Log } from "../../../../supabase/functions/_shared/log.ts";
import { temporaryFolder, withFolder } from "../../../_support/server.ts";
import { pause } from "../../../_support/wait.ts";

/** Copies a database into a folder that is not there yet. */
type Copy = (to: string) => Promise<void>;

/** Snapshots whose quarter of an hour passes when the test says so. */
interface Bench {
  snapshots: Snapshots;
  quarterOfAnHour: () => Promise<void>;
  taken: () => Promise<string[]>;
  lines: string[];
}

Deno.test("a quarter of an hour without a change → no snapshot; with one → one", async () => {
  await onBench(
    copyOf("a copy"),
    async ({ snapshots, quarterOfAnHour, taken }) => {
      await quarterOfAnHour();
      assert.deepEqual(await taken(), []);
      snapshots.noteChange();
      await quarterOfAnHour();
      assert.deepEqual(await taken(), ["a copy"]);
      await quarterOfAnHour();
      assert.deepEqual(await taken(), ["a copy"]);
    },
  );
});

Deno.test("five changes → the last three snapshots are kept, and the newest is the last", async () => {
  let count = 0;
  await onBench(
    (to) => copyOf(`copy ${++count}`)(to),
    async ({ snapshots, quarterOfAnHour, taken }) => {
      for (let change = 0; change < 5; change++) {
        snapshots.noteChange();
        await quarterOfAnHour();
      }
      assert.deepEqual(await taken(), ["copy 3", "copy 4", "copy 5"]);
    },
  );
});

Deno.test("a snapshot that fails → a line in the log, the older one kept, and another try", async () => {
  let fails = false;
  const copy: Copy = async (to) => {
    await copyOf(fails ? "half of it" : "good")(to);
    if (fails) throw new Error("disk full");
  };
  await onBench(copy, async ({ snapshots, quarterOfAnHour, taken, lines }) => {
    snapshots.noteChange();
    await quarterOfAnHour();
    fails = true;
    snapshots.noteChange();
    await quarterOfAnHour();
    assert.deepEqual(await taken(), ["good"]);
    assert.match(lines.join(), /no snapshot could be taken.*disk full/);
    fails = false;
    await quarterOfAnHour();
    assert.deepEqual(await taken(), ["good", "good"]);
  });
});

Deno.test("a stop takes the last snapshot", async () => {
  await onBench(copyOf("last"), async ({ snapshots, taken }) => {
    snapshots.noteChange();
    await snapshots.takeIfChanged();
    assert.deepEqual(await taken(), ["last"]);
  });
});

Deno.test("a stop while a snapshot is being taken → waits for it, and takes what changed meanwhile", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let asked = 0;
  const copy: Copy = async (to) => {
    const mine = asked++;
    await (gates[mine]?.promise ?? Promise.reject(new Error("a third one")));
    await copyOf(`copy ${mine}`)(to);
  };
  await onBench(copy, async ({ snapshots, quarterOfAnHour, taken }) => {
    snapshots.noteChange();
    const first = quarterOfAnHour();
    await new Promise((resolve) => setTimeout(resolve));
    let stopped = false;
    const stop = snapshots.takeIfChanged().then(() => stopped = true);
    await pause(20);
    assert.ok(!stopped);
    snapshots.noteChange();
    for (const { resolve } of gates.toReversed()) resolve();
    await Promise.all([first, stop]);
    assert.deepEqual(await taken(), ["copy 0", "copy 1"]);
  });
});

/** As three quarters of an hour of a clock that was a year ahead leave them, and as they were before they had numbers. */
for (
  const [what, numbers] of [["with numbers", ["00000001-", "00000002-", "00000003-"]], ["without", [
    "",
    "",
    "",
  ]]] as const
) {
  Deno.test(`three snapshots of next year ${what} → the one just written is kept, is the newest, and they are told of`, async () => {
    await withFolder(async (folder) => {
      const lines: string[] = [];
      for (const [index, number] of numbers.entries()) {
        await Deno.writeTextFile(
          join(folder, `${number}2027-11-26T16-0${index}-00.000Z.tar.gz`),
          "of next year",
        );
      }
      const snapshots = new Snapshots(folder, {
        copy: copyOf("of now"),
        log: new Log((line) => lines.push(line)),
        changed: true,
        now: () => new Date("2026-11-26T16:10:00Z"),
      });
      await snapshots.takeIfChanged();
      const newest = await newestSnapshot(folder) ?? "";
      assert.equal(await contentOf(newest), "of now");
      assert.equal((await Array.fromAsync(Deno.readDir(folder))).length, 3);
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? "", /dated in the future.*2027-11-26T16-02.*"now":"2026-11-26T16:10:00.000Z"/);
      snapshots.noteChange();
      await snapshots.takeIfChanged();
      const later = await newestSnapshot(folder) ?? "";
      assert.ok(later > newest, `${later} comes before ${newest}`);
      assert.equal(await contentOf(newest), "of now");
    });
  });
}

async function onBench(copy: Copy, test: (bench: Bench) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const lines: string[] = [];
    const log = new Log((line) => lines.push(line));
    const snapshots = new Snapshots(join(folder, "snapshots"), { copy, log, changed: false });
    assert.equal(snapshots.job.everyMs, 15 * 60 * 1000);
    await test({
      snapshots,
      lines,
      quarterOfAnHour: snapshots.job.run,
      taken: () => contents(join(folder, "snapshots")),
    });
  });
}

async function contents(folder: string): Promise<string[]> {
  if (await newestSnapshot(folder) === null) return [];
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  assert.equal(join(folder, names.at(-1) ?? ""), await newestSnapshot(folder));
  return await Promise.all(names.map((name) => contentOf(join(folder, name))));
}

/** A copy of one file with this text. */
function copyOf(text: string): Copy {
  return async (to) => {
    await Deno.mkdir(to);
    await Deno.writeTextFile(join(to, "file"), text);
  };
}

async function contentOf(snapshot: string): Promise<string> {
  await using to = await temporaryFolder();
  await pipeline(createReadStream(snapshot), createGunzip(), unpackTar(to.path));
  return await Deno.readTextFile(join(to.path, "file"));
}
