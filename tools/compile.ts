// deno-lint-ignore-file no-console -- a tool for the terminal
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { agentFlags } from "./agent_flags.ts";

interface Target {
  triple: string;
  name: string;
}

const targets: Target[] = [
  { triple: "x86_64-unknown-linux-gnu", name: "linux-x64" },
  { triple: "aarch64-unknown-linux-gnu", name: "linux-arm64" },
  { triple: "x86_64-apple-darwin", name: "darwin-x64" },
  { triple: "aarch64-apple-darwin", name: "darwin-arm64" },
  { triple: "x86_64-pc-windows-msvc", name: "windows-x64" },
];

/** `openclaw` for an agent's host; `openclaw-server` is the same with the embedded server in it. */
const programs = [
  { name: "openclaw", main: "cli/openclaw.ts", hasServer: false },
  { name: "openclaw-server", main: "cli/main.ts", hasServer: true },
];

interface Lock {
  version: string;
  specifiers: Record<string, string>;
  npm: Record<string, { dependencies?: string[] }>;
}

/** What the server reads beside its modules. */
const serverFiles = ["supabase/migrations", "cli/serve/store/platform.sql"];

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: flags } = parseArgs({
  options: { all: { type: "boolean" }, output: { type: "string", default: "dist" } },
});
const folder = resolve(root, flags.output);

const deno = Deno.env.get("DENO_COMPILE_BIN") ?? Deno.execPath();

/** What is in packages but is never read when they run: types, source maps, and Postgres's extensions. */
const unread = /\.(map|d\.ts|d\.cts|d\.mts|md)$|\.tar\.gz$/;

if (import.meta.main) {
  await Deno.mkdir(folder, { recursive: true });
  const made: string[] = [];
  for (const target of flags.all ? targets : [null]) {
    for (const program of programs) made.push(await compile(program, target));
  }
  await writeChecksums(made);
}

async function compile(program: typeof programs[number], target: Target | null): Promise<string> {
  const suffix = target === null ? "" : `-${target.name}`;
  const windows = target === null ? Deno.build.os === "windows" : target.name.startsWith("windows");
  const path = join(folder, `${program.name}${suffix}${windows ? ".exe" : ""}`);
  // A program that runs is not overwritten, it is replaced.
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  const lock = await narrowLock(program.main);
  const excluded = program.hasServer ? await findUnread() : [];
  const { success } = await new Deno.Command(deno, {
    args: [
      "compile",
      "--quiet",
      "--no-check",
      "--no-prompt",
      "--allow-all",
      "--lock",
      lock,
      ...excluded.flatMap((file) => ["--exclude", file]),
      ...(program.hasServer
        ? serverFiles.flatMap((file) => ["--include", file])
        : [`--v8-flags=${agentFlags}`]),
      ...(target === null ? [] : ["--target", target.triple]),
      "--output",
      path,
      program.main,
    ],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).spawn().status;
  if (!success) throw new Error(`Cannot compile ${program.name} for ${target?.name ?? "this host"}`);
  await assertLocked(lock);
  const { size } = await Deno.stat(path);
  console.log(`${path}: ${(size / 1e6).toFixed(1)} MB`);
  return path;
}

/**
 * A lock file with the packages of one program only, as the root's has them: `deno compile` puts every package
 * of its lock file into the program, needed or not.
 */
async function narrowLock(main: string): Promise<string> {
  const { modules }: { modules: { npmPackage?: string }[] } = JSON.parse(await ask(["info", "--json", main]));
  const whole: Lock = JSON.parse(await Deno.readTextFile(join(root, "deno.lock")));
  const names = new Set<string>();
  const add = (name: string): void => {
    if (names.has(name)) return;
    names.add(name);
    for (const inner of whole.npm[name]?.dependencies ?? []) {
      for (const key of Object.keys(whole.npm)) if (key === inner || key.startsWith(`${inner}@`)) add(key);
    }
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) add(npmPackage);
  const path = await Deno.makeTempFile({ prefix: "openclaw-", suffix: ".lock" });
  const narrow: Lock = {
    version: whole.version,
    specifiers: pick(
      whole.specifiers,
      (specifier, version) => names.has(`${specifier.slice(4, specifier.lastIndexOf("@"))}@${version}`),
    ),
    npm: pick(whole.npm, (name) => names.has(name)),
  };
  await Deno.writeTextFile(path, JSON.stringify(narrow));
  return path;
}

/** Nothing may have come in beside what the root's lock file vouches for. */
async function assertLocked(path: string): Promise<void> {
  const used: Lock = JSON.parse(await Deno.readTextFile(path));
  const whole: Lock = JSON.parse(await Deno.readTextFile(join(root, "deno.lock")));
  for (const name of Object.keys(used.npm)) {
    if (whole.npm[name] === undefined) throw new Error(`Cannot vouch for ${name}: it is not in deno.lock`);
  }
  await Deno.remove(path);
}

function pick<Value>(
  all: Record<string, Value>,
  wanted: (key: string, value: Value) => boolean,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(all).filter(([key, value]) => wanted(key, value)));
}

async function ask(args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
  })
    .output();
  if (!success) throw new Error(`Cannot run deno ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** The files in Deno's package cache that no program reads. */
async function findUnread(): Promise<string[]> {
  const { npmCache }: { npmCache: string } = JSON.parse(await ask(["info", "--json"]));
  const files: string[] = [];
  for (const name of ["@electric-sql/pglite", "@supabase", "hono", "jose"]) {
    for await (const registry of Deno.readDir(npmCache)) {
      await collect(join(npmCache, registry.name, name), files);
    }
  }
  return files;
}

async function collect(path: string, files: string[]): Promise<void> {
  try {
    for await (const entry of Deno.readDir(path)) {
      const inner = join(path, entry.name);
      if (entry.isDirectory) await collect(inner, files);
      else if (unread.test(entry.name)) files.push(inner);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** In the form that `sha256sum --check` reads. */
async function writeChecksums(paths: string[]): Promise<void> {
  const lines: string[] = [];
  for (const path of paths) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path)));
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    lines.push(`${hex}  ${basename(path)}\n`);
  }
  await Deno.writeTextFile(join(folder, "SHA256SUMS"), lines.join(""));
}
