import assert from "node:assert/strict";

const root = new URL("../../../", import.meta.url);

/** Everything that a module loads, however it is loaded; what is imported for its types alone is not there. */
async function modulesOf(path: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", path],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const { modules }: { modules: { specifier: string; dependencies?: { code?: unknown }[] }[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  return modules.map(({ specifier }) => specifier.replace(root.href, ""));
}

for (
  const command of [
    "monitor",
    "handshake",
    "heartbeat",
    "status",
    "doctor",
    "configure",
    "logout",
    "service",
    "completions",
    "version",
  ]
) {
  Deno.test(`openclaw ${command} loads nothing of the server's`, async () => {
    const modules = await modulesOf(`cli/commands/${command}.ts`);
    assert.ok(modules.includes(`cli/commands/${command}.ts`));
    assert.deepEqual(
      modules.filter((name) =>
        /^supabase\/|^cli\/serve\/|pglite|supabase-js|npm:\/postgres|hono|jose/.test(name)
      ),
      [],
    );
  });
}

Deno.test("the program for an agent's host has no server in it, the other one has", async () => {
  const server = /^cli\/serve\/|pglite/;
  assert.equal((await modulesOf("cli/openclaw.ts")).some((name) => server.test(name)), false);
  assert.equal((await modulesOf("cli/main.ts")).some((name) => server.test(name)), true);
});

Deno.test("no path of a file is taken from an address without being decoded", async () => {
  const undecoded: string[] = [];
  for (const folder of ["cli", "installers", "supabase", "tests"]) await collect(new URL(`${folder}/`, root));
  assert.deepEqual(undecoded, []);

  async function collect(folder: URL): Promise<void> {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const inner = new URL(encodeURIComponent(name) + (isDirectory ? "/" : ""), folder);
      if (isDirectory) await collect(inner);
      else if (name.endsWith(".ts") && /import\.meta\.url\)\.pathname/.test(await Deno.readTextFile(inner))) {
        undecoded.push(inner.href.replace(root.href, ""));
      }
    }
  }
});
