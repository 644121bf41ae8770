// deno-lint-ignore-file no-console -- it talks to the terminal
import { version } from "../supabase/functions/_shared/version.ts";

const folder = new URL("../installers/", import.meta.url);
const joined = new URL("../dist/installers/", import.meta.url);
const module = new URL("../supabase/functions/_shared/installer/installers.generated.ts", import.meta.url);
const templates = new URL("../cli/service/definition/templates.generated.ts", import.meta.url);
const files = { bash: "install.sh", powershell: "install.ps1", python: "install.py" };

if (import.meta.main) Deno.exit(await main(Deno.args));

/**
 * Writes the module from which the functions hand the installers out, the module with the program's templates, and the
 * installers into `dist/installers`. With `--check`, only says whether a module is stale. With `--release <folder> <sums> <https url>`, writes the
 * installers into the folder instead, with the sums of the programs under the URL, which are therefore to be trusted
 * as far as the installers.
 */
async function main([mode, ...args]: string[]): Promise<number> {
  if (mode === "--release") return await release(args);
  const modules: [URL, string][] = [[module, await moduleText()], [templates, await templatesText()]];
  if (mode === "--check") return await assertFresh(modules);
  await joinInstallers();
  for (const [file, text] of modules) await writeIfStale(file, text);
  return 0;
}

async function assertFresh(modules: [URL, string][]): Promise<number> {
  for (const [file, text] of modules) {
    if (await readOrEmpty(file) === text) continue;
    console.error(`error: "${file.pathname.replace(/^.*\//, "")}" is stale\nhint: deno task installers`);
    return 1;
  }
  return 0;
}

/** Writes the installers as they are handed out, and returns their folder. */
export async function joinInstallers(): Promise<URL> {
  await Deno.mkdir(joined, { recursive: true });
  for (const file of Object.values(files)) {
    await writeIfStale(new URL(file, joined), await installerText(file));
  }
  return joined;
}

/** Whole or not at all: several tests may do so at once. */
async function writeIfStale(file: URL, text: string): Promise<void> {
  if (await readOrEmpty(file) === text) return;
  const beside = new URL(`${file.href}.${crypto.randomUUID()}`);
  await Deno.writeTextFile(beside, text);
  await Deno.rename(beside, file);
}

/** The module's text: a list of lines an installer, so that a change of one line is one line of a diff. */
export async function moduleText(): Promise<string> {
  const texts = Object.entries(files).map(async ([shell, file]) =>
    [shell, await installerText(file)] as const
  );
  return asModule("installers", await Promise.all(texts));
}

/** The same for what a service manager reads: the program fills them in as the installers do. */
export async function templatesText(): Promise<string> {
  const names = (await Array.fromAsync(Deno.readDir(new URL("units/", folder)))).map(({ name }) => name)
    .sort();
  const texts = names.map(async (name) => [JSON.stringify(name), await partText(`units/${name}`)] as const);
  return asModule("templates", await Promise.all(texts));
}

function asModule(name: string, texts: (readonly [key: string, text: string])[]): string {
  const entries = texts.map(([key, text]) => {
    const lines = text.split("\n").map((line) => `    ${JSON.stringify(line)},\n`);
    return `  ${key}: [\n${lines.join("")}  ].join("\\n"),\n`;
  });
  return `// Made from installers/ by "deno task installers". Change those, not this.\n` +
    `export const ${name} = {\n${entries.join("")}};\n`;
}

/** An installer, with the file that each line `@folder/file@` names in that line's place. */
async function installerText(file: string): Promise<string> {
  const parts = (await versioned(file)).split(/^@((?:agents|texts|units)\/[\w.]+)@\n/m);
  const texts = await Promise.all(parts.map((part, index) => index % 2 === 0 ? part : partText(part)));
  return texts.join("");
}

async function partText(file: string): Promise<string> {
  const text =
    await (file.startsWith("agents/") ? versioned(file) : Deno.readTextFile(new URL(file, folder)));
  const end = /'''|^'@|^END_OF_\w+$/m.exec(text);
  if (end !== null) throw new Error(`Cannot embed "${file}": "${end[0]}" would end it too early`);
  return text;
}

async function versioned(file: string): Promise<string> {
  return replaceOnce(
    await Deno.readTextFile(new URL(file, folder)),
    /(version *= *)(['"])[^'"\n]*\2/i,
    (start, quote) => start + quote + version + quote,
  );
}

async function release([target, sums, url]: string[]): Promise<number> {
  if (target === undefined || sums === undefined || url === undefined || !/^https:\/\/[\w./~-]+$/.test(url)) {
    console.error("usage: tools/installers.ts --release <folder> <SHA256SUMS> <https url of the programs>");
    return 2;
  }
  const known = (await Deno.readTextFile(sums)).split("\n").filter((line) =>
    /^[0-9a-f]{64} [ *]openclaw-[\w.-]+$/.test(line)
  );
  if (known.length === 0) {
    console.error(`error: Cannot read "${sums}": it has the sum of no program`);
    return 1;
  }
  await Deno.mkdir(target, { recursive: true });
  for (const file of Object.values(files)) {
    const baked = bake(await installerText(file), url.replace(/\/+$/, ""), known.join("\n"));
    await Deno.writeTextFile(`${target}/${file}`, baked, { mode: 0o755 });
  }
  return 0;
}

function bake(text: string, url: string, sums: string): string {
  const withUrl = replaceOnce(
    text,
    /(binary_?folder *= *)(['"])\2/i,
    (start, quote) => start + quote + url + quote,
  );
  // A line break in quotes is one in sh and PowerShell; Python takes an escape.
  return replaceOnce(
    withUrl,
    /(binary_?sums *= *)(['"])\2/i,
    (start, quote) => start + quote + (quote === '"' ? sums.replaceAll("\n", "\\n") : sums) + quote,
  );
}

function replaceOnce(text: string, what: RegExp, by: (start: string, quote: string) => string): string {
  if (!what.test(text)) throw new Error(`Cannot find ${what} in an installer`);
  return text.replace(what, (_, start: string, quote: string) => by(start, quote));
}

async function readOrEmpty(file: URL): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
