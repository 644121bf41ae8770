import assert from "node:assert/strict";
import { join } from "node:path";
import { openContainerMemory } from "../../../../cli/agent/observe/container_memory.ts";
import { withFolder } from "../../../_support/server.ts";

/** The control group's files stay open for as long as the process lives. */
const open = { sanitizeResources: false };

for (
  const [name, files, expected] of [
    ["version 2", {
      "memory.max": "1000000\n",
      "memory.current": "600000\n",
      "memory.stat": "anon 1\ninactive_file 100000\n",
    }, 50],
    [
      "version 2 without a limit",
      { "memory.max": "max\n", "memory.current": "1\n", "memory.stat": "" },
      null,
    ],
    [
      "version 1",
      {
        "memory/memory.limit_in_bytes": "1000\n",
        "memory/memory.usage_in_bytes": "300\n",
        "memory/memory.stat": "total_inactive_file 50\n",
      },
      25,
    ],
    [
      "version 1 without a limit",
      {
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
        "memory/memory.usage_in_bytes": "300\n",
        "memory/memory.stat": "",
      },
      null,
    ],
  ] as const
) {
  Deno.test({
    ...open,
    name: `a container's memory under control groups ${name} is ${expected ?? "left to the host"}`,
    ignore: Deno.build.os !== "linux",
    fn: () =>
      withFolder(async (folder) => {
        await Deno.mkdir(join(folder, "memory"));
        for (const [path, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, path), text);
        const memory = openContainerMemory(folder, { groups: "0::/\n" });
        assert.equal(memory?.percent() ?? null, expected);
        const [usage] = Object.keys(files).filter((path) => /current|usage/.test(path));
        await Deno.writeTextFile(join(folder, usage ?? ""), "0\n");
        assert.equal(memory?.percent() ?? null, expected === null ? null : 0, "it is read anew");
      }),
  });
}

Deno.test({
  ...open,
  name: "a container's limit above the host's memory is the host's memory",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      const files = { "memory.max": "4000", "memory.current": "500", "memory.stat": "" };
      for (const [path, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, path), text);
      assert.equal(openContainerMemory(folder, { hostBytes: () => 1000, groups: "" })?.percent(), 50);
    }),
});

Deno.test("a host without control groups has no container's memory", () =>
  withFolder((folder) => {
    assert.equal(openContainerMemory(folder, { groups: "0::/\n" }), null);
    return Promise.resolve();
  }));

/** What a container sees that was started with `--cgroupns=host`: all groups of the host. */
for (
  const [name, groups, group, expected] of [
    ["docker", "0::/system.slice/docker-0123abcd.scope\n", "system.slice/docker-0123abcd.scope", 50],
    ["a group of its own within docker's", "0::/docker/0123abcd/agent\n", "docker/0123abcd", 50],
    [
      "kubernetes",
      "0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-01.scope\n",
      "kubepods.slice/kubepods-burstable.slice/cri-containerd-01.scope",
      50,
    ],
    [
      "a service of the host, which is no container",
      "0::/system.slice/agent.service\n",
      "system.slice/agent.service",
      null,
    ],
    ["a path that leads out", "0::/docker/../../01\n", "docker/x", null],
  ] as const
) {
  Deno.test({
    ...open,
    name: `where all of the host's groups are in view, the memory is that of ${name}: ${
      expected ?? "left to the host"
    }`,
    ignore: Deno.build.os !== "linux",
    fn: () =>
      withFolder(async (folder) => {
        await Deno.mkdir(join(folder, group), { recursive: true });
        const files = { "memory.max": "1000", "memory.current": "500", "memory.stat": "" };
        for (const [path, text] of Object.entries(files)) {
          await Deno.writeTextFile(join(folder, group, path), text);
        }
        assert.equal(openContainerMemory(folder, { groups })?.percent() ?? null, expected);
      }),
  });
}

Deno.test({
  ...open,
  name: "of the limits of a container's group and of those above it, the tightest counts",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      for (
        const [group, limit, usage] of [["docker", "1000", "900"], ["docker/01", "max", "1"], [
          "docker/01/a",
          "100",
          "10",
        ]] as const
      ) {
        await Deno.mkdir(join(folder, group), { recursive: true });
        await Deno.writeTextFile(join(folder, group, "memory.max"), limit);
        await Deno.writeTextFile(join(folder, group, "memory.current"), usage);
        await Deno.writeTextFile(join(folder, group, "memory.stat"), "");
      }
      assert.equal(openContainerMemory(folder, { groups: "0::/docker/01/a\n" })?.percent(), 90);
    }),
});

Deno.test({
  ...open,
  name: "version 1 names the group of its memory controller, which is that of a container",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      await Deno.mkdir(join(folder, "memory/docker/01"), { recursive: true });
      const files = { "limit_in_bytes": "1000", "usage_in_bytes": "250", "stat": "" };
      for (const [name, text] of Object.entries(files)) {
        await Deno.writeTextFile(join(folder, `memory/docker/01/memory.${name}`), text);
      }
      const groups = "12:cpu,cpuacct:/docker/99\n4:hugetlb,memory:/docker/01\n";
      assert.equal(openContainerMemory(folder, { groups })?.percent(), 25);
    }),
});
