import assert from "node:assert/strict";
import { dirname, join, normalize } from "node:path/posix";
import { exists } from "../../cli/host/private_file.ts";
import { anchorsOf, linksOf, type Page, readPages, root } from "./_pages.ts";

const pages = await readPages();
const { tasks }: { tasks: Record<string, string> } = JSON.parse(
  await Deno.readTextFile(join(root, "deno.json")),
);
const widest = 110;

for (const page of pages) {
  Deno.test(`${page.path} has no line of more than ${widest} characters, URLs excepted`, () => {
    assert.deepEqual(longLines(page.text), []);
  });

  Deno.test(`every relative link of ${page.path} leads to a file and a heading that are there`, async () => {
    assert.deepEqual(await deadLinks(page, pages), []);
  });

  Deno.test(`every deno task that ${page.path} names is in deno.json`, () => {
    assert.deepEqual(unknownTasks(page.text), []);
  });
}

Deno.test("docs/development.md says of every section of the contract where it is proven", () => {
  const [contract, development] = ["docs/contract.md", "docs/development.md"].map((path) =>
    pages.find((page) => page.path === path) ?? assert.fail(path)
  );
  assert.ok(contract !== undefined && development !== undefined);
  const told = linksOf(development).filter(({ path }) => path === "contract.md").map(({ anchor }) => anchor);
  const sections = { path: contract.path, text: contract.text.replaceAll(/^#(##+)? .*$/gm, "") };
  assert.deepEqual([...anchorsOf(sections)].filter((anchor) => !told.includes(anchor)), []);
});

Deno.test("a line of 111 characters is found, and one that only a URL makes so long is not", () => {
  const url = `https://fleet.example.com/${"a".repeat(100)}`;
  assert.deepEqual(longLines(`${"x".repeat(110)}\n${"é".repeat(111)}\nsee ${url}`), ["2: 111 characters"]);
});

Deno.test("a link to a file or a heading that is not there is found", async () => {
  const other = { path: "docs/other.md", text: "# Other\n\n## What it does, and why\n" };
  const page = {
    path: "docs/page.md",
    text:
      "[a](other.md) [b](other.md#what-it-does-and-why) [c](other.md#gone) [d](gone.md) [e](#here)\n\n# There",
  };
  assert.deepEqual(await deadLinks(page, [page, other]), ["other.md#gone", "gone.md", "#here"]);
});

Deno.test("a task that is not in deno.json is found, behind flags, too", () => {
  assert.deepEqual(unknownTasks("`deno task test`, `deno task --quiet kees` and `deno task …`"), ["kees"]);
});

function longLines(text: string): string[] {
  return text.split("\n").flatMap((line, index) => {
    const width = [...line.replaceAll(/https?:\/\/\S+/g, "")].length;
    return width > widest ? [`${index + 1}: ${width} characters`] : [];
  });
}

async function deadLinks(page: Page, all: readonly Page[]): Promise<string[]> {
  const dead: string[] = [];
  for (const { path, anchor } of linksOf(page)) {
    const target = path === "" ? page.path : normalize(join(dirname(page.path), path));
    const linked = all.find((one) => one.path === target);
    const isThere = linked !== undefined || await exists(join(root, target));
    const isHeading = anchor === null || (linked !== undefined && anchorsOf(linked).has(anchor));
    if (!isThere || !isHeading) dead.push(anchor === null ? path : `${path}#${anchor}`);
  }
  return dead;
}

function unknownTasks(text: string): string[] {
  const named = [...text.matchAll(/deno(?:@[\d.]+)? task (?:--?\w+ )*([\w:]+)/g)];
  return named.map(([, name = ""]) => name).filter((name) => !(name in tasks));
}
