/** One test, or one step of a test. */
export interface Result {
  file: string;
  name: string;
  seconds: number;
  state: "passed" | "failed" | "skipped";
}

/** How many tests a missing part of the machine cost. */
export interface LeftOut {
  part: string;
  tests: number;
}

const entities: Record<string, string> = { quot: '"', apos: "'", lt: "<", gt: ">", amp: "&" };
const shown = 30;

/** Reads the report that `deno test --junit-path` writes. */
export function readResults(xml: string): Result[] {
  const found: Result[] = [];
  for (const [, attributes = "", body = ""] of xml.matchAll(/<testcase ([^>]*)>([^]*?)<\/testcase>/g)) {
    found.push({
      file: attribute(attributes, "classname"),
      name: attribute(attributes, "name"),
      seconds: Number(attribute(attributes, "time")),
      state: /<skipped/.test(body) ? "skipped" : /<(failure|error)/.test(body) ? "failed" : "passed",
    });
  }
  return found;
}

/**
 * The parts that were missing, by their own names ("LEFT OUT, there is no <part>, <part> here: …"), most tests first. A
 * test that lacks several counts for each of them.
 */
export function leftOut(results: readonly Result[]): LeftOut[] {
  const counts = new Map<string, number>();
  for (const { name, state } of results) {
    if (state !== "skipped") continue;
    const missing = /LEFT OUT, there is no (.+?) here: /.exec(name)?.[1] ??
      "other system, or it takes the source in place of the compiled program";
    for (const part of new Set(missing.split(/, (?!or )/))) counts.set(part, (counts.get(part) ?? 0) + 1);
  }
  return [...counts].map(([part, tests]) => ({ part, tests })).sort((one, other) => other.tests - one.tests);
}

/** A test or step whose end was printed: `./tests/a_test.ts => the test ... its step ... ok (1m2s)`. */
export interface Told {
  file: string;
  name: string;
  seconds: number;
}

/** Null for every other line. Several files at once are needed for it: one alone is not named in each line. */
export function readTold(line: string): Told | null {
  const [, file, name, minutes, count, unit] =
    /^(\S+) => (.+) \.\.\. \w+ .*?\((?:(\d+)m)?(\d+)(s|ms|µs)\)$/.exec(line) ?? [];
  if (file === undefined || name === undefined) return null;
  return { file, name, seconds: Number(minutes ?? 0) * 60 + (unit === "s" ? Number(count) : 0) };
}

/** The file of an error that came from beside its tests, as from a timer that one left behind. The report lacks it. */
export function readUncaught(line: string): string | null {
  return /^Uncaught error from (.+) FAILED$/.exec(line)?.[1] ?? null;
}

/** Where a test or step was told to be. The report's own file is the one that calls `Deno.test`. */
export function fileOf({ file, name }: Result, told: readonly Told[]): string {
  const [test] = name.split(" > ");
  return told.find((one) => one.name === test)?.file ?? file;
}

/**
 * The seconds of each file's tests, to which the seconds of their steps belong. The report's own file of a test is the one
 * that calls `Deno.test`, which for many is one of `tests/_support`; so what was told counts, where it was.
 */
export function slowestFiles(results: readonly Result[], told: readonly Told[] = []): Omit<Told, "name">[] {
  const tests = results.filter(({ name }) => !name.includes(" > "));
  const names = new Set(tests.map(({ name }) => name));
  const ended = told.filter(({ name }) => names.has(name));
  const files = new Map<string, number>();
  for (const { file, seconds } of ended.length > 0 ? ended : tests) {
    files.set(file, (files.get(file) ?? 0) + seconds);
  }
  return [...files].map(([file, seconds]) => ({ file, seconds }))
    .sort((one, other) => other.seconds - one.seconds).slice(0, shown);
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value.replace(/&(\w+);/g, (text, entity) => entities[entity] ?? text);
}
