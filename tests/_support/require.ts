import { fileURLToPath } from "node:url";
import { binary } from "./compiled.ts";

type Work = (context: Deno.TestContext) => Promise<void> | void;

/** Something that a test needs from this machine, and that may not be there. */
export interface Part<Found> {
  /** A test with that part; without it, one that was left out. */
  test: (
    name: string,
    work: (found: Found, context: Deno.TestContext) => Promise<void>,
    sanitizers?: { sanitizeOps?: false; sanitizeResources?: false },
  ) => void;
}

/** Looks for a part of this machine once; `find` answers null when it is not there. */
export async function part<Found>(what: string, find: () => Promise<Found | null>): Promise<Part<Found>> {
  const found = await find();
  return {
    test(name, work, sanitizers = {}) {
      if (found === null) leaveOut(name, what);
      else Deno.test(name, sanitizers, (context) => work(found, context));
    },
  };
}

/** A test for which nothing is missing (null), or one that was left out. */
export function testUnless(missing: string | null, name: string, work: Work): void {
  if (missing === null) Deno.test(name, work);
  else leaveOut(name, missing);
}

/** Whether a missing part is a failure here: `OPENCLAW_REQUIRE` is `all`, or `all but <part>, <part>`. */
export function isRequired(part: string): boolean {
  const required = Deno.env.get("OPENCLAW_REQUIRE") ?? "";
  if (required === "all") return true;
  return required.startsWith("all but ") && !required.slice("all but ".length).split(", ").includes(part);
}

/**
 * A test that only the compiled program can pass. It is run where `OPENCLAW_TEST_BINARY` names one; a run from source
 * leaves it out, with `OPENCLAW_REQUIRE=all` too: not every machine can compile.
 */
export function testCompiled(name: string, work: Work): void {
  if (binary !== undefined) Deno.test(name, work);
  else Deno.test.ignore(leftOut(name, "compiled program"), () => undefined);
}

/** A test that a run has no time for which does only a share of its work, with `OPENCLAW_REQUIRE=all` too. */
export function leaveOutForTime(name: string, what: string): void {
  Deno.test.ignore(leftOut(name, `time for ${what}`), () => undefined);
}

/** What cannot be tested here is ignored and says so, unless it is required. */
function leaveOut(name: string, missing: string): void {
  if (!isRequired(missing)) {
    Deno.test.ignore(leftOut(name, missing), () => undefined);
    return;
  }
  Deno.test(name, () => {
    throw new Error(`Cannot test this: there is no ${missing} here, and OPENCLAW_REQUIRE requires it`);
  });
}

/**
 * The name of a test, or of a step, that is left out: what runs the tests counts these names by their missing part. The
 * file that `OPENCLAW_TEST_LEFT_OUT` names is told the part and the test's file, so that a run that has the part can
 * take these files only.
 */
export function leftOut(name: string, missing: string): string {
  const notes = Deno.env.get("OPENCLAW_TEST_LEFT_OUT");
  if (notes) {
    Deno.writeTextFileSync(notes, `${missing}\t${fileURLToPath(Deno.mainModule)}\n`, { append: true });
  }
  return `LEFT OUT, there is no ${missing} here: ${name}`;
}
