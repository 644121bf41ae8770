import assert from "node:assert/strict";
import { Room } from "../../../../cli/serve/store/room.ts";

const megabyte = 1024 * 1024;

Deno.test("the room on a disk is looked at again after 100 ms", () => {
  let [free, now, looks] = [24 * megabyte, 0, 0];
  const room = new Room("/data", (folder) => {
    assert.equal(folder, "/data");
    looks += 1;
    return free;
  }, () => now);
  assert.equal(room.isScarce, false);
  free -= 1;
  now = 99;
  assert.equal(room.isScarce, false);
  now = 100;
  assert.equal(room.isScarce, true);
  assert.equal(looks, 2);
});

Deno.test("room for so many bytes is room for a segment of the log beside them", () => {
  const room = new Room("/data", () => 34 * megabyte);
  room.assertFor(10 * megabyte);
  assert.throws(() => room.assertFor(10 * megabyte + 1), /there are 34 MB free on its disk, expected 34 MB/);
});

Deno.test("the room of a real folder is told, and of one that is not there nothing", () => {
  new Room(Deno.cwd()).assertFor(1);
  assert.throws(
    () => new Room(Deno.cwd()).assertFor(Number.MAX_SAFE_INTEGER),
    /MB free on its disk, expected/,
  );
  new Room("/not/there").assertFor(Number.MAX_SAFE_INTEGER);
});
