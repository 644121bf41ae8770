import assert from "node:assert/strict";
import { version } from "../../supabase/functions/_shared/version.ts";
import { record, text } from "../_support/client.ts";
import { resources } from "./_resources.ts";

const root = new URL("../../", import.meta.url);
const functions = new URL("supabase/functions/", root);
const config = await Deno.readTextFile(new URL("supabase/config.toml", root));
const manifest = await readJson(new URL("deno.json", root));

/** Every package that the functions name: where, its name and its version. */
const named = await packages();

async function readJson(url: URL): Promise<Record<string, unknown>> {
  const parsed: unknown = JSON.parse(await Deno.readTextFile(url));
  return record(parsed);
}

async function names(folder: URL, kind: "isFile" | "isDirectory"): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) if (entry[kind]) found.push(entry.name);
  return found.sort();
}

/** Every TypeScript file of the functions, by its path in their folder. */
async function sources(folder = ""): Promise<string[]> {
  const files = (await names(new URL(folder, functions), "isFile")).filter((name) => name.endsWith(".ts"));
  const folders = await names(new URL(folder, functions), "isDirectory");
  const below = await Promise.all(folders.map((name) => sources(`${folder}${name}/`)));
  return [...files.map((name) => `${folder}${name}`), ...below.flat()];
}

async function packages(): Promise<{ file: string; name: string; version: string }[]> {
  const found: { file: string; name: string; version: string }[] = [];
  for (const file of await sources()) {
    const source = await Deno.readTextFile(new URL(file, functions));
    for (const [, specifier = ""] of source.matchAll(/["']npm:([^"']+)["']/g)) {
      const [, name = specifier, pinned = ""] = /^((?:@[^/@]+\/)?[^/@]+)(?:@([^/]+))?/.exec(specifier) ?? [];
      found.push({ file, name, version: pinned });
    }
  }
  return found;
}

async function deployed(): Promise<string[]> {
  return (await names(functions, "isDirectory")).filter((name) => name !== "_shared");
}

Deno.test("the functions name packages, each with an exact version", () => {
  assert.ok(named.length >= 5, String(named.length));
  for (const one of named) assert.match(one.version, /^\d+\.\d+\.\d+$/, `${one.file}: ${one.name}`);
});

Deno.test("a package has one version in all of the functions", () => {
  const versions = new Map<string, string>();
  for (const one of named) {
    const other = versions.get(one.name) ?? one.version;
    assert.equal(one.version, other, `${one.name} in ${one.file}`);
    versions.set(one.name, other);
  }
});

Deno.test("a package that deno.json names too has the same version there", () => {
  const imports = record(manifest.imports);
  const shared = named.filter(({ name }) => imports[name] !== undefined);
  assert.ok(shared.length > 0);
  for (const one of shared) assert.equal(imports[one.name], `npm:${one.name}@${one.version}`, one.file);
});

for (const name of await deployed()) {
  Deno.test(`${name} loads what identifies an operator if it asks for one, and only then`, async () => {
    const loaded = await loadedFrom(new URL(`${name}/index.ts`, functions));
    const own = await Promise.all([...loaded].filter((url) => url.includes(`/${name}/`)).map(sourceOf));
    const asks = own.some((source) => /\boperators\b/.test(source));
    assert.equal(loaded.has(new URL("_shared/operator.ts", functions).href), asks);
    const index = await sourceOf(new URL(`${name}/index.ts`, functions).href);
    assert.equal(index.includes("serveFunction(endpoint, projectOperators)"), asks);
  });
}

/** The modules that are loaded with one, by what they import besides types. */
async function loadedFrom(start: URL): Promise<Set<string>> {
  const loaded = new Set([start.href]);
  for (const url of loaded) {
    const imported = (await sourceOf(url)).matchAll(
      /^(?:import|export) (?!type )[^;]*? ?from "(\.[^"]+)";$/gm,
    );
    for (const [, specifier = ""] of imported) loaded.add(new URL(specifier, url).href);
  }
  return loaded;
}

function sourceOf(url: string): Promise<string> {
  return Deno.readTextFile(new URL(url));
}

Deno.test("the versions that docs/operating.md says the tests ran with are those of the lock file", async () => {
  const locked = Object.keys(record((await readJson(new URL("deno.lock", root))).npm));
  const page = (await Deno.readTextFile(new URL("docs/operating.md", root))).replaceAll(/\s+/g, " ");
  const [, said = ""] = /The tests ran with ([^]*?)\. - /.exec(page) ?? [];
  const versions = [...said.matchAll(/`([^`]+)` (\d+\.\d+\.\d+)/g)];
  assert.equal(versions.length, 5, said);
  for (const [, name, version] of versions) {
    assert.ok(locked.some((key) => key.split("_")[0] === `${name}@${version}`), `${name} ${version}`);
  }
});

Deno.test("the functions import by full names and relative paths alone: no import map deploys with them", async () => {
  const files = await sources();
  assert.ok(files.includes("_shared/http/errors.ts"), files.join());
  for (const file of files) {
    const source = await Deno.readTextFile(new URL(file, functions));
    for (const [, specifier = ""] of source.matchAll(/^(?:import|export)[^;]*?\sfrom "([^"]+)"/gm)) {
      assert.match(specifier, /^(npm:|node:|\.\.?\/.*\.ts$)/, file);
    }
  }
});

Deno.test("no function declares a global: each one's types are right without the others", async () => {
  for (const folder of await names(functions, "isDirectory")) {
    for (const file of await names(new URL(`${folder}/`, functions), "isFile")) {
      const source = await Deno.readTextFile(new URL(`${folder}/${file}`, functions));
      assert.doesNotMatch(source, /declare global|\/\/\/ <reference/, `${folder}/${file}`);
      if (file.endsWith(".ts")) {
        assert.match(source, /^(?:import|export)\b/m, `${folder}/${file} is a script`);
      }
    }
  }
});

Deno.test("the service's version is deno.json's", () => assert.equal(version, manifest.version));

Deno.test("there is a function for every resource, and nothing else", async () => {
  const tested = [...new Set(resources.map(({ endpoint }) => endpoint.name))].sort();
  assert.deepEqual(await deployed(), tested, "a new function belongs in the table of the hostile set");
});

for (const name of await deployed()) {
  const folder = new URL(`${name}/`, functions);

  Deno.test(`${name} has a handler or routes, a deno.json of its own and an index.ts of at most 15 lines`, async () => {
    const files = await names(folder, "isFile");
    for (const file of ["deno.json", "index.ts"]) assert.ok(files.includes(file), file);
    assert.ok(files.includes("handler.ts") || files.includes("routes.ts"), files.join());
    const lines = (await Deno.readTextFile(new URL("index.ts", folder))).trimEnd().split("\n");
    assert.ok(lines.length <= 15, String(lines.length));
  });

  Deno.test(`${name}'s deno.json changes nothing: no import map, no compiler option`, async () => {
    const { lock = false, ...rest } = await readJson(new URL("deno.json", folder));
    assert.deepEqual({ lock, ...rest }, { lock: false, imports: {} });
  });

  Deno.test(`${name} decides itself who may call it: verify_jwt is false`, () => {
    const section = config.split(/^\[/m).find((one) => one.startsWith(`functions.${name}]`)) ?? "";
    assert.match(section, /^verify_jwt = false$/m);
  });

  Deno.test(`${name} calls itself in the code as its folder`, async () => {
    const files = await names(folder, "isFile");
    const file = files.includes("routes.ts") ? "routes.ts" : "handler.ts";
    const source = await Deno.readTextFile(new URL(file, folder));
    assert.ok(source.includes(`"${name}"`), text(source.slice(0, 100)));
  });
}
