// deno-lint-ignore-file no-console -- it talks to the terminal
import * as esbuild from "esbuild";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../cli/dashboard/", import.meta.url));
const page = join(folder, "page");
const options = {
  absWorkingDir: folder,
  bundle: true,
  write: false,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
} as const;

/** Bundles the page into the modules that the server hands it out from. With `--check`, only says whether one is stale. */
async function main([mode]: string[]): Promise<number> {
  for (const [name, text] of Object.entries(await pageModules())) {
    const file = join(folder, name);
    if (await readOrEmpty(file) === text) continue;
    if (mode === "--check") {
      console.error(`error: "${name}" is stale\nhint: deno task page`);
      return 1;
    }
    await Deno.writeTextFile(file, text);
  }
  return 0;
}

/** The generated modules, by the names of their files. */
export async function pageModules(): Promise<Record<string, string>> {
  try {
    return { "assets.generated.ts": await assetsText(), "render.generated.ts": await renderText() };
  } finally {
    await esbuild.stop();
  }
}

async function assetsText(): Promise<string> {
  const { outputFiles } = await esbuild.build({
    ...options,
    splitting: true,
    outdir: "assets",
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    entryPoints: {
      page: join(page, "main.tsx"),
      style: join(page, "page.css"),
      more: join(page, "more.css"),
      login: join(page, "login.ts"),
    },
    plugins: [firstScreen, packages],
  });
  const files = outputFiles.map(({ path, text }) => ({ name: basename(path), text }))
    .sort((one, other) => one.name < other.name ? -1 : 1);
  const named = (start: string): string => files.find(({ name }) => name.startsWith(start))?.name ?? "";
  const entry = {
    script: named("page-"),
    style: named("style-"),
    more: named("more-"),
    login: named("login-"),
  };
  const rows = files.map(({ name, text }) => {
    const type = name.endsWith(".css") ? "text/css" : "text/javascript";
    return `  ${JSON.stringify(name)}: {\n    type: "${type}; charset=utf-8",\n    text: ${
      linesOf(text)
    },\n  },\n`;
  });
  return `${note}export const entry = ${JSON.stringify(entry)};\n` +
    `export const assets: Record<string, { type: string; text: string }> = {\n${rows.join("")}};\n`;
}

/** The same components for the server, which loads no package for them. */
async function renderText(): Promise<string> {
  const { outputFiles: [file] } = await esbuild.build({
    ...options,
    outfile: "render.js",
    entryPoints: [join(page, "render.tsx")],
    plugins: [assets, packages],
  });
  const text = file?.text.replace(
    /export\{(\w+) as renderLogin,(\w+) as renderPage\};\s*$/,
    (_, login, whole) =>
      `export const renderLogin: (state: LoginState) => string = ${login};\n` +
      `export const renderPage: (state: PageState) => string = ${whole};\n`,
  ) ?? "";
  if (!text.includes("export const renderPage")) {
    throw new Error("Cannot read what esbuild made of render.tsx");
  }
  return `// @ts-nocheck -- a bundle\n// deno-lint-ignore-file\n${note}import type { LoginState, PageState } from "./state.ts";\n${text}`;
}

const note = `// Made from cli/dashboard/page by "deno task page". Change that, not this.\n` +
  `// It contains Preact, its signals and uPlot, which are under the MIT license.\n`;

/** A text as a list of lines, so that what changed can be seen. */
function linesOf(text: string): string {
  return `[\n${text.split("\n").map((line) => `      ${JSON.stringify(line)},\n`).join("")}    ].join("\\n")`;
}

/**
 * One file for all of the first screen. What is loaded after it shares different parts of it, and esbuild would make a
 * file of each of these parts, which cost more requests, and compress worse. So each of those has all of it imported.
 */
const firstScreen: esbuild.Plugin = {
  name: "first screen",
  setup(build) {
    build.onLoad({ filter: /\/page\/(fleet|views\/[a-z]\w*)\.tsx$/ }, async ({ path }) => {
      const text = await Deno.readTextFile(path);
      const isView = dirname(path) !== page;
      return { contents: `import "${isView ? "../" : "./"}page.tsx";\n${text}`, loader: "tsx" };
    });
  },
};

/** The server's module beside the bundle stays what it is. */
const assets: esbuild.Plugin = {
  name: "assets",
  setup(build) {
    build.onResolve(
      { filter: /assets\.generated\.ts$/ },
      () => ({ path: "./assets.generated.ts", external: true }),
    );
  },
};

/**
 * Packages from where Deno keeps them, under paths that are the same on every machine: esbuild's hashes are of paths,
 * too.
 */
const packages: esbuild.Plugin = {
  name: "packages",
  setup(build) {
    build.onResolve(
      { filter: /^[@a-z]/ },
      ({ path, kind }) => kind === "entry-point" ? null : ({ path, namespace: "npm" }),
    );
    build.onLoad({ filter: /.*/, namespace: "npm" }, async ({ path }) => {
      const file = fileOf(path);
      return { contents: await Deno.readFile(file), loader: "js", resolveDir: dirname(file) };
    });
  },
};

function fileOf(specifier: string): string {
  // uPlot names only its CommonJS file for whoever is not a bundler.
  return fileURLToPath(import.meta.resolve(specifier)).replace(/\.cjs\.js$/, ".esm.js");
}

async function readOrEmpty(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
