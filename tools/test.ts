import { join } from "node:path";
import { exists } from "../cli/host/private_file.ts";
import { inMemory } from "./_memory.ts";
import {
  fileOf,
  leftOut,
  readResults,
  readTold,
  readUncaught,
  slowestFiles,
  type Told,
} from "./_test_results.ts";

/*
 * Runs the tests: `deno task test [--long] [--times] [--verbose] [file or folder …]`. It prints what failed, then one
 * line for each part of this machine that is missing, with the number of tests that were left out for it, then the
 * names of those that failed once more, and the line that counts all of them. Exits as `deno test` does.
 */

/** Those that take longest come first: begun last, they would keep one processor busy while the others have no work. */
const slowest = [
  "tests/installers/scenarios",
  "tests/installers/agents_test.ts",
  "tests/scenarios",
  "tests/functions/edge_test.ts",
  "tests/docs/server_unit_test.ts",
  "tests/cli/commands/completions_test.ts",
  "tests/demo_test.ts",
  "tests/cli/commands/fleet/login_test.ts",
  "tests/cli/commands/fleet/top_terminal_test.ts",
  "tests/cli/dashboard/page",
  "tests/database",
  "tests/cli/serve",
  "tests/cli/service",
  "tests/cli/agent",
  "tests/installers",
  // These wait for real minutes.
  "tests/long/serve",
  "tests/long/agent",
];
/** What is slow by nature, and what only measures. */
const neverUsual = ["tests/long/", "tests/bench/"];
/** Most tests wait for something else than this processor. */
const jobsPerProcessor = 3;
/**
 * V8 optimizes what runs often, JavaScript and the WebAssembly of the embedded Postgres. That pays in a server that lives
 * for longer than one of these tests. Of those with the embedded Postgres, it took a seventh of the CPU.
 */
const neverOptimized = "--liftoff-only,--no-opt";
const passedLine = /\.\.\. (ok|ignored) \(|^running \d+ tests? from |^$/;
const escapes = new RegExp(String.raw`\u001b\[[0-9;]*m`, "g");

if (import.meta.main) Deno.exit(await runTests(Deno.args));

async function runTests(args: string[]): Promise<number> {
  const flags = new Set(args.filter((arg) => arg.startsWith("--")));
  const files = args.filter((arg) => !arg.startsWith("--"));
  const isLong = flags.has("--long");
  const folder = await Deno.makeTempDir({ prefix: "openclaw-results-" });
  try {
    await fetchPackages();
    const results = join(folder, "results.xml");
    const scope = files.length > 0
      ? files
      : inOrder(isLong ? await filesIn("tests/long") : await usualFiles());
    // A long test measures, kills and loads: it has the machine for itself, unless it does only a share of its work.
    const isWhole = isLong && (Deno.env.get("OPENCLAW_TEST_SHARE") || "1") === "1";
    const order = isWhole ? [] : ["--parallel"];
    const args = ["test", "--no-check", "--allow-all", ...order, `--junit-path=${results}`, ...scope];
    const memory = join(folder, "memory");
    await Deno.mkdir(memory);
    const there = isWhole ? null : await inMemory(memory, [Deno.execPath(), ...args]);
    // Some tests run programs as other users.
    if (there !== null) await Deno.chmod(folder, 0o711);
    const [program, all] = there ?? [Deno.execPath(), args];
    const child = new Deno.Command(program, {
      args: all,
      env: {
        ...(isWhole ? {} : { DENO_V8_FLAGS: neverOptimized }),
        OPENCLAW_TEST_MEMORY: there === null ? "" : memory,
        DENO_JOBS: Deno.env.get("DENO_JOBS") ?? String(jobsPerProcessor * navigator.hardwareConcurrency),
      },
      stdout: "piped",
    }).spawn();
    const told = await show(child.stdout, { all: isLong || flags.has("--verbose") });
    const { code, signal } = await child.status;
    if (!await exists(results)) {
      print(`\nThe tests ended before their results were written: exit code ${code}, signal ${signal}`);
      return code || 1;
    }
    await report(results, { ...told, times: flags.has("--times") });
    return code;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * All packages at once, before any test. Deno fetches what a test needs when that begins; a program that another test
 * starts meanwhile finds a part of them, and has no environment to fetch the others with.
 */
async function fetchPackages(): Promise<void> {
  const { code } = await new Deno.Command(Deno.execPath(), { args: ["install", "--quiet"] }).spawn().status;
  if (code !== 0) print("The packages could not all be fetched: tests that need one of them will fail");
}

async function usualFiles(): Promise<string[]> {
  return (await filesIn("tests")).filter((file) => !neverUsual.some((folder) => file.startsWith(folder)));
}

/** Deno begins files in the order in which they are named. */
function inOrder(files: readonly string[]): string[] {
  const begins = (file: string): number => {
    const index = slowest.findIndex((path) => file.startsWith(path));
    return index === -1 ? slowest.length : index;
  };
  return files.toSorted((one, other) => begins(one) - begins(other));
}

async function filesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(testFiles(folder))).sort();
}

async function* testFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* testFiles(path);
    else if (name.endsWith("_test.ts")) yield path;
  }
}

/** What the lines of the tests said: those that ended, and the files with an error that was none of a test's. */
interface Shown {
  told: Told[];
  uncaught: string[];
}

/** Prints what the tests print, less the lines of those that passed; returns what these say. */
async function show(output: ReadableStream<Uint8Array>, { all }: { all: boolean }): Promise<Shown> {
  const told: Told[] = [];
  const uncaught: string[] = [];
  let rest = "";
  for await (const text of output.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const plain = line.replace(escapes, "");
      const end = readTold(plain);
      if (end !== null) told.push(end);
      const file = readUncaught(plain);
      if (file !== null) uncaught.push(file);
      if (all || !passedLine.test(plain)) print(line);
    }
  }
  if (rest !== "") print(rest);
  return { told, uncaught };
}

async function report(path: string, { told, uncaught, times }: Shown & { times: boolean }): Promise<void> {
  const results = readResults(await Deno.readTextFile(path));
  if (times) {
    print("\nSeconds of the slowest files:");
    for (const { file, seconds } of slowestFiles(results, told)) {
      print(`${seconds.toFixed(1).padStart(8)}  ${file}`);
    }
  }
  const missing = leftOut(results);
  if (missing.length > 0) print("\nLeft out, because it is not on this machine:");
  for (const { part, tests } of missing) print(`${String(tests).padStart(8)}  ${part}`);
  const count = (state: string): number => results.filter((one) => one.state === state).length;
  const failed = [
    ...results.filter(({ state }) => state === "failed").map((one) => `${fileOf(one, told)}: ${one.name}`),
    ...uncaught.map((file) => `${file}: an error beside its tests`),
  ];
  if (failed.length > 0) print(`\nFailed:\n${failed.map((one) => `  ${one}`).join("\n")}`);
  print(`\n${count("passed")} passed, ${failed.length} failed, ${count("skipped")} skipped`);
}

function print(line: string): void {
  // deno-lint-ignore no-console -- this program's output
  console.log(line);
}
