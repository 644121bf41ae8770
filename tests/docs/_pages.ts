import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A page of the documentation. */
export interface Page {
  /** From the root of the repository. */
  path: string;
  text: string;
}

/** Lines between two fences, with the language that the first one names. */
export interface Block {
  language: string;
  lines: string[];
}

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** The README, the changelog and everything in docs/. */
export async function readPages(): Promise<Page[]> {
  const paths = ["README.md", "CHANGELOG.md"];
  for await (const { name } of Deno.readDir(join(root, "docs"))) {
    if (name.endsWith(".md")) paths.push(`docs/${name}`);
  }
  return await Promise.all(paths.sort().map(pageAt));
}

/** One of them. */
export async function pageAt(path: string): Promise<Page> {
  return { path, text: await Deno.readTextFile(join(root, path)) };
}

/** The fenced blocks of a page, or of its part below one heading. */
export function blocksOf({ text }: Page, heading?: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | null = null;
  let isHere = heading === undefined;
  for (const line of text.split("\n")) {
    const fence = /^```(\w*)$/.exec(line);
    if (fence !== null && open === null) open = { language: fence[1] ?? "", lines: [] };
    else if (fence !== null && open !== null) {
      if (isHere) blocks.push(open);
      open = null;
    } else if (open !== null) open.lines.push(line);
    else if (heading !== undefined && /^#+ /.test(line)) isHere = line.replace(/^#+ /, "") === heading;
  }
  return blocks;
}

/** The page without its fenced blocks. */
export function proseOf({ text }: Page): string {
  return text.replaceAll(/^```[^]*?^```$/gm, "");
}

/** The anchors that a page's headings have on GitHub. */
export function anchorsOf(page: Page): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of proseOf(page).matchAll(/^#+ (.+)$/gm)) {
    const plain = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-");
    let anchor = plain;
    for (let again = 1; anchors.has(anchor); again++) anchor = `${plain}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** The relative links of a page: `[…](path#anchor)`. */
export function linksOf(page: Page): { path: string; anchor: string | null }[] {
  const links = proseOf(page).matchAll(/\]\(([^)\s]*)\)/g);
  return [...links].map(([, target = ""]) => target).filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = "", anchor = null] = target.split("#");
      return { path, anchor };
    });
}
