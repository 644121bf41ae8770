import assert from "node:assert/strict";
import { transience } from "../../../cli/host/lasting.ts";

const docker = `1 0 0:50 / / rw,relatime - overlay overlay rw,upperdir=/var/lib/docker/overlay2/x/diff
2 1 8:1 /volumes/a /home/a/.config/openclaw-agent rw,relatime - ext4 /dev/sda1 rw
3 1 0:60 / /run rw,nosuid shared:5 - tmpfs tmpfs rw
4 1 8:1 /v /data/my\\040place rw,relatime - ext4 /dev/sda1 rw
5 1 0:61 / /dev/shm rw - tmpfs shm rw
6 1 8:2 / /dev/shm/kept rw - xfs /dev/sdb rw
`;
const machine = "1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";
const router = "1 0 0:9 / / rw,noatime - overlay overlayfs:/overlay rw,upperdir=/overlay/upper\n";

const cases: [name: string, folder: string, mounts: string, isContainer: boolean, says: RegExp | null][] = [
  ["a container's own file system", "/home/a/.config/other", docker, true, /goes with the container/],
  ["a volume", "/home/a/.config/openclaw-agent", docker, true, null],
  ["a folder in a volume", "/home/a/.config/openclaw-agent/deep", docker, true, null],
  ["a folder whose name begins as a volume's", "/home/a/.config/openclaw-agent2", docker, true, /goes with/],
  ["a volume with a space in its name", "/data/my place", docker, true, null],
  ["a folder in memory", "/run/openclaw", docker, true, /in memory/],
  ["a folder in memory of a machine", "/run/openclaw", docker, false, /in memory/],
  ["a volume within a folder in memory", "/dev/shm/kept/a", docker, true, null],
  ["a machine's disk", "/home/a/.config/openclaw-agent", machine, false, null],
  ["a machine's disk with a container's mark", "/home/a/.config/openclaw-agent", machine, true, null],
  ["a router's overlay", "/home/a/.config/openclaw-agent", router, false, null],
  ["no list of mounts", "/root", "", true, null],
];

for (const [name, folder, mounts, isContainer, says] of cases) {
  Deno.test(`${name} ${says === null ? "lasts, as far as is known" : "does not last"}`, () => {
    const found = transience(folder, { mounts, isContainer });
    if (says === null) assert.equal(found, null);
    else assert.match(found ?? "", says);
  });
}
