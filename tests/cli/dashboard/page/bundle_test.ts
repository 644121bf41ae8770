import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { assets, entry } from "../../../../cli/dashboard/assets.generated.ts";
import { pageModules } from "../../../../tools/page.ts";

Deno.test("what is handed out is what deno task page makes of the sources", async () => {
  for (const [name, text] of Object.entries(await pageModules())) {
    const handedOut = await Deno.readTextFile(new URL(`../../../../cli/dashboard/${name}`, import.meta.url));
    assert.ok(handedOut === text, `${name} is stale: deno task page`);
  }
});

Deno.test("the script and the style of the first screen have at most 15 KB gzipped, all files 60 KB", () => {
  const sizeOf = (name: string): number => gzipSync(assets[name]?.text ?? "", { level: 9 }).length;
  const first = withImports([entry.script, entry.style]).map(sizeOf);
  assert.ok(first.length > 2);
  assert.ok(sum(first) <= 15 * 1024, `${sum(first)} bytes`);
  const all = Object.keys(assets).map(sizeOf);
  assert.ok(sum(all) <= 60 * 1024, `${sum(all)} bytes`);
});

Deno.test("no file of the page builds code or markup from text, or names another host", () => {
  for (const [name, { text }] of Object.entries(assets)) {
    assert.doesNotMatch(text, /\beval\(|new Function|document\.write|insertAdjacentHTML|setTimeout\("/, name);
    const hosts = [...text.matchAll(/https?:\/\/[^"'`\s)]+/g)].map(([url]) => url);
    const names = hosts.filter((url) => !url.startsWith("http://www.w3.org/"));
    assert.deepEqual(names, [], name);
  }
});

/** The modules that are loaded before anything else is asked for. */
function withImports(names: string[]): string[] {
  const known = new Set(names);
  for (const name of known) {
    const imports = assets[name]?.text.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g) ?? [];
    for (const [, other = ""] of imports) known.add(other);
  }
  return [...known];
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
