import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { succeed } from "../../_support/run.ts";

const root = new URL("../../../", import.meta.url);

interface Module {
  specifier: string;
  dependencies?: { code?: { specifier?: string } }[];
}

type Graph = Map<string, string[]>;

/** What each module of a program loads itself, by path or address; what is imported for its types only is not there. */
async function readGraph(program: string): Promise<Graph> {
  const { stdout } = await succeed(Deno.execPath(), ["info", "--json", program], {
    cwd: fileURLToPath(root),
  });
  const { modules, redirects }: { modules: Module[]; redirects: Record<string, string> } = JSON.parse(stdout);
  const nameOf = (specifier: string): string => (redirects[specifier] ?? specifier).replace(root.href, "");
  return new Map(modules.map(({ specifier, dependencies = [] }) => [
    nameOf(specifier),
    dependencies.flatMap(({ code }) => code?.specifier === undefined ? [] : [nameOf(code.specifier)]),
  ]));
}

/** Everything that a module loads, however it is loaded. */
function modulesOf(path: string, graph: Graph): string[] {
  assert.ok(graph.has(path), `There is no ${path}`);
  const found = new Set([path]);
  for (const one of found) for (const next of graph.get(one) ?? []) found.add(next);
  return [...found];
}

const [ours, agents] = await Promise.all([readGraph("cli/main.ts"), readGraph("cli/openclaw.ts")]);

const commands = [
  ...["monitor", "handshake", "heartbeat", "status", "doctor", "configure", "logout", "service"]
    .map((name) => `agent/${name}`),
  "completions/completions",
  "version",
];

for (const command of commands) {
  Deno.test(`openclaw ${command.split("/").at(-1)} loads nothing of the server's`, () => {
    const names = modulesOf(`cli/commands/${command}.ts`, ours);
    assert.ok(names.length > 1);
    const server = /^supabase\/|^cli\/serve\/|pglite|supabase-js|npm:\/?postgres|hono|jose/;
    assert.deepEqual(names.filter((name) => server.test(name)), []);
  });
}

Deno.test("the program for an agent's host has no server in it, the other one has", () => {
  const isServer = (name: string): boolean => /^cli\/serve\/|pglite/.test(name);
  assert.equal(modulesOf("cli/openclaw.ts", agents).some(isServer), false);
  assert.equal(modulesOf("cli/main.ts", ours).some(isServer), true);
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
