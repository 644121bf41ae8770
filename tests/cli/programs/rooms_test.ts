import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { succeed } from "../../_support/run.ts";

/** A module's imports, those for types included; a dynamic import counts as any other. */
interface Module {
  path: string;
  imports: { path: string; isForTypes: boolean }[];
}

const root = new URL("../../../", import.meta.url);

/** The rooms of the program, the lowest first: a room imports only from those below it. */
const floors: string[][] = [
  ["cli/terminal"],
  ["cli/host"],
  ["cli/api"],
  ["cli/identity"],
  ["cli/fleet"],
  ["cli/dashboard"],
  ["cli/agent", "cli/service", "cli/serve", "cli/operator"],
  ["cli/commands"],
];

const program = await modulesOf("cli/main.ts");
const agentsProgram = await modulesOf("cli/openclaw.ts");

/** Every module that a program can load, from Deno's own graph. */
async function modulesOf(main: string): Promise<Module[]> {
  const { stdout } = await succeed(Deno.execPath(), ["info", "--json", main], { cwd: fileURLToPath(root) });
  const { modules }: { modules: InfoModule[] } = JSON.parse(stdout);
  return modules.map(({ specifier, error, dependencies = [] }) => {
    assert.equal(error, undefined, `${specifier}: ${error}`);
    return {
      path: relative(specifier),
      imports: dependencies.map(({ code, type, specifier: written }) => ({
        path: relative(code?.specifier ?? type?.specifier ?? written),
        isForTypes: code === undefined,
      })),
    };
  });
}

interface InfoModule {
  specifier: string;
  error?: string;
  dependencies?: { specifier: string; code?: { specifier?: string }; type?: { specifier?: string } }[];
}

function relative(specifier: string): string {
  return specifier.replace(root.href, "");
}

function floorOf(path: string): number {
  return floors.findIndex((rooms) => rooms.some((room) => path.startsWith(`${room}/`)));
}

function roomOf(path: string): string | undefined {
  return floors.flat().find((room) => path.startsWith(`${room}/`));
}

/** The first circle of modules that import one another, or null. */
function circleIn(modules: readonly Module[]): string[] | null {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): string[] | null => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (done.has(path)) return null;
    for (const one of byPath.get(path)?.imports ?? []) {
      const found = visit(one.path, [...way, path]);
      if (found !== null) return found;
    }
    done.add(path);
    return null;
  };
  for (const { path } of modules) {
    const found = visit(path, []);
    if (found !== null) return found;
  }
  return null;
}

Deno.test("no modules import one another in a circle, for types neither", () => {
  assert.ok(program.length > 80, String(program.length));
  assert.equal(circleIn(program), null);
  const one = { path: "a", imports: [{ path: "b", isForTypes: true }] };
  assert.deepEqual(circleIn([one, { path: "b", imports: [{ path: "a", isForTypes: false }] }]), [
    "a",
    "b",
    "a",
  ]);
});

Deno.test("each room of the program imports only from the rooms below it, and has a floor", () => {
  const upward: string[] = [];
  for (const { path, imports } of program) {
    if (/^cli\/\w+\//.test(path)) assert.ok(floorOf(path) >= 0, `${path} is in no room that this test knows`);
    for (const { path: other } of imports) {
      const isBelow = floorOf(other) < floorOf(path) || roomOf(other) === roomOf(path);
      if (!isBelow && floorOf(other) >= 0 && floorOf(path) >= 0) upward.push(`${path} imports ${other}`);
      if (path.startsWith("supabase/") && other.startsWith("cli/")) upward.push(`${path} imports ${other}`);
    }
  }
  assert.deepEqual(upward, []);
});

Deno.test("nothing but the server, its commands and the tools imports what is in supabase/", () => {
  const may =
    /^(cli\/serve\/|cli\/dashboard\/\w+\.ts$|cli\/commands\/(serve|keys|installer|_reason)\.ts$|supabase\/)/;
  const strangers = program.filter(({ path, imports }) =>
    path.startsWith("cli/") && !may.test(path) &&
    imports.some(({ path: other, isForTypes }) => other.startsWith("supabase/") && !isForTypes)
  );
  assert.deepEqual(strangers.map(({ path }) => path), []);
});

Deno.test("the program for an agent's host loads nothing of the server, of its keys and of the installers", () => {
  const loaded = agentsProgram.map(({ path }) => path);
  assert.ok(loaded.includes("cli/commands/agent/monitor.ts"));
  const forbidden = /^supabase\/|^cli\/serve\/|jose|pglite|supabase-js|npm:\/postgres|hono/;
  assert.deepEqual(loaded.filter((path) => forbidden.test(path)), []);
  const all = program.map(({ path }) => path);
  for (const needed of [/^cli\/serve\//, /jose/, /pglite/, /installers\.generated/]) {
    assert.ok(all.some((path) => needed.test(path)), `the server's program has no ${needed}`);
  }
});

Deno.test("the task that checks types takes every room: it names the dashboard's own files, and what has another first letter", async () => {
  const named = [];
  for await (const { name } of Deno.readDir(new URL("cli/", root))) {
    if (name.startsWith("d")) named.push(name);
  }
  assert.deepEqual(named, ["dashboard"]);
});
