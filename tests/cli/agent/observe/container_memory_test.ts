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
        const memory = openContainerMemory(folder);
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
      assert.equal(openContainerMemory(folder, () => 1000)?.percent(), 50);
    }),
});

Deno.test("a host without control groups has no container's memory", () =>
  withFolder((folder) => {
    assert.equal(openContainerMemory(folder), null);
    return Promise.resolve();
  }));
